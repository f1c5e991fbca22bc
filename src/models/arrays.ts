import { ShapeError, UsageError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import { copyOf, rowRange, rowsAt, type Tensor } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import { isTensor } from '../data/structure.ts';
import type { Batch, Fed } from '../training/trainable.ts';

/** Examples in memory. */
export interface Arrays {
  /** [examples, …] for each input. */
  readonly x: Fed;
  /** [examples, …] for each output. */
  readonly y?: Fed | undefined;
  /** Of each example's loss, [examples], for all outputs or for each. */
  readonly sampleWeight?: Fed | undefined;
}

export interface ArrayBatchOptions {
  readonly batchSize: number;
  /** In another order each epoch. */
  readonly shuffle?: boolean;
  readonly seed?: number;
  /** What the examples' keys begin with, so that frozen layers' outputs are kept under them. Default: no keys. */
  readonly keys?: string;
}

/** How many examples there are. @throws {ShapeError} when first axes differ */
export function countOf(arrays: Arrays): number {
  const all = [arrays.x, arrays.y, arrays.sampleWeight].flatMap((fed) => (fed ? tensorsOf(fed) : []));
  if (all.length === 0 || !all.every(isTensor))
    throw new UsageError(
      'examples in memory are tensors, lists of them, or tensors by name; a dataset is for fitDataset and evaluateDataset',
    );
  const counts = new Set(all.map(({ shape }) => shape[0]));
  const [count] = counts;
  if (counts.size === 1 && count !== undefined) return count;
  throw new ShapeError(
    `inputs, targets and weights must have one number of examples, got ${all.map(({ shape }) => `[${shape}]`).join(', ')}`,
  );
}

const tensorsOf = (fed: Fed): readonly Tensor[] => (isTensor(fed) ? [fed] : Object.values(fed));

function mapped(fed: Fed, take: (tensor: Tensor) => Tensor): Fed {
  if (isTensor(fed)) return take(fed);
  if (Array.isArray(fed)) return (fed as readonly Tensor[]).map(take);
  return Object.fromEntries(Object.entries(fed).map(([name, tensor]) => [name, take(tensor)]));
}

/** Some of the examples, copied; the inputs once they are asked for. */
function examplesAt({ x, y, sampleWeight }: Arrays, take: (tensor: Tensor) => Tensor): Batch {
  return {
    inputs: async () => mapped(x, take),
    targets: y ? mapped(y, take) : [],
    ...(sampleWeight && { weights: mapped(sampleWeight, take) }),
  };
}

/** Batches of examples in memory; the last one may be smaller. */
export function arrayBatches(
  arrays: Arrays,
  { batchSize, shuffle = false, seed = 0, keys }: ArrayBatchOptions,
): Dataset<Batch> {
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new UsageError(`batchSize must be a whole number above 0, got ${batchSize}`);
  const count = countOf(arrays);
  return Dataset.fromGenerator(
    function* (epoch) {
      const order = shuffle
        ? new RandomStream(deriveKey(seed, 'shuffle', epoch)).permutation(count)
        : undefined;
      for (let from = 0; from < count; from += batchSize) {
        const to = Math.min(from + batchSize, count);
        const indexes = order?.subarray(from, to);
        const take = (tensor: Tensor) =>
          indexes ? rowsAt(tensor, indexes) : copyOf(rowRange(tensor, from, to));
        const batch = examplesAt(arrays, take);
        const key = (_: unknown, i: number) => `${keys}${indexes?.[i] ?? from + i}`;
        yield keys === undefined ? batch : { ...batch, keys: Array.from({ length: to - from }, key) };
      }
    },
    { cardinality: Math.ceil(count / batchSize) },
  );
}

let lastKeys = 0;

/** What keys begin with that nothing else has. */
export const ownKeys = (): string => `in memory ${++lastKeys}/`;

/** The last share of the examples, as Keras splits, and those before it. */
export function splitArrays(arrays: Arrays, share: number): { training: Arrays; validation: Arrays } {
  const count = countOf(arrays);
  const at = Math.floor(count * (1 - share));
  if (!(share > 0 && share < 1) || at === 0 || at === count)
    throw new UsageError(`validationSplit must leave examples on both sides of ${count}, got ${share}`);
  const part = (from: number, to: number): Arrays => {
    const take = (tensor: Tensor) => rowRange(tensor, from, to);
    const { x, y, sampleWeight } = arrays;
    return {
      x: mapped(x, take),
      y: y && mapped(y, take),
      sampleWeight: sampleWeight && mapped(sampleWeight, take),
    };
  };
  return { training: part(0, at), validation: part(at, count) };
}
