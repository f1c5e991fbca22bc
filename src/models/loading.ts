import { join } from 'node:path';
import { decodeSafetensors } from '../codecs/safetensors.ts';
import { DataError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import { type FromJsonOptions, modelFromJSON } from './from-keras.ts';
import type { Model } from './model.ts';
import { modelFiles, readModelFile } from './saving.ts';
import type { OptimizerState } from './session.ts';
import { assignWeights } from './weight-files.ts';

/**
 * Reads a model that `model.save` wrote, with its weights and, where it was saved, the optimizer's state, which
 * `compile({ …, resume: true })` goes on from.
 * https://keras.io/api/models/model_saving_apis/model_saving_and_loading/#loadmodel-function
 *
 * @throws {DataError} names the file, the layer or tensor, and what is wrong with it
 * @example const net = await loadModel('runs/net', { customObjects: { Scale } });
 */
export async function loadModel(path: string, options: Omit<FromJsonOptions, 'where'> = {}): Promise<Model> {
  const read = async (name: string) => (await readModelFile(path, name))!;
  const topology = join(path, modelFiles.topology);
  const text = (await read(modelFiles.topology)).toString('utf8');
  const model = modelFromJSON(text, { ...options, where: topology });
  const weights = join(path, modelFiles.weights);
  assignWeights(model, decodeSafetensors(await read(modelFiles.weights), weights).tensors, weights);
  const optimizer = await readModelFile(path, modelFiles.optimizer, true);
  if (optimizer) model.setOptimizerState(stateOf(model, optimizer, join(path, modelFiles.optimizer)));
  return model;
}

/** The optimizer's state from its file, checked against the model's weights. */
function stateOf(model: Model, bytes: Uint8Array, where: string): OptimizerState {
  const { tensors, metadata } = decodeSafetensors(bytes, where);
  const iterations = Number(metadata.iterations);
  if (!Number.isSafeInteger(iterations) || iterations < 0)
    throw new DataError(
      `${where}: the count of steps should be a whole number, and is ${metadata.iterations}`,
    );
  const shapes = new Map([...model.network.weightNames].map(([{ shape }, name]) => [name, shape]));
  for (const [name, { shape, dtype }] of Object.entries(tensors)) {
    const wanted = shapes.get(name.slice(0, name.lastIndexOf('/')));
    if (!wanted) throw new DataError(`${where}: tensor '${name}' belongs to no weight of the model`);
    if (dtype === 'float32' && sameShape(shape, wanted)) continue;
    throw new DataError(
      `${where}: tensor '${name}' should be float32${formatShape(wanted)}, and is ${dtype}${formatShape(shape)}`,
    );
  }
  return { iterations, slots: tensors };
}
