import type { Dim } from '../core/shape.ts';
import { divideDims, normalizeAxis, sizeOf } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant } from '../graph/leaves.ts';
import type { GradientRule, Value } from '../graph/value.ts';
import { cast, div, equal, mask, mul } from './elementwise.ts';
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

/** The largest element; ties share the gradient evenly, as in TensorFlow. */
export const reduceMax = reduction('ReduceMax', ({ dy, y, inputs: [x], attributes }) => {
  const ties = mask(equal(x, restoreAxes(y, x, attributes)), dy);
  const shared = div(dy, reduceSum(ties, attributes));
  return mul(ties, restoreAxes(shared, x, attributes));
});

/** The index of the first largest element along the last axis, int64. */
export const argMax = defineOp({
  opType: 'ArgMax',
  inputs: ['x'],
  infer: ([x]) => ({ shape: x.shape.slice(0, -1), dtype: 'int64' }),
  onnx: () => ({ attributes: { axis: -1, keepdims: 0 } }),
});

/** A float32 constant of this shape with one value throughout. */
export function filled(value: number, shape: readonly number[]): Value {
  const size = shape.reduce((product, dim) => product * dim, 1);
  return constant(tensor('float32', shape, new Float32Array(size).fill(value)));
}
