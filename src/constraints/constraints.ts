import { ShapeError } from '../core/errors.ts';
import {
  type ConfigOf,
  either,
  integer,
  listOf,
  type OptionsOf,
  type OptionTable,
  optional,
  real,
  required,
  resolveOptions,
} from '../core/options.ts';
import { normalizeAxis, sameShape } from '../core/shape.ts';
import { type Spec, type SpecName, specKind, specOf } from '../core/specs.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, div, maximum, minimum, mul, relu, sqrt } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';

interface Row<T extends OptionTable> {
  readonly options: T;
  /** The nearest weight, or one on the way there, that the constraint allows. */
  readonly project: (config: OptionsOf<T>, weight: Value) => Value;
}

function row<T extends OptionTable>(options: T, project: Row<T>['project']): Row<T> {
  return { options, project };
}

/** Added to lengths that are divided by, as in Keras. */
const epsilon = 1e-7;
const length = real({ from: 0 });
const axis = optional(either(integer, listOf(integer)), 0);

function normsOf(weight: Value, axis: number | readonly number[], what: string): Value {
  const axes = [axis].flat().map((each) => normalizeAxis(each, weight.rank, what));
  return sqrt(reduceSum(mul(weight, weight), { axes, keepDims: true }));
}

const atMost = (x: Value, bound: number) => minimum(x, constant(bound));
const atLeast = (x: Value, bound: number) => maximum(x, constant(bound));
const resized = (weight: Value, norms: Value, wanted: Value) =>
  mul(weight, div(wanted, add(norms, constant(epsilon))));

/** Constraints by Keras' class names, https://keras.io/api/layers/constraints/ */
export const constraintTable = {
  MaxNorm: row({ maxValue: optional(length, 2), axis }, ({ maxValue, axis }, weight) => {
    const norms = normsOf(weight, axis, 'MaxNorm');
    return resized(weight, norms, atMost(norms, maxValue));
  }),
  MinMaxNorm: row(
    {
      minValue: optional(length, 0),
      maxValue: optional(length, 1),
      rate: optional(real({ from: 0, to: 1 }), 1),
      axis,
    },
    ({ minValue, maxValue, rate, axis }, weight) => {
      const norms = normsOf(weight, axis, 'MinMaxNorm');
      const bounded = atMost(atLeast(norms, minValue), maxValue);
      const wanted = add(mul(bounded, constant(rate)), mul(norms, constant(1 - rate)));
      return resized(weight, norms, wanted);
    },
  ),
  NonNeg: row({}, (_, weight) => relu(weight)),
  UnitNorm: row({ axis }, ({ axis }, weight) =>
    div(weight, add(normsOf(weight, axis, 'UnitNorm'), constant(epsilon))),
  ),
};

type Table = typeof constraintTable;

/** A constraint of one's own: a weight in, what it becomes out, of the same shape, in terms of operators. */
export type ConstraintFunction = (weight: Value) => Value;
export type ConstraintName = SpecName<Table>;
/** What a weight is brought back to after each step: `'nonNeg'`, `maxNorm({ maxValue: 3 })`, or a function. */
export type Constraint = ConstraintName | Spec | ConstraintFunction;

/** The option that takes a constraint. */
export const constraintKind = specKind<Table, ConstraintFunction>(
  constraintTable,
  'constraint',
  'keras.constraints',
);

const option = { constraint: required(constraintKind) };

/**
 * The weight as the constraint allows it.
 *
 * @throws {ShapeError} when the weight has no such axis, or a function changes its shape
 * @throws {UsageError} when there is no such constraint
 */
export function constrained(constraint: Constraint, weight: Value): Value {
  const { constraint: held } = resolveOptions(option, { constraint }, 'constrained');
  if (typeof held !== 'function')
    return constraintTable[held.className as keyof Table].project(held.config as never, weight);
  const projected = held(weight);
  if (projected?.dtype === weight.dtype && sameShape(projected.shape, weight.shape)) return projected;
  throw new ShapeError(`constraint ${held.name || 'function'}: ${weight} is needed, got ${projected}`);
}

function named<Name extends keyof Table>(className: Name) {
  type Options = Table[Name]['options'];
  return (config: ConfigOf<Options> = {} as ConfigOf<Options>): Spec<Name, OptionsOf<Options>> =>
    specOf(constraintTable, className, config, `constraint ${className}`);
}

/**
 * Norms along `axis` (one or a list, default 0) of `maxValue` (default 2) at most. What is incident to a unit of a dense
 * layer lies along axis 0; to a filter of a convolution, along [0, 1, 2].
 *
 * @throws {UsageError} names an option that is unknown or out of range
 * @example layers.conv2d({ filters: 8, kernelSize: 3, kernelConstraint: maxNorm({ maxValue: 3, axis: [0, 1, 2] }) });
 */
export const maxNorm = named('MaxNorm');

/**
 * Norms along `axis` (as of `maxNorm`) between `minValue` (default 0) and `maxValue` (default 1). A `rate` below 1
 * (default 1) goes that part of the way at each step.
 *
 * @throws {UsageError} names an option that is unknown or out of range
 */
export const minMaxNorm = named('MinMaxNorm');

/** No negative weights. */
export const nonNeg = named('NonNeg');

/**
 * Norms along `axis` (as of `maxNorm`) of 1.
 *
 * @throws {UsageError} names an option that is unknown
 */
export const unitNorm = named('UnitNorm');
