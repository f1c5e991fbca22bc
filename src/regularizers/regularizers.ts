import { ShapeError } from '../core/errors.ts';
import {
  type ConfigOf,
  type Kind,
  type OptionsOf,
  type OptionTable,
  oneOf,
  optional,
  real,
  required,
  resolveOptions,
} from '../core/options.ts';
import { staticDim } from '../core/shape.ts';
import { type Spec, specKind, specOf } from '../core/specs.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { abs, add, div, maximum, mul, sqrt } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reduceSum } from '../ops/reduce.ts';

interface Row<T extends OptionTable> {
  readonly options: T;
  /** The penalty of a weight, a scalar. */
  readonly penalty: (config: OptionsOf<T>, weight: Value) => Value;
}

function row<T extends OptionTable>(options: T, penalty: Row<T>['penalty']): Row<T> {
  return { options, penalty };
}

/** The shortest length that Keras divides by. */
const epsilon = 1e-7;
const strength = real({ from: 0 });
const sumOfSizes = (weight: Value, by: number) => mul(reduceSum(abs(weight)), constant(by));
const sumOfSquares = (weight: Value, by: number) => mul(reduceSum(mul(weight, weight)), constant(by));

/** Regularizers by Keras' class names, https://keras.io/api/layers/regularizers/ */
export const regularizerTable = {
  L1: row({ l1: optional(strength, 0.01) }, ({ l1 }, weight) => sumOfSizes(weight, l1)),
  L2: row({ l2: optional(strength, 0.01) }, ({ l2 }, weight) => sumOfSquares(weight, l2)),
  L1L2: row({ l1: optional(strength, 0), l2: optional(strength, 0) }, ({ l1, l2 }, weight) =>
    add(sumOfSizes(weight, l1), sumOfSquares(weight, l2)),
  ),
  OrthogonalRegularizer: row(
    { factor: optional(strength, 0.01), mode: optional(oneOf(['rows', 'columns']), 'rows') },
    ({ factor, mode }, weight) => {
      if (weight.rank !== 2)
        throw new ShapeError(`OrthogonalRegularizer: a matrix is needed, got a weight ${weight}`);
      const axis = mode === 'rows' ? 0 : 1;
      const count = staticDim(weight.shape[axis]!, 'OrthogonalRegularizer');
      const squares = reduceSum(mul(weight, weight), { axes: [1 - axis], keepDims: true });
      // Bounded before the root, whose gradient at zero is infinite.
      const unit = div(weight, sqrt(maximum(squares, constant(epsilon ** 2))));
      const products = matMul(unit, unit, axis === 0 ? { transposeB: true } : { transposeA: true });
      const pairs = Math.max(1, count * (count - 1));
      return mul(reduceSum(abs(mul(products, offDiagonal(count)))), constant(factor / pairs));
    },
  ),
};

/** A square matrix of ones with zeros on its diagonal. */
function offDiagonal(size: number): Value {
  const data = Float32Array.from({ length: size * size }, (_, i) => (i % (size + 1) === 0 ? 0 : 1));
  return constant(tensor('float32', [size, size], data));
}

type Table = typeof regularizerTable;

/** A regularizer of one's own: a weight in, a scalar out, in terms of operators. */
export type RegularizerFunction = (weight: Value) => Value;
export type RegularizerName = 'l1' | 'l2' | 'l1l2' | 'orthogonalRegularizer';
/** A penalty on a weight, added to the loss: `'l2'`, `l2(0.001)`, or a function. */
export type Regularizer = RegularizerName | Spec | RegularizerFunction;

/** The option that takes a regularizer. */
export const regularizerKind = specKind<Table, RegularizerFunction>(
  regularizerTable,
  'regularizer',
  'keras.regularizers',
) as Kind<Regularizer, Spec | RegularizerFunction>;

const option = { regularizer: required(regularizerKind) };

/**
 * The penalty of a weight, a scalar.
 *
 * @throws {ShapeError} when the regularizer is not for weights of this shape, or a function gives no scalar
 * @throws {UsageError} when there is no such regularizer
 */
export function penaltyOf(regularizer: Regularizer, weight: Value): Value {
  const { regularizer: held } = resolveOptions(option, { regularizer }, 'penaltyOf');
  if (typeof held !== 'function')
    return regularizerTable[held.className as keyof Table].penalty(held.config as never, weight);
  const penalty = held(weight);
  if (penalty?.rank === 0) return penalty;
  throw new ShapeError(`regularizer ${held.name || 'function'}: a scalar is needed, got ${penalty}`);
}

function made<Name extends keyof Table>(
  className: Name,
  config: ConfigOf<Table[Name]['options']>,
): Spec<Name, OptionsOf<Table[Name]['options']>> {
  return specOf(regularizerTable, className, config, `regularizer ${className}`);
}

/**
 * `l1` · Σ |w|. Default 0.01, or `{ l1 }`.
 *
 * @throws {UsageError} when it is no number from 0 on
 */
export function l1(strength: number | ConfigOf<Table['L1']['options']> = {}) {
  return made('L1', typeof strength === 'number' ? { l1: strength } : strength);
}

/**
 * `l2` · Σ w². Default 0.01, or `{ l2 }`.
 *
 * @throws {UsageError} when it is no number from 0 on
 * @example layers.dense({ units: 4, kernelRegularizer: l2(0.001) });
 */
export function l2(strength: number | ConfigOf<Table['L2']['options']> = {}) {
  return made('L2', typeof strength === 'number' ? { l2: strength } : strength);
}

/**
 * `l1` · Σ |w| + `l2` · Σ w², both 0 by default.
 *
 * @throws {UsageError} when one is no number from 0 on
 */
export function l1l2(config: ConfigOf<Table['L1L2']['options']> = {}) {
  return made('L1L2', config);
}

/**
 * `factor` (default 0.01) times the mean size of the cosine between two rows of a matrix, or two columns
 * (`mode: 'columns'`): smallest where they are orthogonal. 0 for a single one.
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export function orthogonal(config: ConfigOf<Table['OrthogonalRegularizer']['options']> = {}) {
  return made('OrthogonalRegularizer', config);
}
