import type { Dim } from '../core/shape.ts';
import { divideDims, normalizeAxis, sizeOf } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant, scalarOf } from '../graph/leaves.ts';
import type { GradientRule, Value } from '../graph/value.ts';
import { cast, div, equal, exp, mask, mul, square, stopGradient, sub, where } from './elementwise.ts';
import { broadcastLike, int64s, reshape, shapeOf } from './shaping.ts';

export interface ReduceAttributes {
  /** The axes that go; all of them if absent. */
  readonly axes?: readonly number[];
  /** Keep them with size 1. */
  readonly keepDims?: boolean;
}

type Rule = GradientRule<readonly [x: Value], ReduceAttributes>;

function axesOf(x: Value, { axes }: ReduceAttributes, opType: string): number[] {
  return axes
    ? axes.map((axis) => normalizeAxis(axis, x.rank, opType)).sort((a, b) => a - b)
    : x.shape.map((_, i) => i);
}

function reduction(opType: string, grad: Rule) {
  return defineOp<['x'], ReduceAttributes>({
    opType,
    inputs: ['x'],
    infer: ([x], attributes) => {
      const axes = axesOf(x, attributes, opType);
      const kept = x.shape.map((dim, i): Dim => (axes.includes(i) ? 1 : dim));
      return { shape: attributes.keepDims ? kept : kept.filter((_, i) => !axes.includes(i)), dtype: x.dtype };
    },
    grad: [grad],
    onnx: ([x], attributes) => ({
      // Without the flag, ONNX takes an empty list of axes for all of them.
      attributes: { keepdims: attributes.keepDims ? 1 : 0, noop_with_empty_axes: 1 },
      constants: [int64s(axesOf(x, attributes, opType))],
    }),
  });
}

/** What was reduced, with the reduced axes back as ones, so that it broadcasts against `x`. */
function restoreAxes(reduced: Value, x: Value, attributes: ReduceAttributes): Value {
  const axes = axesOf(x, attributes, 'Reduce');
  return reshape(reduced, { shape: x.shape.map((dim, i): Dim => (axes.includes(i) ? 1 : dim)) });
}

/** How many elements of `x` meet in one of `reduced`, as a float32 scalar. */
export function reducedCount(x: Value, reduced: Value): Value {
  const ratio = divideDims(sizeOf(x.shape), sizeOf(reduced.shape));
  if (typeof ratio === 'number') return constant(ratio);
  const symbolic = x.shape.findIndex((dim) => typeof dim === 'string');
  const rest = x.shape.reduce<number>(
    (product, dim) => (typeof dim === 'number' ? product * dim : product),
    1,
  );
  const size = cast(reshape(shapeOf(x, { start: symbolic, end: symbolic + 1 }), { shape: [] }), {
    to: 'float32',
  });
  const other = rest / (sizeOf(reduced.shape) as number);
  return other === 1 ? size : mul(size, constant(other));
}

export const reduceSum = reduction('ReduceSum', ({ dy, inputs: [x], attributes }) =>
  broadcastLike(restoreAxes(dy, x, attributes), x),
);

export const reduceMean = reduction('ReduceMean', ({ dy, y, inputs: [x], attributes }) =>
  broadcastLike(restoreAxes(div(dy, reducedCount(x, y)), x, attributes), x),
);

/** Evenly to all elements that equal the extreme one. */
const toTies: Rule = ({ dy, y, inputs: [x], attributes }) => {
  const ties = mask(equal(x, restoreAxes(y, x, attributes)), dy);
  const shared = div(dy, reduceSum(ties, attributes));
  return mul(ties, restoreAxes(shared, x, attributes));
};

/** The largest element; ties share the gradient evenly, as in TensorFlow. */
export const reduceMax = reduction('ReduceMax', toTies);
/** The smallest element; ties share the gradient evenly. */
export const reduceMin = reduction('ReduceMin', toTies);

/** The product. Each element's gradient is the product of the others, also where one of them is zero. */
export const reduceProd = reduction('ReduceProd', ({ dy, inputs: [x], attributes: { axes } }) => {
  const kept = { ...(axes && { axes }), keepDims: true };
  const isZero = equal(x, constant(0));
  const nonZero = where(isZero, constant(1), x);
  const [product, zeros] = [reduceProd(nonZero, kept), reduceSum(mask(isZero, x), kept)];
  const ofZero = where(equal(zeros, constant(1)), product, constant(0));
  const ofOthers = where(equal(zeros, constant(0)), div(product, nonZero), constant(0));
  return mul(restoreAxes(dy, x, kept), where(isZero, ofZero, ofOthers));
});

/** log Σ eˣ, stable at any finite x. */
export const logSumExp = reduction('ReduceLogSumExp', ({ dy, inputs: [x], attributes: { axes } }) => {
  // The softmax, from x itself: the difference to a sum that is far from zero would have few digits.
  const kept = { ...(axes && { axes }), keepDims: true };
  const terms = exp(sub(x, stopGradient(reduceMax(x, kept))));
  return mul(restoreAxes(dy, x, kept), div(terms, reduceSum(terms, kept)));
});

/** Mean and variance (of the whole, not an estimate from a sample), in two passes. */
export function moments(x: Value, attributes: ReduceAttributes = {}): { mean: Value; variance: Value } {
  const mean = reduceMean(x, attributes);
  const apart = sub(x, restoreAxes(mean, x, attributes));
  return { mean, variance: reduceMean(square(apart), attributes) };
}

interface PlaceAttributes {
  /** Default −1, the last. */
  readonly axis?: number;
  /** Keep it with size 1. */
  readonly keepDims?: boolean;
}

function placeOfExtreme(opType: string) {
  return defineOp<['x'], PlaceAttributes>({
    opType,
    inputs: ['x'],
    infer: ([x], { axis = -1, keepDims = false }) => {
      const at = normalizeAxis(axis, x.rank, opType);
      return { shape: keepDims ? x.shape.with(at, 1) : x.shape.toSpliced(at, 1), dtype: 'int64' };
    },
    onnx: (_, { axis = -1, keepDims = false }) => ({ attributes: { axis, keepdims: keepDims ? 1 : 0 } }),
  });
}

/** The index of the first largest element along an axis, int64. */
export const argMax = placeOfExtreme('ArgMax');
/** The index of the first smallest element along an axis, int64. */
export const argMin = placeOfExtreme('ArgMin');

interface CumSumAttributes {
  /** Default −1, the last. */
  readonly axis?: number;
  /** Without the element itself. */
  readonly exclusive?: boolean;
  /** From the end. */
  readonly reverse?: boolean;
}

/** The sum of all elements up to each one, along an axis. */
export const cumSum = defineOp<['x'], CumSumAttributes>({
  opType: 'CumSum',
  inputs: ['x'],
  infer: ([x], { axis = -1 }) => {
    normalizeAxis(axis, x.rank, 'CumSum');
    return x;
  },
  grad: [
    ({ dy, attributes }): Value => cumSum(dy, { ...attributes, reverse: !(attributes.reverse ?? false) }),
  ],
  onnx: (_, { axis = -1, exclusive = false, reverse = false }) => ({
    attributes: { exclusive: exclusive ? 1 : 0, reverse: reverse ? 1 : 0 },
    constants: [scalarOf(axis, 'int64')],
  }),
});

/** A float32 constant of this shape with one value throughout. */
export function filled(value: number, shape: readonly number[]): Value {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return constant(tensor('float32', shape, new Float32Array(size).fill(value)));
}
