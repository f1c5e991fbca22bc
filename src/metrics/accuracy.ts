import { staticDim } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  cast,
  equal,
  greater,
  less,
  lessEqual,
  logicalAnd,
  logicalNot,
  mask,
  mul,
} from '../ops/elementwise.ts';
import { aligned, asFloat32, classIndexes } from '../ops/per-example.ts';
import { expandDims } from '../ops/rearranging.ts';
import { argMax, reduceMax, reduceSum } from '../ops/reduce.ts';
import { slice } from '../ops/shaping.ts';
import { oneHot } from '../ops/sorting.ts';

const last = { axes: [-1] };
const asNumbers = (condition: Value) => cast(condition, { to: 'float32' });

/** 1 where a prediction is the target, [batch, …] as they are. */
export function hits(targets: Value, predictions: Value): Value {
  return asNumbers(equal(...aligned('accuracy', targets, predictions)));
}

/** 1 where a prediction above `threshold` meets a target of 1, or one up to it a target of 0. */
export function binaryHits(targets: Value, predictions: Value, threshold: number): Value {
  const [t, p] = aligned('binaryAccuracy', targets, predictions);
  return asNumbers(equal(t, mask(greater(p, constant(threshold)), t)));
}

/** 1 where the largest prediction is at the largest target, without the axis of classes. */
export function categoricalHits(targets: Value, predictions: Value): Value {
  const [t, p] = aligned('categoricalAccuracy', targets, predictions);
  return asNumbers(equal(argMax(t), argMax(p)));
}

/** 1 where the largest prediction is at the index that the target is. */
export function sparseHits(targets: Value, predictions: Value): Value {
  const indexes = classIndexes('sparseCategoricalAccuracy', targets, predictions);
  return asNumbers(equal(indexes, asNumbers(argMax(asFloat32(predictions)))));
}

/** 1 where fewer than `k` predictions are above that of the target's class: ties are in its favour, NaN is not. */
export function topKHits(targets: Value, predictions: Value, k: number): Value {
  const [t, p] = aligned('topKCategoricalAccuracy', targets, predictions);
  return inTopK(argMax(t), p, k);
}

export function sparseTopKHits(targets: Value, predictions: Value, k: number): Value {
  const indexes = classIndexes('sparseTopKCategoricalAccuracy', targets, predictions);
  return inTopK(cast(indexes, { to: 'int64' }), asFloat32(predictions), k);
}

function inTopK(classes: Value, predictions: Value, k: number): Value {
  const depth = staticDim(predictions.shape.at(-1)!, 'top-k accuracy');
  const right = oneHot(classes, { depth });
  const score = reduceSum(mul(right, predictions), { axes: [-1], keepDims: true });
  const above = reduceSum(asNumbers(logicalNot(lessEqual(predictions, score))), last);
  return mul(asNumbers(less(above, constant(k))), reduceSum(right, last));
}

/** 1 where the target is among the first `k` of class indexes that are sorted, the best first. */
export function sortedIdHits(targets: Value, predictions: Value, k: number): Value {
  const ids = slice(asFloat32(predictions), { starts: [0], ends: [k], axes: [-1] });
  const indexes = classIndexes('sparseTopKCategoricalAccuracy', targets, predictions);
  return reduceMax(asNumbers(equal(expandDims(indexes, { axis: -1 }), ids)), last);
}

/** Predictions as decisions, 1 or 0: those above `threshold`, or the largest of each row unless it is 0. */
export function decided(predictions: Value, threshold: number | undefined): Value {
  if (threshold !== undefined) return asNumbers(greater(predictions, constant(threshold)));
  const isLargest = lessEqual(reduceMax(predictions, { axes: [-1], keepDims: true }), predictions);
  const isZero = logicalAnd(lessEqual(predictions, constant(1e-9)), lessEqual(constant(-1e-9), predictions));
  return asNumbers(logicalAnd(isLargest, logicalNot(isZero)));
}
