import { customName } from '../core/custom-objects.ts';
import { UsageError } from '../core/errors.ts';
import type { ConfigOf, Kind, OptionsOf, OptionTable } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { type Spec, specKind, specOf } from '../core/specs.ts';
import type { Value } from '../graph/value.ts';
import type { PerExample } from '../ops/per-example.ts';
import { type MetricRow, meanRow, type Totals } from './row.ts';
import { metricTable } from './table.ts';

export type { MetricRow, Totals } from './row.ts';

type Rows = typeof metricTable;
type Options<Name extends keyof Rows> = Rows[Name]['options'];
type Arguments<Config> = Record<never, never> extends Config ? [config?: Config] : [config: Config];

function maker<Name extends keyof Rows>(className: Name) {
  return (...[config]: Arguments<ConfigOf<Options<Name>>>): Spec<Name, OptionsOf<Options<Name>>> =>
    specOf(metricTable, className, config ?? {}, `metric ${className}`) as Spec<
      Name,
      OptionsOf<Options<Name>>
    >;
}

/**
 * Metrics with their options, https://keras.io/api/metrics/
 *
 * @example model.compile({ optimizer: adam(), loss: 'binaryCrossentropy', metrics: ['accuracy', metrics.auc({ curve: 'PR' })] });
 */
export const metrics = {
  mean: maker('Mean'),
  sum: maker('Sum'),
  accuracy: maker('Accuracy'),
  binaryAccuracy: maker('BinaryAccuracy'),
  categoricalAccuracy: maker('CategoricalAccuracy'),
  sparseCategoricalAccuracy: maker('SparseCategoricalAccuracy'),
  topKCategoricalAccuracy: maker('TopKCategoricalAccuracy'),
  sparseTopKCategoricalAccuracy: maker('SparseTopKCategoricalAccuracy'),
  meanSquaredError: maker('MeanSquaredError'),
  rootMeanSquaredError: maker('RootMeanSquaredError'),
  meanAbsoluteError: maker('MeanAbsoluteError'),
  meanAbsolutePercentageError: maker('MeanAbsolutePercentageError'),
  meanSquaredLogarithmicError: maker('MeanSquaredLogarithmicError'),
  cosineSimilarity: maker('CosineSimilarity'),
  logCoshError: maker('LogCoshError'),
  pearsonCorrelation: maker('PearsonCorrelation'),
  concordanceCorrelation: maker('ConcordanceCorrelation'),
  r2Score: maker('R2Score'),
  hinge: maker('Hinge'),
  squaredHinge: maker('SquaredHinge'),
  categoricalHinge: maker('CategoricalHinge'),
  klDivergence: maker('KLDivergence'),
  poisson: maker('Poisson'),
  binaryCrossentropy: maker('BinaryCrossentropy'),
  categoricalCrossentropy: maker('CategoricalCrossentropy'),
  sparseCategoricalCrossentropy: maker('SparseCategoricalCrossentropy'),
  truePositives: maker('TruePositives'),
  trueNegatives: maker('TrueNegatives'),
  falsePositives: maker('FalsePositives'),
  falseNegatives: maker('FalseNegatives'),
  precision: maker('Precision'),
  recall: maker('Recall'),
  sensitivityAtSpecificity: maker('SensitivityAtSpecificity'),
  specificityAtSensitivity: maker('SpecificityAtSensitivity'),
  precisionAtRecall: maker('PrecisionAtRecall'),
  recallAtPrecision: maker('RecallAtPrecision'),
  auc: maker('AUC'),
  f1Score: maker('F1Score'),
  fBetaScore: maker('FBetaScore'),
  iou: maker('IoU'),
  binaryIoU: maker('BinaryIoU'),
  meanIoU: maker('MeanIoU'),
  oneHotIoU: maker('OneHotIoU'),
  oneHotMeanIoU: maker('OneHotMeanIoU'),
};

/** Keras' short names. */
const aliases = {
  bce: 'BinaryCrossentropy',
  mae: 'MeanAbsoluteError',
  mape: 'MeanAbsolutePercentageError',
  mse: 'MeanSquaredError',
  msle: 'MeanSquaredLogarithmicError',
} as const;

/** Names that the shapes decide: of binary, sparse or categorical targets. */
const byShape = {
  accuracy: ['BinaryAccuracy', 'SparseCategoricalAccuracy', 'CategoricalAccuracy'],
  crossentropy: ['BinaryCrossentropy', 'SparseCategoricalCrossentropy', 'CategoricalCrossentropy'],
} as const;
const shapeNames = {
  accuracy: byShape.accuracy,
  acc: byShape.accuracy,
  crossentropy: byShape.crossentropy,
  ce: byShape.crossentropy,
};
type ByShape = keyof typeof shapeNames;

/** Metrics that need no option. */
type Optional = {
  [Name in keyof typeof metrics]: Parameters<(typeof metrics)[Name]> extends [config: object] ? never : Name;
}[keyof typeof metrics];

export type MetricName = Optional | keyof typeof aliases | ByShape;
/** What each example gives, [batch, …], from targets and predictions [batch, …]: the metric is the mean. */
export type MetricFunction = PerExample;
/**
 * A metric: its name (`'auc'`, or one of Keras': `'mse'`, `'mean_squared_error'`), what a function of `metrics` gives,
 * or a function of one's own.
 */
export type Metric = MetricName | Spec | MetricFunction;
/** A metric whose options are checked. */
export type ResolvedMetric = Spec | MetricFunction | ByShape;

const rows = specKind<Rows, MetricFunction>(metricTable, 'metric', 'keras.metrics');

/** The option that takes a metric. One that is given by a name is called that in `logs`, as Keras does. */
export const metricKind: Kind<Metric, ResolvedMetric> = {
  expected: `a metric: one of ${[...Object.keys(metrics), ...Object.keys(aliases), ...Object.keys(shapeNames)].join(', ')}, what a function of metrics gives, or a function (targets, predictions) => value`,
  check: (value) => {
    if (typeof value !== 'string') return rows.check(value);
    const name = value.toLowerCase();
    if (Object.hasOwn(shapeNames, name)) return name as ByShape;
    const found = rows.check(Object.hasOwn(aliases, name) ? aliases[name as keyof typeof aliases] : value);
    return typeof found === 'object' ? { ...found, config: { ...found.config, name: value } } : found;
  },
  toKeras: (held) => (typeof held === 'string' ? held : rows.toKeras!(held)),
  fromKeras: (json) => rows.fromKeras!(withoutAggregation(json)),
};

/** Keras' R2Score has null for no aggregation, which is not its default. */
function withoutAggregation(json: unknown): unknown {
  const { class_name: className, config } = (json ?? {}) as { class_name?: string; config?: object };
  if (className !== 'R2Score' || (config as { class_aggregation?: unknown }).class_aggregation !== null)
    return json;
  return { ...(json as object), config: { ...config, class_aggregation: 'none' } };
}

/**
 * The metric for targets and predictions of these shapes: which accuracy `'accuracy'` stands for is decided here, as
 * Keras does.
 *
 * @throws {UsageError} when there is no such metric
 */
export function resolveMetric(metric: Metric, targets: Shape, predictions: Shape): Spec | MetricFunction {
  const found = metricKind.check(metric);
  if (found === undefined) {
    const given = typeof metric === 'string' ? `'${metric}'` : JSON.stringify(metric);
    throw new UsageError(`metric must be ${metricKind.expected}; got ${given}`);
  }
  if (typeof found !== 'string') return found;
  const [binary, sparse, categorical] = shapeNames[found];
  const isSparse = targets.length < predictions.length || targets.at(-1) === 1;
  const className = predictions.at(-1) === 1 ? binary : isSparse ? sparse : categorical;
  return specOf(metricTable, className, { name: metric as string }, `metric '${found}'`);
}

/** What `logs` call the metric, as Keras does: the option `name` wins. */
export function metricName(metric: Metric): string {
  if (typeof metric === 'string') return metric;
  if (typeof metric === 'function') return customName(metric) ?? (metric.name || 'metric');
  const { name } = metric.config as { name?: string };
  return name ?? String(metricTable[metric.className as keyof Rows]?.options.name.fallback);
}

const ofFunction = (metric: MetricFunction) =>
  meanRow({}, (_, targets: Value, predictions: Value) => metric(targets, predictions));

function rowFor(metric: Spec | MetricFunction): readonly [MetricRow<OptionTable>, OptionsOf<OptionTable>] {
  if (typeof metric === 'function') return [ofFunction(metric) as unknown as MetricRow<OptionTable>, {}];
  const { className, config } = metric as Spec<keyof Rows, OptionsOf<OptionTable>>;
  return [metricTable[className] as unknown as MetricRow<OptionTable>, config];
}

/**
 * What a metric sums up of a batch: float32 values of known shape by name, which add across batches and replicas.
 *
 * @param metric as `resolveMetric` gives it
 * @param targets [batch, …], as the metric takes them
 * @param predictions [batch, …]
 * @param sampleWeights factors: [batch], or of more of the values' axes
 * @throws {ShapeError} when the shapes do not fit
 */
export function metricSums(
  metric: Spec | MetricFunction,
  targets: Value,
  predictions: Value,
  sampleWeights?: Value,
): Readonly<Record<string, Value>> {
  const [{ sums: of }, config] = rowFor(metric);
  return of(config, targets, predictions, sampleWeights);
}

/** What the sums of all batches make of a metric: a number, or a list of one for each class or threshold. */
export function metricResult(metric: Spec | MetricFunction, totals: Totals): number | number[] {
  const [{ result }, config] = rowFor(metric);
  return result(config, totals);
}
