import { UsageError } from '../core/errors.ts';
import { sizeOf, staticDim } from '../core/shape.ts';
import { floats } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  add,
  cast,
  ceil,
  clip,
  equal,
  greater,
  isNaN as isNotANumber,
  logicalNot,
  mask,
  maximum,
  mul,
  sub,
  where,
} from '../ops/elementwise.ts';
import { aligned } from '../ops/per-example.ts';
import { expandDims } from '../ops/rearranging.ts';
import { filled, reduceSum } from '../ops/reduce.ts';
import { broadcastLike, reshape, scatterAdd, slice } from '../ops/shaping.ts';
import { oneHot, topKIndices } from '../ops/sorting.ts';
import { weightsFor } from './row.ts';

/** Thresholds that a prediction must exceed to count as positive. */
export interface Thresholds {
  /** As they were given. */
  readonly values: readonly number[];
  /** 0, 1/(n − 1), …, 1, perhaps with room at the ends: a product tells how many of them a prediction exceeds. */
  readonly even: boolean;
}

/** Far below every prediction: the threshold that all exceed, and the score of those that top-k leaves out. */
export const farBelow = -1e10;

export function thresholdsOf(values: readonly number[]): Thresholds {
  const steps = values.length - 1;
  const even =
    values.length >= 3 &&
    values.every((value, i) => Math.abs(value - i / steps) <= 1e-7 + (1e-5 * i) / steps);
  return { values, even };
}

export interface ConfusionOptions {
  readonly thresholds: Thresholds;
  /** Only the `topK` largest predictions of an example can be positive. */
  readonly topK?: number | undefined;
  /** Only this class counts. */
  readonly classId?: number | undefined;
  /** Apart for each label, the last axis. */
  readonly perLabel?: boolean;
  /** A factor for each label. */
  readonly labelWeights?: readonly number[] | undefined;
}

const rising = (length: number, step = 1) =>
  constant(floats(Float32Array.from({ length }, (_, i) => i * step)));

/** How many thresholds each prediction exceeds. */
function exceeded(predictions: Value, { values, even }: Thresholds): Value {
  if (!even) {
    const sorted = constant(floats([...values].sort((a, b) => a - b)));
    return reduceSum(mask(greater(expandDims(predictions, { axis: -1 }), sorted), predictions), {
      axes: [-1],
    });
  }
  const within = where(isNotANumber(predictions), constant(0), clip(predictions, { min: 0, max: 1 }));
  const count = ceil(mul(within, constant(values.length - 1)));
  const hasRoom = values[0]! < 0 || values.at(-1)! > 1;
  return hasRoom ? maximum(count, constant(1)) : count;
}

/**
 * The weight of examples by their label and by how many thresholds their prediction exceeds, in one pass whatever the
 * number of thresholds: what `readConfusion` needs for true and false positives and negatives at all of them.
 *
 * @returns [labels · 2 · (thresholds + 1)], where labels is 1 unless they are apart
 */
export function confusionHistogram(
  what: string,
  targets: Value,
  predictions: Value,
  sampleWeights: Value | undefined,
  { thresholds, topK, classId, perLabel = false, labelWeights }: ConfusionOptions,
): Value {
  let [t, p] = aligned(what, targets, predictions);
  if (topK !== undefined) p = onlyTopK(p, topK);
  if (classId !== undefined) [t, p] = [ofClass(what, t, classId), ofClass(what, p, classId)];
  const labels = perLabel ? staticDim(p.shape.at(-1)!, what) : 1;
  const cells = thresholds.values.length + 1;

  const positive = mask(logicalNot(equal(t, constant(0))), t);
  const place = add(exceeded(p, thresholds), mul(positive, constant(cells)));
  const index = perLabel ? add(place, rising(labels, 2 * cells)) : place;
  const weights = [
    sampleWeights && weightsFor(p, sampleWeights),
    labelWeights && constant(floats(labelWeights)),
  ];
  const weight = weights.reduce<Value>(
    (product, factor) => (factor ? mul(product, factor) : product),
    constant(1),
  );

  const flat = (x: Value) => reshape(x, { shape: [sizeOf(x.shape)] });
  return scatterAdd(
    filled(0, [labels * 2 * cells]),
    flat(cast(index, { to: 'int64' })),
    flat(broadcastLike(weight, p)),
    { axis: 0 },
  );
}

function onlyTopK(predictions: Value, k: number): Value {
  const depth = staticDim(predictions.shape.at(-1)!, 'topK');
  const among = reduceSum(oneHot(topKIndices(predictions, { k }), { depth }), { axes: [-2] });
  return add(mul(predictions, among), mul(constant(farBelow), sub(constant(1), among)));
}

function ofClass(what: string, x: Value, classId: number): Value {
  const classes = x.shape.at(-1);
  if (x.rank < 2 || (typeof classes === 'number' && classId >= classes))
    throw new UsageError(`${what}: there is no class ${classId} in predictions ${x}`);
  return slice(x, { starts: [classId], ends: [classId + 1], axes: [-1] });
}

/** Weights of examples at each threshold, in the order in which the thresholds were given. */
export interface Confusion {
  readonly truePositives: number[];
  readonly falsePositives: number[];
  readonly trueNegatives: number[];
  readonly falseNegatives: number[];
}

/** What a histogram of `confusionHistogram` says, for one of its labels. */
export function readConfusion(histogram: Float64Array, { values }: Thresholds, label = 0): Confusion {
  const cells = values.length + 1;
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  /** At each threshold, the weight up to it and beyond it. */
  const split = (start: number) => {
    const [below, above] = [new Array<number>(values.length), new Array<number>(values.length)];
    const total = histogram.slice(start, start + cells).reduce((sum, weight) => sum + weight, 0);
    let sum = 0;
    order.forEach((place, i) => {
      sum += histogram[start + i]!;
      below[place] = sum;
      above[place] = total - sum;
    });
    return [below, above] as const;
  };
  const [trueNegatives, falsePositives] = split(label * 2 * cells);
  const [falseNegatives, truePositives] = split((label * 2 + 1) * cells);
  return { truePositives, falsePositives, trueNegatives, falseNegatives };
}
