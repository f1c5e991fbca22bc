import { ShapeError } from '../core/errors.ts';
import { formatShape, normalizeAxis, sameShape, staticDim } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  abs,
  add,
  cast,
  clip,
  div,
  equal,
  log,
  logicalOr,
  mask,
  maximum,
  mul,
  neg,
  notEqual,
  sigmoid,
  softplus,
  sqrt,
  square,
  sub,
} from './elementwise.ts';
import { expandDims, squeeze } from './rearranging.ts';
import { reduceMax, reduceMean, reduceSum } from './reduce.ts';
import { reshape } from './shaping.ts';
import { logSoftmax, softmax } from './softmax.ts';
import { oneHot } from './sorting.ts';

/** Keras' `epsilon()`: what keeps logarithms and quotients finite. */
export const epsilon = 1e-7;

/** From targets and predictions of one shape [batch, …] to a number an example, [batch, …] without the last axis. */
export type PerExample = (targets: Value, predictions: Value) => Value;

const one = constant(1);
const last = { axes: [-1] };

/** The same numbers as float32. */
export const asFloat32 = (x: Value): Value => (x.dtype === 'float32' ? x : cast(x, { to: 'float32' }));

/** As Keras does: of two values, of which one has an axis of size 1 more at its end, the axis is put or taken away. */
export function ofSameRank(a: Value, b: Value): readonly [Value, Value] {
  if (a.rank === b.rank + 1 && a.shape.at(-1) === 1)
    return b.rank === 1 ? [a, expandDims(b, { axis: -1 })] : [squeeze(a, { axes: [-1] }), b];
  if (b.rank === a.rank + 1 && b.shape.at(-1) === 1) {
    const [second, first] = ofSameRank(b, a);
    return [first, second];
  }
  return [a, b];
}

/**
 * Targets as float32 and predictions, brought to one shape.
 *
 * @throws {ShapeError} when they cannot be
 */
export function aligned(what: string, targets: Value, predictions: Value): readonly [Value, Value] {
  const [t, p] = ofSameRank(asFloat32(targets), asFloat32(predictions));
  if (sameShape(t.shape, p.shape)) return [t, p];
  throw new ShapeError(`${what}: targets ${targets} and predictions ${predictions} differ in shape`);
}

/** Between aligned values, the mean over the last axis. */
const meanOf =
  (what: string, each: PerExample): PerExample =>
  (targets, predictions) =>
    reduceMean(each(...aligned(what, targets, predictions)), last);

export const meanSquaredError = meanOf('meanSquaredError', (t, p) => square(sub(t, p)));
export const meanAbsoluteError = meanOf('meanAbsoluteError', (t, p) => abs(sub(t, p)));
export const meanAbsolutePercentageError = meanOf('meanAbsolutePercentageError', (t, p) =>
  mul(constant(100), abs(div(sub(t, p), maximum(abs(t), constant(epsilon))))),
);
export const meanSquaredLogarithmicError = meanOf('meanSquaredLogarithmicError', (t, p) => {
  const logarithm = (x: Value) => log(add(maximum(x, constant(epsilon)), one));
  return square(sub(logarithm(p), logarithm(t)));
});
/** log(cosh(error)), by |error|, for which no term grows. */
export const logCosh = meanOf('logCosh', (t, p) => {
  const error = abs(sub(p, t));
  return sub(add(error, softplus(mul(constant(-2), error))), constant(Math.LN2));
});
export const poisson = meanOf('poisson', (t, p) => sub(p, mul(t, log(add(p, constant(epsilon))))));

export const klDivergence: PerExample = (targets, predictions) => {
  const [t, p] = aligned('klDivergence', targets, predictions).map((x) => clip(x, { min: epsilon, max: 1 }));
  return reduceSum(mul(t!, log(div(t!, p!))), last);
};

/** The cosine of the angle between targets and predictions along an axis. */
export function cosineSimilarity(targets: Value, predictions: Value, axis = -1): Value {
  const along = { axes: [axis], keepDims: true };
  const unit = (x: Value) => div(x, sqrt(maximum(reduceSum(square(x), along), constant(epsilon ** 2))));
  const [t, p] = aligned('cosineSimilarity', targets, predictions);
  return reduceSum(mul(unit(t), unit(p)), { axes: [axis] });
}

/** Targets of −1 and 1; where a batch has 0 and 1 alone, these are taken for them. */
function signs(targets: Value): Value {
  const other = sub(one, mask(logicalOr(equal(targets, constant(0)), equal(targets, one)), targets));
  const binary = mask(equal(reduceSum(other), constant(0)), targets);
  return add(targets, mul(binary, sub(targets, one)));
}

const margin: PerExample = (t, p) => maximum(sub(one, mul(signs(t), p)), constant(0));
export const hinge = meanOf('hinge', margin);
export const squaredHinge = meanOf('squaredHinge', (t, p) => square(margin(t, p)));
export const categoricalHinge: PerExample = (targets, predictions) => {
  const [t, p] = aligned('categoricalHinge', targets, predictions);
  const wrong = reduceMax(mul(sub(one, t), p), last);
  return maximum(add(sub(wrong, reduceSum(mul(t, p), last)), one), constant(0));
};

/** Probabilities away from 0 and 1, so that their logarithms are finite. */
export const clipped = (probabilities: Value): Value =>
  clip(probabilities, { min: epsilon, max: 1 - epsilon });

/** How cross-entropies read predictions and targets. */
export interface CrossentropyOptions {
  /** Predictions are logits. What softmax or sigmoid has just made is taken from its logits either way. */
  readonly fromLogits?: boolean;
  /** The share of each target that is spread evenly. */
  readonly labelSmoothing?: number;
  /** Of the classes. */
  readonly axis?: number;
}

/** The logits of predictions, if there are any: sigmoid's own where it has just made the predictions. */
export const sigmoidLogits = (predictions: Value, fromLogits: boolean): Value | undefined =>
  predictions.op === sigmoid.op ? predictions.inputs[0] : fromLogits ? predictions : undefined;

/** −t·log p − (1 − t)·log(1 − p) of each element, p = σ(x) where x are logits. */
export function binaryCrossentropyOfEach(t: Value, x: Value, areLogits: boolean): Value {
  // −log σ(x) = softplus(−x): no digit is lost at either end.
  if (areLogits) return add(mul(t, softplus(neg(x))), mul(sub(one, t), softplus(x)));
  const probability = clipped(x);
  return neg(add(mul(t, log(probability)), mul(sub(one, t), log(sub(one, probability)))));
}

export function smoothedBinary(targets: Value, labelSmoothing: number): Value {
  if (labelSmoothing === 0) return targets;
  return add(mul(targets, constant(1 - labelSmoothing)), constant(labelSmoothing / 2));
}

export function binaryCrossentropy(
  targets: Value,
  predictions: Value,
  { fromLogits = false, labelSmoothing = 0, axis = -1 }: CrossentropyOptions = {},
): Value {
  const logits = sigmoidLogits(predictions, fromLogits);
  const [t, x] = aligned('binaryCrossentropy', targets, logits ?? predictions);
  const each = binaryCrossentropyOfEach(smoothedBinary(t, labelSmoothing), x, logits !== undefined);
  return reduceMean(each, { axes: [axis] });
}

/** Keras counts the classes on the last axis, whichever axis they are on. */
export function smoothedClasses(targets: Value, labelSmoothing: number): Value {
  if (labelSmoothing === 0) return targets;
  const classes = staticDim(targets.shape.at(-1)!, 'label smoothing');
  return add(mul(targets, constant(1 - labelSmoothing)), constant(labelSmoothing / classes));
}

/** The logits of predictions, if there are any: softmax' own where it has just made the predictions. */
function softmaxLogits(predictions: Value, fromLogits: boolean, axis: number): Value | undefined {
  const { op, inputs, attributes, rank } = predictions;
  const madeAlong = (attributes.axis as number | undefined) ?? -1;
  const alongSame = normalizeAxis(axis, rank, 'softmax') === (madeAlong + rank) % rank;
  if (op === softmax.op && alongSame) return inputs[0];
  return fromLogits ? predictions : undefined;
}

export function categoricalCrossentropy(
  targets: Value,
  predictions: Value,
  { fromLogits = false, labelSmoothing = 0, axis = -1 }: CrossentropyOptions = {},
): Value {
  const [t, p] = aligned('categoricalCrossentropy', targets, predictions);
  const logits = softmaxLogits(p, fromLogits, axis);
  const logarithms = logits
    ? logSoftmax(logits, { axis })
    : log(clipped(div(p, reduceSum(p, { axes: [axis], keepDims: true }))));
  return neg(reduceSum(mul(smoothedClasses(t, labelSmoothing), logarithms), { axes: [axis] }));
}

export interface SparseCrossentropyOptions {
  readonly fromLogits?: boolean;
  /** A class that does not count, such as a border that nobody has labelled. */
  readonly ignoreClass?: number | undefined;
  readonly axis?: number;
}

/** Class indexes as float32, without the class axis that predictions have. */
export function classIndexes(what: string, targets: Value, predictions: Value, axis = -1): Value {
  const at = normalizeAxis(axis, predictions.rank, what);
  const indexes = asFloat32(targets);
  const wanted = predictions.shape.toSpliced(at, 1);
  if (sameShape(indexes.shape, wanted)) return indexes;
  if (sameShape(indexes.shape, wanted.toSpliced(at, 0, 1))) return reshape(indexes, { shape: wanted });
  throw new ShapeError(
    `${what}: class indexes ${formatShape(wanted)} are needed for predictions ${predictions}, got ${targets}`,
  );
}

/** 1 where a class index counts, 0 where it is the ignored one. */
export const countedClasses = (indexes: Value, ignoreClass: number): Value =>
  mask(notEqual(indexes, constant(ignoreClass)), indexes);

/** 0 for an ignored class; NaN for an index that is no class, as TensorFlow's kernels on GPUs give. */
export function sparseCategoricalCrossentropy(
  targets: Value,
  predictions: Value,
  { fromLogits = false, ignoreClass, axis = -1 }: SparseCrossentropyOptions = {},
): Value {
  const p = asFloat32(predictions);
  const indexes = classIndexes('sparseCategoricalCrossentropy', targets, p, axis);
  const logits = softmaxLogits(p, fromLogits, axis) ?? log(clipped(p));
  const along = { axes: [axis] };
  const depth = staticDim(p.shape.at(axis)!, 'sparseCategoricalCrossentropy');
  const rightOnes = oneHot(cast(indexes, { to: 'int64' }), { depth, axis });
  const picked = neg(reduceSum(mul(rightOnes, logSoftmax(logits, { axis })), along));
  const found = reduceSum(rightOnes, along);
  if (ignoreClass === undefined) return div(picked, found);
  const counted = countedClasses(indexes, ignoreClass);
  return mul(div(picked, maximum(found, sub(one, counted))), counted);
}
