import {
  count,
  either,
  listOf,
  type OptionsOf,
  type OptionTable,
  optional,
  real,
  required,
  wholeNumber,
} from '../core/options.ts';
import { type Confusion, confusionHistogram, farBelow, readConfusion, thresholdsOf } from './confusion.ts';
import { general, type MetricRow, ratio, row } from './row.ts';

const share = real({ from: 0, to: 1 });
/** One threshold or several, with a result for each. */
const thresholds = optional(either(share, listOf(share)));
const classId = optional(wholeNumber);

interface Choice {
  readonly thresholds: number | readonly number[] | undefined;
  readonly topK?: number | undefined;
  readonly classId?: number | undefined;
}

/** The threshold by default is 0.5, or none where the largest `topK` are chosen. */
function chosen({ thresholds: given, topK }: Choice) {
  const values = given ?? (topK === undefined ? 0.5 : farBelow);
  return thresholdsOf(typeof values === 'number' ? [values] : values);
}

/** A number at each threshold; alone where there is one threshold. */
function atThresholds<T extends OptionTable>(
  what: string,
  options: T,
  measure: (confusion: Confusion, at: number) => number,
): MetricRow<T> {
  const choice = (config: OptionsOf<T>) => config as unknown as Choice;
  return row<T>({
    options,
    sums: (config, targets, predictions, sampleWeights) => ({
      histogram: confusionHistogram(what, targets, predictions, sampleWeights, {
        ...choice(config),
        thresholds: chosen(choice(config)),
      }),
    }),
    result: (config, { histogram }) => {
      const confusion = readConfusion(histogram!, chosen(choice(config)));
      const results = confusion.truePositives.map((_, at) => measure(confusion, at));
      return results.length === 1 ? results[0]! : results;
    },
  });
}

const counts = (name: string, cell: keyof Confusion) =>
  atThresholds(cell, { thresholds, ...general(name) }, (confusion, at) => confusion[cell][at]!);

const selective = (name: string) => ({ thresholds, topK: optional(count), classId, ...general(name) });

const precision = ({ truePositives: tp, falsePositives: fp }: Confusion, at: number) =>
  ratio(tp[at]!, tp[at]! + fp[at]!);
const recall = ({ truePositives: tp, falseNegatives: fn }: Confusion, at: number) =>
  ratio(tp[at]!, tp[at]! + fn[at]!);
const specificity = ({ trueNegatives: tn, falsePositives: fp }: Confusion, at: number) =>
  ratio(tn[at]!, tn[at]! + fp[at]!);

/** 0, 1/(n − 1), …, 1; 0.5 alone where there is one. */
const evenly = (size: number) =>
  thresholdsOf(size === 1 ? [0.5] : Array.from({ length: size }, (_, i) => i / (size - 1)));

const curve = (name: string) => ({ numThresholds: optional(count, 200), classId, ...general(name) });
type CurveOptions = ReturnType<typeof curve>;
type Measure = typeof precision;

/** The most of `wanted` at a threshold where `held` is at least what an option says; 0 where there is none. */
function mostWhere<T extends OptionTable>(
  options: T & CurveOptions,
  leastOf: (config: OptionsOf<T>) => number,
  held: Measure,
  wanted: Measure,
): MetricRow<T & CurveOptions> {
  const name = String(options.name.fallback);
  const curveOf = (config: unknown) => config as OptionsOf<CurveOptions>;
  return row<T & CurveOptions>({
    options,
    sums: (config, targets, predictions, sampleWeights) => ({
      histogram: confusionHistogram(name, targets, predictions, sampleWeights, {
        thresholds: evenly(curveOf(config).numThresholds),
        classId: curveOf(config).classId,
      }),
    }),
    result: (config, { histogram }) => {
      const confusion = readConfusion(histogram!, evenly(curveOf(config).numThresholds));
      const least = leastOf(config as OptionsOf<T>);
      const feasible = confusion.truePositives.flatMap((_, at) =>
        held(confusion, at) >= least ? [wanted(confusion, at)] : [],
      );
      return Math.max(0, ...feasible);
    },
  });
}

/** Metrics of decisions by a threshold: https://keras.io/api/metrics/classification_metrics/ */
export const thresholdedTable = {
  TruePositives: counts('true_positives', 'truePositives'),
  TrueNegatives: counts('true_negatives', 'trueNegatives'),
  FalsePositives: counts('false_positives', 'falsePositives'),
  FalseNegatives: counts('false_negatives', 'falseNegatives'),
  /** Of what is predicted positive, the share that is. */
  Precision: atThresholds('precision', selective('precision'), precision),
  /** Of what is positive, the share that is predicted so. */
  Recall: atThresholds('recall', selective('recall'), recall),
  SensitivityAtSpecificity: mostWhere(
    { specificity: required(share), ...curve('sensitivity_at_specificity') },
    (config) => config.specificity,
    specificity,
    recall,
  ),
  SpecificityAtSensitivity: mostWhere(
    { sensitivity: required(share), ...curve('specificity_at_sensitivity') },
    (config) => config.sensitivity,
    recall,
    specificity,
  ),
  PrecisionAtRecall: mostWhere(
    { recall: required(share), ...curve('precision_at_recall') },
    (config) => config.recall,
    recall,
    precision,
  ),
  RecallAtPrecision: mostWhere(
    { precision: required(share), ...curve('recall_at_precision') },
    (config) => config.precision,
    precision,
    recall,
  ),
};
