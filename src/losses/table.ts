import {
  either,
  flag,
  integer,
  listOf,
  type OptionsOf,
  type OptionTable,
  oneOf,
  optional,
  real,
  text,
} from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  abs,
  add,
  div,
  greater,
  lessEqual,
  log,
  mask,
  mul,
  neg,
  pow,
  sigmoid,
  square,
  sub,
  where,
} from '../ops/elementwise.ts';
import {
  aligned,
  asFloat32,
  binaryCrossentropy,
  binaryCrossentropyOfEach,
  categoricalCrossentropy,
  categoricalHinge,
  classIndexes,
  clipped,
  cosineSimilarity,
  countedClasses,
  epsilon,
  hinge,
  klDivergence,
  logCosh,
  meanAbsoluteError,
  meanAbsolutePercentageError,
  meanSquaredError,
  meanSquaredLogarithmicError,
  type PerExample,
  poisson,
  sigmoidLogits,
  smoothedBinary,
  smoothedClasses,
  sparseCategoricalCrossentropy,
  squaredHinge,
} from '../ops/per-example.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';
import { circle } from './circle.ts';

/** One loss: its options, and what it is of an example. */
export interface LossRow<T extends OptionTable> {
  readonly options: T;
  /** From targets and predictions to values [batch, …]: what is left of the predictions' shape without the axis that is summed over. */
  perExample(config: OptionsOf<T>, targets: Value, predictions: Value): Value;
  /** 1 where a value counts, 0 where it does not, of the values' shape. Without it all count. */
  counted?(config: OptionsOf<T>, targets: Value, predictions: Value, values: Value): Value | undefined;
}

const row = <T extends OptionTable>(loss: LossRow<T>): LossRow<T> => loss;

/** How the values of a batch become one number, https://keras.io/api/losses/ */
export const reductions = ['sumOverBatchSize', 'sum', 'mean', 'meanWithSampleWeight', 'none'] as const;
export type Reduction = (typeof reductions)[number];

const share = real({ from: 0, to: 1 });
const general = (name: string) => ({
  reduction: optional(oneOf(reductions), 'sumOverBatchSize'),
  name: optional(text, name),
});
const crossentropy = {
  fromLogits: optional(flag, false),
  labelSmoothing: optional(share, 0),
  axis: optional(integer, -1),
};
const focal = { alpha: optional(real({}), 0.25), gamma: optional(real({ from: 0 }), 2) };
/** Axes that are summed over; all of them, the batch's too, if absent. */
const overlapAxes = optional(either(integer, listOf(integer)));

const simple = (name: string, perExample: PerExample) =>
  row({ options: general(name), perExample: (_, targets, predictions) => perExample(targets, predictions) });

const one = constant(1);
const axesOf = (axis: number | readonly number[] | undefined) =>
  axis === undefined ? {} : { axes: typeof axis === 'number' ? [axis] : axis };

/**
 * Losses by Keras' classes, https://keras.io/api/losses/
 *
 * CTC, for sequences, is not among them.
 */
export const lossTable = {
  /** −t·log p − (1 − t)·log(1 − p), the mean over `axis`. */
  BinaryCrossentropy: row({
    options: { ...crossentropy, ...general('binary_crossentropy') },
    perExample: (config, targets, predictions) => binaryCrossentropy(targets, predictions, config),
  }),
  /** Less of what is right already: (1 − pₜ)^γ times the cross-entropy. Lin et al., ICCV 2017. */
  BinaryFocalCrossentropy: row({
    options: {
      applyClassBalancing: optional(flag, false),
      ...focal,
      ...crossentropy,
      ...general('binary_focal_crossentropy'),
    },
    perExample: (
      { applyClassBalancing, alpha, gamma, fromLogits, labelSmoothing, axis },
      targets,
      predictions,
    ) => {
      const logits = sigmoidLogits(predictions, fromLogits);
      const [given, x] = aligned('binaryFocalCrossentropy', targets, logits ?? predictions);
      const t = smoothedBinary(given, labelSmoothing);
      const p = logits ? sigmoid(x) : x;
      const right = add(mul(t, p), mul(sub(one, t), sub(one, p)));
      const each = mul(
        pow(sub(one, right), constant(gamma)),
        binaryCrossentropyOfEach(t, x, logits !== undefined),
      );
      const balance = add(mul(t, constant(alpha)), mul(sub(one, t), constant(1 - alpha)));
      return reduceMean(applyClassBalancing ? mul(balance, each) : each, { axes: [axis] });
    },
  }),
  /** −Σ t·log p over the classes on `axis`. */
  CategoricalCrossentropy: row({
    options: { ...crossentropy, ...general('categorical_crossentropy') },
    perExample: (config, targets, predictions) => categoricalCrossentropy(targets, predictions, config),
  }),
  /** −Σ α·(1 − p)^γ·t·log p over the classes on `axis`. */
  CategoricalFocalCrossentropy: row({
    options: { ...focal, ...crossentropy, ...general('categorical_focal_crossentropy') },
    perExample: ({ alpha, gamma, fromLogits, labelSmoothing, axis }, targets, predictions) => {
      const [given, x] = aligned('categoricalFocalCrossentropy', targets, predictions);
      const t = smoothedClasses(given, labelSmoothing);
      const p = fromLogits ? softmax(x, { axis }) : x;
      const probability = clipped(div(p, reduceSum(p, { axes: [axis], keepDims: true })));
      const factor = mul(pow(sub(one, probability), constant(gamma)), constant(alpha));
      return reduceSum(mul(factor, neg(mul(t, log(probability)))), { axes: [axis] });
    },
  }),
  /** −log p of the class whose index the target is: targets are [batch, …], or have a last axis of size 1. */
  SparseCategoricalCrossentropy: row({
    options: {
      fromLogits: crossentropy.fromLogits,
      ignoreClass: optional(integer),
      axis: crossentropy.axis,
      ...general('sparse_categorical_crossentropy'),
    },
    perExample: (config, targets, predictions) => sparseCategoricalCrossentropy(targets, predictions, config),
    counted: ({ ignoreClass, axis }, targets, predictions) =>
      ignoreClass === undefined
        ? undefined
        : countedClasses(classIndexes('ignoreClass', targets, predictions, axis), ignoreClass),
  }),
  /** max(0, 1 + the largest wrong score − the right one) */
  CategoricalHinge: simple('categorical_hinge', categoricalHinge),
  /** max(0, 1 − t·p); targets are −1 or 1, or 0 or 1. */
  Hinge: simple('hinge', hinge),
  SquaredHinge: simple('squared_hinge', squaredHinge),
  /** Σ t·log(t / p) */
  KLDivergence: simple('kl_divergence', klDivergence),
  /** p − t·log p */
  Poisson: simple('poisson', poisson),
  /** −cos of the angle between targets and predictions. */
  CosineSimilarity: row({
    options: { axis: optional(integer, -1), ...general('cosine_similarity') },
    perExample: ({ axis }, targets, predictions) => neg(cosineSimilarity(targets, predictions, axis)),
  }),
  MeanSquaredError: simple('mean_squared_error', meanSquaredError),
  MeanAbsoluteError: simple('mean_absolute_error', meanAbsoluteError),
  MeanAbsolutePercentageError: simple('mean_absolute_percentage_error', meanAbsolutePercentageError),
  MeanSquaredLogarithmicError: simple('mean_squared_logarithmic_error', meanSquaredLogarithmicError),
  /** Half the square up to `delta`, straight from there. */
  Huber: row({
    options: { delta: optional(real({ above: 0 }), 1), ...general('huber_loss') },
    perExample: ({ delta }, targets, predictions) => {
      const [t, p] = aligned('huber', targets, predictions);
      const error = abs(sub(p, t));
      const half = mul(constant(0.5), square(error));
      const straight = sub(mul(constant(delta), error), constant(delta ** 2 / 2));
      return reduceMean(where(lessEqual(error, constant(delta)), half, straight), { axes: [-1] });
    },
  }),
  LogCosh: simple('log_cosh', logCosh),
  /** 1 − 2·Σ t·p / (Σ t + Σ p): a number for the whole batch without `axis`. */
  Dice: row({
    options: { axis: overlapAxes, ...general('dice') },
    perExample: ({ axis }, targets, predictions) => {
      const [t, p] = aligned('dice', targets, predictions);
      const sum = (x: Value) => reduceSum(x, axesOf(axis));
      const both = add(add(sum(t), sum(p)), constant(epsilon));
      return sub(one, div(mul(constant(2), sum(mul(t, p))), both));
    },
  }),
  /** Dice with weights of what was missed (`alpha`) and what was too much (`beta`). Salehi et al., MLMI 2017. */
  Tversky: row({
    options: {
      alpha: optional(real({}), 0.5),
      beta: optional(real({}), 0.5),
      axis: overlapAxes,
      ...general('tversky'),
    },
    perExample: ({ alpha, beta, axis }, targets, predictions) => {
      const [t, p] = aligned('tversky', targets, predictions);
      const sum = (x: Value) => reduceSum(x, axesOf(axis));
      const both = sum(mul(t, p));
      const missed = mul(sum(mul(sub(one, p), t)), constant(alpha));
      const tooMuch = mul(sum(mul(p, sub(one, t))), constant(beta));
      return sub(one, div(both, add(add(add(both, missed), tooMuch), constant(epsilon))));
    },
  }),
  /**
   * Between embeddings [batch, size] of length 1, whose targets are class indexes [batch]: near within a class, far
   * between classes. Sun et al., CVPR 2020.
   */
  Circle: row({
    options: {
      gamma: optional(real({ above: 0 }), 80),
      margin: optional(real({}), 0.4),
      removeDiagonal: optional(flag, true),
      ...general('circle'),
    },
    perExample: (config, targets, predictions) => circle(config, targets, asFloat32(predictions)),
    counted: (_config, _targets, _predictions, values) => mask(greater(values, constant(0)), values),
  }),
};
