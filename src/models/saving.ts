import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeSafetensorsPieces } from '../codecs/safetensors.ts';
import { DataError, errorCode, errorMessage, UsageError } from '../core/errors.ts';
import { createFolderWhole } from '../core/files.ts';
import { type ConfigOf, flag, optional, resolveOptions } from '../core/options.ts';
import { compileConfig } from './compile-config.ts';
import type { Model } from './model.ts';
import { serializeLayer } from './to-keras.ts';
import { weightsOf } from './weight-files.ts';

/** The files of a saved model. */
export const modelFiles = {
  /** The layers and their connections, and what `compile` was told, as Keras 3 configures them. */
  topology: 'model.json',
  weights: 'weights.safetensors',
  /** What the optimizer keeps beside the weights, and its count of steps. */
  optimizer: 'optimizer.safetensors',
};

const saveOptions = {
  /** Also saves what `compile` was told, and the optimizer's state where it has made a step. Default true. */
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
  const described = { ...serializeLayer(model), ...(includeOptimizer && compiledPart(model)) };
  const topology = `${JSON.stringify(described, undefined, 2)}\n`;
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

/** What `compile` was told. Keras passes over what stands under fovea's own name. */
function compiledPart(model: Model): object {
  const { compiled } = model;
  if (!compiled) return {};
  try {
    const config = compileConfig(compiled, model.learningRate);
    return { compile_config: config, fovea: { seed: compiled.seed } };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(
      `model '${model.name}': save: ${error.message}; or save without what compile was told: includeOptimizer: false`,
      { cause: error },
    );
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
