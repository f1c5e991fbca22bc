import { ShapeError } from '../core/errors.ts';
import { type Kind, type OptionsOf, oneOf, optional, real, wholeNumber } from '../core/options.ts';
import { staticDim } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { mul, square, sub } from '../ops/elementwise.ts';
import { aligned, epsilon } from '../ops/per-example.ts';
import { reducedCount, reduceSum } from '../ops/reduce.ts';
import { broadcastLike } from '../ops/shaping.ts';
import { decided } from './accuracy.ts';
import { general, type MetricRow, meanOf, row, sumOf, type Totals, weightsFor } from './row.ts';

/** Targets and predictions [batch, outputs]. */
function matrices(what: string, targets: Value, predictions: Value): readonly [Value, Value] {
  const [t, p] = aligned(what, targets, predictions);
  if (p.rank !== 2)
    throw new ShapeError(`${what}: targets and predictions [batch, outputs] are needed, got ${predictions}`);
  staticDim(p.shape[1]!, what);
  return [t, p];
}

/** Keras refuses a whole number here, which JSON cannot tell from a real one: the number before it stands for it. */
const pythonFloat = (kind: Kind<number>): Kind<number> => ({
  ...kind,
  toKeras: (held) => (Number.isInteger(held) ? held * (1 - Number.EPSILON / 2) : held),
  fromKeras: (json) => (typeof json === 'number' ? Number(json.toPrecision(15)) : json),
});

const scoreOptions = {
  /** None by default: a score for each class. */
  average: optional(oneOf(['micro', 'macro', 'weighted'])),
  /** What exceeds it is predicted; the largest of a row by default. */
  threshold: optional(pythonFloat(real({ above: 0, to: 1 }))),
};
const betaOptions = {
  ...scoreOptions,
  beta: optional(pythonFloat(real({ above: 0 })), 1),
  ...general('fbeta_score'),
};
type ScoreOptions = OptionsOf<typeof scoreOptions>;

function scoreSums(
  what: string,
  { average, threshold }: ScoreOptions,
  targets: Value,
  predictions: Value,
  sampleWeights: Value | undefined,
): Record<string, Value> {
  const [t, scores] = matrices(what, targets, predictions);
  const p = decided(scores, threshold);
  const other = (x: Value) => sub(constant(1), x);
  const sum = (x: Value) =>
    reduceSum(
      sampleWeights ? mul(x, weightsFor(x, sampleWeights)) : x,
      average === 'micro' ? {} : { axes: [0] },
    );
  return {
    truePositives: sum(mul(p, t)),
    falsePositives: sum(mul(p, other(t))),
    falseNegatives: sum(mul(other(p), t)),
    support: sum(t),
  };
}

function score(
  { average }: ScoreOptions,
  beta: number,
  { truePositives, falsePositives, falseNegatives, support }: Totals,
): number | number[] {
  const scores = Array.from(truePositives!, (tp, i) => {
    const precision = tp / (tp + falsePositives![i]! + epsilon);
    const recall = tp / (tp + falseNegatives![i]! + epsilon);
    return ((1 + beta ** 2) * precision * recall) / (beta ** 2 * precision + recall + epsilon);
  });
  if (average === undefined) return scores;
  if (average !== 'weighted') return meanOf(scores);
  const whole = sumOf(support!) + epsilon;
  return sumOf(scores.map((each, i) => (each * support![i]!) / whole));
}

/** The weighted harmonic mean of precision and recall, https://keras.io/api/metrics/classification_metrics/#fbetascore-class */
export const fBetaScore = row({
  options: betaOptions,
  sums: (config, ...values) => scoreSums('fBetaScore', config, ...values),
  result: (config, totals) => score(config, config.beta, totals),
});

export const f1Score = row({
  options: { ...scoreOptions, ...general('f1_score') },
  sums: (config, ...values) => scoreSums('f1Score', config, ...values),
  result: (config, totals) => score(config, 1, totals),
});

/** Keras has None for `'none'`. */
const aggregation: Kind<'uniformAverage' | 'varianceWeightedAverage' | 'none'> = (() => {
  const kind = oneOf(['uniformAverage', 'varianceWeightedAverage', 'none']);
  return { ...kind, toKeras: (held) => (held === 'none' ? null : kind.toKeras!(held)) };
})();

const r2Options = {
  classAggregation: optional(aggregation, 'uniformAverage'),
  /** Of the model, for the adjusted score. */
  numRegressors: optional(wholeNumber, 0),
  ...general('r2_score'),
};

/** The share of the variance that is explained, https://keras.io/api/metrics/regression_metrics/#r2score-class */
export const r2Score: MetricRow<typeof r2Options> = row({
  options: r2Options,
  sums: (_, targets, predictions, sampleWeights) => {
    const [t, p] = matrices('r2Score', targets, predictions);
    const weights = broadcastLike(sampleWeights ? weightsFor(t, sampleWeights) : constant(1), t);
    const sum = (x: Value) => reduceSum(mul(x, weights), { axes: [0] });
    return {
      sum: sum(t),
      squaredSum: sum(square(t)),
      residual: sum(square(sub(t, p))),
      count: reduceSum(weights, { axes: [0] }),
      samples: reducedCount(t, constant(0)),
    };
  },
  result: ({ classAggregation, numRegressors }, { sum, squaredSum, residual, count, samples }) => {
    const totals = Array.from(sum!, (each, i) => squaredSum![i]! - (each * each) / count![i]!);
    const scores = totals.map((total, i) => {
      const raw = 1 - residual![i]! / total;
      return Math.abs(raw) === Infinity ? 0 : raw;
    });
    const freedom = samples![0]! - numRegressors - 1;
    const adjusted = (r2: number) =>
      numRegressors === 0 || freedom <= 0 ? r2 : 1 - ((1 - r2) * (samples![0]! - 1)) / freedom;
    if (classAggregation === 'none') return scores.map(adjusted);
    if (classAggregation === 'uniformAverage') return adjusted(meanOf(scores));
    return adjusted(sumOf(scores.map((each, i) => each * totals[i]!)) / sumOf(totals));
  },
});
