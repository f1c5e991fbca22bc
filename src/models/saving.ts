import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeSafetensorsPieces } from '../codecs/safetensors.ts';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { createFolderWhole } from '../core/files.ts';
import { type ConfigOf, flag, optional, resolveOptions } from '../core/options.ts';
import type { Model } from './model.ts';
import { serializeLayer } from './to-keras.ts';
import { weightsOf } from './weight-files.ts';

/** The files of a saved model. */
export const modelFiles = {
  /** The layers and their connections, as Keras 3 configures them. */
  topology: 'model.json',
  weights: 'weights.safetensors',
  /** What the optimizer keeps beside the weights, and its count of steps. */
  optimizer: 'optimizer.safetensors',
};

const saveOptions = {
  /** Also saves the optimizer's state, where it has made a step, so that training can go on. Default true. */
  includeOptimizer: optional(flag, true),
  /** Takes the place of a model that was saved there before. Default false. */
  overwrite: optional(flag, false),
};

export type SaveOptions = ConfigOf<typeof saveOptions>;

/** `model.save`, which documents it. */
export async function saveModel(model: Model, path: string, options: SaveOptions = {}): Promise<void> {
  const given = resolveOptions(saveOptions, options, `model '${model.name}': save`);
  const { includeOptimizer, overwrite } = given;
  const weights = encodeSafetensorsPieces(weightsOf(model));
  const topology = `${JSON.stringify(serializeLayer(model), undefined, 2)}\n`;
  const optimizer = includeOptimizer ? await model.optimizerState() : undefined;
  const folder = await createFolderWhole(path, overwrite ? { replaces: modelFiles.topology } : {});
  try {
    await folder.write(modelFiles.topology, topology);
    await folder.write(modelFiles.weights, weights);
    if (optimizer && optimizer.iterations > 0)
      await folder.write(
        modelFiles.optimizer,
        encodeSafetensorsPieces(optimizer.slots, { iterations: String(optimizer.iterations) }),
      );
    await folder.commit();
  } finally {
    await folder.discard();
  }
}

/** A file of a saved model; undefined when it may be absent and is. */
export async function readModelFile(
  path: string,
  name: string,
  optional = false,
): Promise<Buffer | undefined> {
  try {
    return await readFile(join(path, name));
  } catch (error) {
    const code = errorCode(error);
    const absent = code === 'ENOENT' || code === 'ENOTDIR';
    if (absent && optional) return undefined;
    const why = absent ? `${name} is not there; give the folder that model.save wrote` : errorMessage(error);
    throw new DataError(`${path} cannot be read as a model: ${why}`, { cause: error });
  }
}
