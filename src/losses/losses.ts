import { customName } from '../core/custom-objects.ts';
import { UsageError } from '../core/errors.ts';
import type { ConfigOf, Kind, OptionsOf, OptionTable } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { type Spec, specKind, specOf } from '../core/specs.ts';
import { constant, isConstant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { div, equal, mul, where } from '../ops/elementwise.ts';
import { asFloat32, type PerExample } from '../ops/per-example.ts';
import { expandDims, squeeze } from '../ops/rearranging.ts';
import { reducedCount, reduceSum } from '../ops/reduce.ts';
import { type LossRow, lossTable, type Reduction } from './table.ts';

type Rows = typeof lossTable;
type Options<Name extends keyof Rows> = Rows[Name]['options'];

function maker<Name extends keyof Rows>(className: Name) {
  return (
    config: ConfigOf<Options<Name>> = {} as ConfigOf<Options<Name>>,
  ): Spec<Name, OptionsOf<Options<Name>>> =>
    specOf(lossTable, className, config, `loss ${className}`) as Spec<Name, OptionsOf<Options<Name>>>;
}

/**
 * Losses with their options, https://keras.io/api/losses/
 *
 * @example model.compile({ optimizer: adam(), loss: losses.categoricalCrossentropy({ labelSmoothing: 0.1 }) });
 */
export const losses = {
  binaryCrossentropy: maker('BinaryCrossentropy'),
  binaryFocalCrossentropy: maker('BinaryFocalCrossentropy'),
  categoricalCrossentropy: maker('CategoricalCrossentropy'),
  categoricalFocalCrossentropy: maker('CategoricalFocalCrossentropy'),
  sparseCategoricalCrossentropy: maker('SparseCategoricalCrossentropy'),
  categoricalHinge: maker('CategoricalHinge'),
  hinge: maker('Hinge'),
  squaredHinge: maker('SquaredHinge'),
  klDivergence: maker('KLDivergence'),
  poisson: maker('Poisson'),
  cosineSimilarity: maker('CosineSimilarity'),
  meanSquaredError: maker('MeanSquaredError'),
  meanAbsoluteError: maker('MeanAbsoluteError'),
  meanAbsolutePercentageError: maker('MeanAbsolutePercentageError'),
  meanSquaredLogarithmicError: maker('MeanSquaredLogarithmicError'),
  huber: maker('Huber'),
  logCosh: maker('LogCosh'),
  dice: maker('Dice'),
  tversky: maker('Tversky'),
  circle: maker('Circle'),
};

/** Keras' short names. */
const aliases = {
  bce: 'BinaryCrossentropy',
  kld: 'KLDivergence',
  mae: 'MeanAbsoluteError',
  mape: 'MeanAbsolutePercentageError',
  mse: 'MeanSquaredError',
  msle: 'MeanSquaredLogarithmicError',
} as const;

/** Names that the shapes decide: binary, sparse or categorical cross-entropy. */
const byShape = ['crossentropy', 'ce'] as const;
type ByShape = (typeof byShape)[number];

export type LossName = keyof typeof losses | keyof typeof aliases | ByShape;
/** The loss of each example from targets and predictions, both [batch, …]: a loss of one's own. */
export type LossFunction = PerExample;
/**
 * A loss: its name (`'huber'`, or one of Keras': `'mse'`, `'mean_squared_error'`), what a function of `losses` gives,
 * or a function of one's own.
 */
export type Loss = LossName | Spec | LossFunction;
/** A loss whose options are checked. */
export type ResolvedLoss = Spec | LossFunction | ByShape;

const rows = specKind<Rows, LossFunction>(lossTable, 'loss', 'keras.losses');

/** The option that takes a loss. */
export const lossKind: Kind<Loss, ResolvedLoss> = {
  expected: `a loss: one of ${[...Object.keys(losses), ...Object.keys(aliases), ...byShape].join(', ')}, what a function of losses gives, or a function (targets, predictions) => value`,
  check: (value) => {
    if (typeof value !== 'string') return rows.check(value);
    const name = value.toLowerCase();
    if (byShape.includes(name as ByShape)) return name as ByShape;
    return rows.check(Object.hasOwn(aliases, name) ? aliases[name as keyof typeof aliases] : value);
  },
  toKeras: (held) => (typeof held === 'string' ? held : rows.toKeras!(held)),
  fromKeras: (json) => rows.fromKeras!(withoutReduction(json)),
};

/** Keras writes no reduction as null or as `'none'`. */
function withoutReduction(json: unknown): unknown {
  const { config } = (json ?? {}) as { config?: { reduction?: unknown } };
  return config?.reduction === null
    ? { ...(json as object), config: { ...config, reduction: 'none' } }
    : json;
}

/**
 * The loss for targets and predictions of these shapes: what `'crossentropy'` stands for is decided here, as Keras does.
 *
 * @throws {UsageError} when there is no such loss
 */
export function resolveLoss(loss: Loss, targets: Shape, predictions: Shape): Spec | LossFunction {
  const found = lossKind.check(loss);
  if (found === undefined) {
    const given = typeof loss === 'string' ? `'${loss}'` : JSON.stringify(loss);
    throw new UsageError(`loss must be ${lossKind.expected}; got ${given}`);
  }
  if (typeof found !== 'string') return found;
  const options = { name: found };
  if (predictions.at(-1) === 1) return losses.binaryCrossentropy(options);
  const sparse = targets.length < predictions.length || targets.at(-1) === 1;
  return sparse ? losses.sparseCategoricalCrossentropy(options) : losses.categoricalCrossentropy(options);
}

/** What `logs` call the loss, as Keras does. */
export function lossName(loss: Loss): string {
  if (typeof loss === 'string') return loss;
  if (typeof loss === 'function') return customName(loss) ?? (loss.name || 'loss');
  return String((loss.config as { name?: unknown }).name ?? loss.className);
}

/** A loss in two scalars that add across batches and replicas: the loss is `sum / divisor`, 0 where the divisor is 0. */
export interface LossTerms {
  readonly sum: Value;
  /** Undefined for the reduction `'sum'`: the loss is the sum. */
  readonly divisor: Value | undefined;
}

/**
 * A loss over a batch.
 *
 * @param targets [batch, …], as the loss takes them; float32, or whole numbers of any dtype
 * @param predictions [batch, …]
 * @param sampleWeights factors: [batch], of the shape of the loss' values, or one that broadcasts to it
 * @throws {UsageError} when there is no such loss, or it keeps its values apart (reduction `'none'`)
 * @throws {ShapeError} when the shapes do not fit
 */
export function lossTerms(loss: Loss, targets: Value, predictions: Value, sampleWeights?: Value): LossTerms {
  const { values: unweighted, counted, reduction } = lossValues(loss, targets, predictions);
  if (reduction === 'none')
    throw new UsageError(
      `${lossName(loss)}: a loss with the reduction 'none' is a number an example, and cannot be trained by; choose 'sumOverBatchSize'`,
    );
  const [values, weights] = sampleWeights
    ? fitted(unweighted, asFloat32(sampleWeights))
    : [unweighted, undefined];
  const weighted = weights ? mul(values, weights) : values;
  const sum = reduceSum(counted ? mul(weighted, counted) : weighted);
  if (reduction === 'sum') return { sum, divisor: undefined };
  if (reduction === 'meanWithSampleWeight' && (weights ?? counted))
    return { sum, divisor: reduceSum(weights && counted ? mul(weights, counted) : (weights ?? counted)!) };
  return { sum, divisor: counted ? reduceSum(counted) : reducedCount(weighted, constant(0)) };
}

/** A loss over a batch as one scalar, reduced as its option `reduction` says. See `lossTerms`. */
export function lossValue(loss: Loss, targets: Value, predictions: Value, sampleWeights?: Value): Value {
  const { sum, divisor } = lossTerms(loss, targets, predictions, sampleWeights);
  return divisor ? quotient(sum, divisor) : sum;
}

/** sum / divisor, and 0 where the divisor is 0. */
export function quotient(sum: Value, divisor: Value): Value {
  if (isConstant(divisor)) return div(sum, divisor);
  const empty = equal(divisor, constant(0));
  return where(empty, constant(0), div(sum, where(empty, constant(1), divisor)));
}

interface LossValues {
  /** [batch, …] */
  readonly values: Value;
  /** 1 where a value counts, 0 where not; absent where all do. */
  readonly counted: Value | undefined;
  readonly reduction: Reduction;
}

/** The loss of each example, before any reduction. */
export function lossValues(loss: Loss, targets: Value, predictions: Value): LossValues {
  const resolved = resolveLoss(loss, targets.shape, predictions.shape);
  if (typeof resolved === 'function')
    return { values: resolved(targets, predictions), counted: undefined, reduction: 'sumOverBatchSize' };
  const { className, config } = resolved as Spec<keyof Rows, OptionsOf<OptionTable>>;
  const { perExample, counted } = lossTable[className] as unknown as LossRow<OptionTable>;
  const values = perExample(config, targets, predictions);
  return {
    values,
    counted: counted?.(config, targets, predictions, values),
    reduction: config.reduction as Reduction,
  };
}

/** Values and their weights in ranks that broadcast: weights of fewer axes speak of the first ones. */
function fitted(values: Value, weights: Value): readonly [Value, Value] {
  if (values.rank === 0) return [values, weights];
  if (weights.rank > values.rank && weights.shape.at(-1) === 1)
    return fitted(values, squeeze(weights, { axes: [-1] }));
  if (weights.rank < values.rank && weights.rank > 0)
    return fitted(values, expandDims(weights, { axis: -1 }));
  return [values, weights];
}
