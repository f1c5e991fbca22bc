import { count, flag, integer, optional, real } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, div, mul, sqrt, square, sub } from '../ops/elementwise.ts';
import {
  aligned,
  asFloat32,
  binaryCrossentropy,
  categoricalCrossentropy,
  categoricalHinge,
  classIndexes,
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
  sparseCategoricalCrossentropy,
  squaredHinge,
} from '../ops/per-example.ts';
import { moments, reduceMean, reduceSum } from '../ops/reduce.ts';
import {
  binaryHits,
  categoricalHits,
  hits,
  sortedIdHits,
  sparseHits,
  sparseTopKHits,
  topKHits,
} from './accuracy.ts';
import { general, meanRow, row, weightedSums, weightsFor } from './row.ts';

const simple = (name: string, values: PerExample) =>
  meanRow(general(name), (_, targets, predictions) => values(targets, predictions));

const share = real({ from: 0, to: 1 });
const axis = optional(integer, -1);
const crossentropy = { fromLogits: optional(flag, false), labelSmoothing: optional(share, 0) };
const topK = optional(count, 5);

/** Means of what each example gives: https://keras.io/api/metrics/ */
export const meanTable = {
  /** Of the predictions themselves. */
  Mean: simple('mean', (_, predictions) => asFloat32(predictions)),
  /** Of the predictions themselves. */
  Sum: row({
    options: general('sum'),
    sums: (_config, _targets, predictions, sampleWeights) => ({
      total: weightedSums(asFloat32(predictions), sampleWeights, reduceSum).total,
    }),
    result: (_, { total }) => total![0]!,
  }),

  /** The share of predictions that equal their target. */
  Accuracy: simple('accuracy', hits),
  BinaryAccuracy: meanRow(
    { threshold: optional(real({}), 0.5), ...general('binary_accuracy') },
    ({ threshold }, targets, predictions) => binaryHits(targets, predictions, threshold),
  ),
  CategoricalAccuracy: simple('categorical_accuracy', categoricalHits),
  SparseCategoricalAccuracy: simple('sparse_categorical_accuracy', sparseHits),
  TopKCategoricalAccuracy: meanRow(
    { k: topK, ...general('top_k_categorical_accuracy') },
    ({ k }, targets, predictions) => topKHits(targets, predictions, k),
  ),
  SparseTopKCategoricalAccuracy: meanRow(
    { k: topK, fromSortedIds: optional(flag, false), ...general('sparse_top_k_categorical_accuracy') },
    ({ k, fromSortedIds }, targets, predictions) =>
      (fromSortedIds ? sortedIdHits : sparseTopKHits)(targets, predictions, k),
  ),

  MeanSquaredError: simple('mean_squared_error', meanSquaredError),
  RootMeanSquaredError: meanRow(
    general('root_mean_squared_error'),
    (_, targets, predictions) => square(sub(...aligned('rootMeanSquaredError', targets, predictions))),
    Math.sqrt,
  ),
  MeanAbsoluteError: simple('mean_absolute_error', meanAbsoluteError),
  MeanAbsolutePercentageError: simple('mean_absolute_percentage_error', meanAbsolutePercentageError),
  MeanSquaredLogarithmicError: simple('mean_squared_logarithmic_error', meanSquaredLogarithmicError),
  CosineSimilarity: meanRow({ axis, ...general('cosine_similarity') }, (config, targets, predictions) =>
    cosineSimilarity(targets, predictions, config.axis),
  ),
  LogCoshError: simple('logcosh', logCosh),
  PearsonCorrelation: meanRow({ axis, ...general('pearson_correlation') }, (config, targets, predictions) => {
    const [t, p] = aligned('pearsonCorrelation', targets, predictions);
    const [a, b] = [spread(t, config.axis), spread(p, config.axis)];
    const product = mul(div(a.apart, sqrt(a.variance)), div(b.apart, sqrt(b.variance)));
    return reduceMean(product, { axes: [config.axis] });
  }),
  ConcordanceCorrelation: meanRow(
    { axis, ...general('concordance_correlation') },
    (config, targets, predictions) => {
      const [t, p] = aligned('concordanceCorrelation', targets, predictions);
      const [a, b] = [spread(t, config.axis), spread(p, config.axis)];
      const norm = add(add(a.variance, b.variance), square(sub(a.mean, b.mean)));
      const product = mul(constant(2), mul(a.apart, b.apart));
      return reduceMean(div(product, add(norm, constant(epsilon))), { axes: [config.axis] });
    },
  ),

  Hinge: simple('hinge', hinge),
  SquaredHinge: simple('squared_hinge', squaredHinge),
  CategoricalHinge: simple('categorical_hinge', categoricalHinge),

  KLDivergence: simple('kl_divergence', klDivergence),
  Poisson: simple('poisson', poisson),
  BinaryCrossentropy: meanRow(
    { ...crossentropy, ...general('binary_crossentropy') },
    (config, targets, predictions) => binaryCrossentropy(targets, predictions, config),
  ),
  CategoricalCrossentropy: meanRow(
    { ...crossentropy, axis, ...general('categorical_crossentropy') },
    (config, targets, predictions) => categoricalCrossentropy(targets, predictions, config),
  ),
  /** As in Keras, examples of the ignored class count, with a loss of 0, unless there are sample weights. */
  SparseCategoricalCrossentropy: row({
    options: {
      fromLogits: crossentropy.fromLogits,
      ignoreClass: optional(integer),
      axis,
      ...general('sparse_categorical_crossentropy'),
    },
    sums: (config, targets, predictions, sampleWeights) => {
      const values = sparseCategoricalCrossentropy(targets, predictions, config);
      if (!sampleWeights || config.ignoreClass === undefined) return weightedSums(values, sampleWeights);
      const indexes = classIndexes('ignoreClass', targets, predictions, config.axis);
      const counted = countedClasses(indexes, config.ignoreClass);
      return weightedSums(values, mul(weightsFor(values, sampleWeights), counted));
    },
    result: (_, { total, count: weight }) => (weight![0] === 0 ? 0 : total![0]! / weight![0]!),
  }),
};

/** What is apart from the mean along an axis, and the variance. */
function spread(x: Value, along: number) {
  const { mean, variance } = moments(x, { axes: [along], keepDims: true });
  return { apart: sub(x, mean), mean, variance };
}
