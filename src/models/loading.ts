import { join } from 'node:path';
import { decodeSafetensors } from '../codecs/safetensors.ts';
import { withCustomObjects } from '../core/custom-objects.ts';
import { DataError, FoveaError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { elementCount } from '../core/tensor.ts';
import { compileOptionsFrom } from './compile-config.ts';
import { type FromJsonOptions, modelFromJSON } from './from-keras.ts';
import { type JsonObject, objectAt, parsedJson } from './json.ts';
import type { Model } from './model.ts';
import { modelFiles, readModelFile } from './saving.ts';
import type { OptimizerState } from './session.ts';
import { assignWeights } from './weight-files.ts';

export interface LoadModelOptions extends Omit<FromJsonOptions, 'where'> {
  /** Compiles the model with what it was compiled with when it was saved. Default true. */
  readonly compile?: boolean;
}

/**
 * Reads a model that `model.save` wrote, with its weights, compiles it as it was, and gives the optimizer its state: the
 * next `fit` goes on where training was.
 * https://keras.io/api/models/model_saving_apis/model_saving_and_loading/#loadmodel-function
 *
 * @throws {DataError} names the file, the layer or tensor, and what is wrong with it
 * @example const net = await loadModel('runs/net', { customObjects: { Scale } });
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<Model> {
  const { compile = true, ...others } = options;
  const read = async (name: string) => (await readModelFile(path, name))!;
  const topology = join(path, modelFiles.topology);
  const described = parsedJson((await read(modelFiles.topology)).toString('utf8'), topology);
  const model = modelFromJSON(described, { ...others, where: topology });
  const weights = join(path, modelFiles.weights);
  assignWeights(model, decodeSafetensors(await read(modelFiles.weights), weights).tensors, weights);
  const optimizer = await readModelFile(path, modelFiles.optimizer, true);
  if (optimizer) model.setOptimizerState(stateOf(model, optimizer, join(path, modelFiles.optimizer)));
  if (compile)
    withCustomObjects(others.customObjects ?? {}, () =>
      compileAsSaved(model, objectAt(described, topology), topology),
    );
  return model;
}

/** With the optimizer's state that the model has been given. */
function compileAsSaved(model: Model, { compile_config: config, fovea }: JsonObject, where: string): void {
  if (config === undefined) return;
  const compiled = compileOptionsFrom(config, `${where}: compile_config`);
  const { seed = 0 } = objectAt(fovea ?? {}, `${where}: fovea`);
  try {
    model.compile({ ...compiled, seed: seed as number, resume: true });
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    throw new DataError(`${where}: ${error.message}`, { cause: error });
  }
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
    const weight = shapes.get(name.slice(0, name.lastIndexOf('/')));
    if (!weight) throw new DataError(`${where}: tensor '${name}' belongs to no weight of the model`);
    // Some optimizers keep less than the weight’s shape; the exact one is known when the model is compiled.
    if (dtype === 'float32' && elementCount(shape) <= elementCount(weight)) continue;
    throw new DataError(
      `${where}: tensor '${name}' should be float32${formatShape(weight)} or smaller, and is ${dtype}${formatShape(shape)}`,
    );
  }
  return { iterations, slots: tensors };
}
