import { stat } from 'node:fs/promises';
import { DataError } from '../core/errors.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Model } from '../models/model.ts';
import { readWeights } from '../models/weight-files.ts';
import { type Checkpoint, readCheckpoint } from '../training/checkpoints/checkpoint-file.ts';
import { CheckpointStore } from '../training/checkpoints/checkpoint-store.ts';
import { modelTensors } from '../training/checkpoints/state-file.ts';

/** https://www.tensorflow.org/api_docs/python/tf/estimator/WarmStartSettings */
export interface WarmStartSettings {
  /** A checkpoint, a model directory (its newest), or a safetensors file of weights. */
  readonly checkpoint: string;
  /** The weights to start from it: their names, or a pattern that a name must contain. Default: all that are trained. */
  readonly variables?: RegExp | readonly string[];
  /** What a weight is called in the checkpoint, where that differs. */
  readonly previousNames?: Readonly<Record<string, string>>;
}

/**
 * Gives weights of a model the values of another training.
 *
 * @returns how many
 * @throws {DataError} names the weight that is missing there or has another shape
 */
export async function warmStart(model: Model, settings: string | WarmStartSettings): Promise<number> {
  const {
    checkpoint,
    variables,
    previousNames = {},
  } = typeof settings === 'string' ? { checkpoint: settings } : settings;
  const tensors = await weightsAt(checkpoint);
  const { weightNames } = model.network;
  const changing = model.cut.weights;
  const found = model.weights.flatMap((weight) => {
    const name = weightNames.get(weight)!;
    const isWanted =
      variables === undefined
        ? changing.has(weight)
        : variables instanceof RegExp
          ? variables.test(name)
          : variables.includes(name);
    if (!isWanted) return [];
    const source = previousNames[name] ?? name;
    const value = tensors[source];
    const advice = 'leave it out by `variables`, or name it by `previousNames`';
    if (!value)
      throw new DataError(
        `warmStartFrom: ${checkpoint} has no '${source}' for the weight '${name}'; ${advice}`,
      );
    if (!sameShape(value.shape, weight.shape))
      throw new DataError(
        `warmStartFrom: '${source}' of ${checkpoint} is ${formatShape(value.shape)}, and the weight '${name}' ${formatShape(weight.shape)}; ${advice}`,
      );
    return [[weight, value] as const];
  });
  const unknown = Array.isArray(variables)
    ? variables.find((name) => !found.some(([weight]) => weightNames.get(weight) === name))
    : undefined;
  if (unknown !== undefined) throw new DataError(`warmStartFrom: the model has no weight '${unknown}'`);
  for (const [weight, value] of found) weight.value = value;
  return found.length;
}

async function weightsAt(path: string): Promise<Readonly<Record<string, Tensor>>> {
  const isFolder = await stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
  if (isFolder) {
    const newest = await new CheckpointStore(path).newestWhole();
    if (!newest) throw new DataError(`warmStartFrom: there is no whole checkpoint in ${path}`);
    return modelTensors(newest.checkpoint);
  }
  if (!path.includes('model.ckpt-')) return readWeights(path);
  const checkpoint: Checkpoint = await readCheckpoint(path);
  return modelTensors(checkpoint);
}
