import type { DType } from '../core/dtype.ts';
import { ShapeError } from '../core/errors.ts';
import {
  addDims,
  type Dim,
  formatShape,
  normalizeAxis,
  type Shape,
  sameShape,
  sizeOf,
  staticDim,
} from '../core/shape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';

/** A list of whole numbers as ONNX takes it: an int64 constant. */
export function int64s(values: readonly number[]): Tensor<'int64'> {
  return tensor('int64', [values.length], BigInt64Array.from(values, BigInt));
}

/** The same elements in another shape. One dimension at most may be symbolic. */
export const reshape = defineOp<['x'], { shape: Shape }>({
  opType: 'Reshape',
  inputs: ['x'],
  infer: ([x], { shape }) => {
    if (sizeOf(shape) !== sizeOf(x.shape)) {
      throw new ShapeError(`Reshape: ${x} cannot take the shape ${formatShape(shape)}: the sizes differ`);
    }
    return { shape, dtype: x.dtype };
  },
  grad: [({ dy, inputs: [x] }): Value => reshape(dy, { shape: x.shape })],
  onnx: (_, { shape }) => ({ constants: [int64s(shape.map((dim) => (typeof dim === 'number' ? dim : -1)))] }),
});

/** Axes in another order: axis `i` of the output is axis `perm[i]` of the input. */
export const transpose = defineOp<['x'], { perm: readonly number[] }>({
  opType: 'Transpose',
  inputs: ['x'],
  infer: ([x], { perm }) => {
    if (
      perm.length !== x.rank ||
      new Set(perm).size !== x.rank ||
      perm.some((axis) => x.shape[axis] === undefined)
    ) {
      throw new ShapeError(`Transpose: perm ${formatShape(perm)} is no order of the axes of ${x}`);
    }
    return { shape: perm.map((axis) => x.shape[axis]!), dtype: x.dtype };
  },
  grad: [
    ({ dy, attributes: { perm } }): Value =>
      transpose(dy, { perm: perm.map((_, axis) => perm.indexOf(axis)) }),
  ],
  onnx: (_, { perm }) => ({ attributes: { perm } }),
});

/** Values side by side along one axis; all else of their shapes is equal. */
export const concat = defineOp<['...values'], { axis: number }>({
  opType: 'Concat',
  inputs: ['...values'],
  infer: (values, { axis }) => {
    const [first, ...rest] = values;
    if (!first) throw new ShapeError('Concat: at least one value is needed');
    const at = normalizeAxis(axis, first.rank, 'Concat');
    let size: Dim = first.shape[at]!;
    for (const value of rest) {
      const fits = value.rank === first.rank && value.dtype === first.dtype;
      if (!fits || !value.shape.every((dim, i) => i === at || dim === first.shape[i])) {
        throw new ShapeError(`Concat: ${first} and ${value} differ outside axis ${at}`);
      }
      size = addDims(size, value.shape[at]!);
    }
    return { shape: first.shape.with(at, size), dtype: first.dtype };
  },
  grad: [
    ({ dy, inputs, index, attributes: { axis } }) => {
      const at = normalizeAxis(axis, dy.rank, 'Concat');
      const sizes = inputs.map((value) => staticDim(value.shape[at]!, 'the gradient of Concat'));
      const start = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
      return slice(dy, { starts: [start], ends: [start + sizes[index]!], axes: [at] });
    },
  ],
  onnx: (_, { axis }) => ({ attributes: { axis } }),
});

interface SliceAttributes {
  readonly starts: readonly number[];
  /** Exclusive; sizes beyond the end are cut. */
  readonly ends: readonly number[];
  /** Which axes the others speak of; 0, 1, … if absent. */
  readonly axes?: readonly number[];
  /** Whole numbers above 0; 1 if absent. */
  readonly steps?: readonly number[];
}

/** Per sliced axis: which one, and where it starts, ends and by how much it goes on, within the input's size. */
function sliceRanges(x: Value, { starts, ends, axes, steps }: SliceAttributes) {
  return starts.map((from, i) => {
    const axis = normalizeAxis(axes?.[i] ?? i, x.rank, 'Slice');
    const size = staticDim(x.shape[axis]!, `Slice along axis ${axis} of ${x}`);
    const place = (at: number) => Math.min(size, Math.max(0, at < 0 ? at + size : at));
    const [start, end, step] = [place(from), place(ends[i] ?? size), steps?.[i] ?? 1];
    if (!(Number.isInteger(step) && step > 0))
      throw new ShapeError(`Slice: steps must be whole and above 0, got ${step}`);
    return { axis, size, start, step, count: Math.max(0, Math.ceil((end - start) / step)) };
  });
}

/** A part of each given axis, as `x[start:end:step]`. Sliced axes have known sizes. */
export const slice = defineOp<['x'], SliceAttributes>({
  opType: 'Slice',
  inputs: ['x'],
  infer: ([x], attributes) => {
    const shape = [...x.shape];
    for (const { axis, count } of sliceRanges(x, attributes)) shape[axis] = count;
    return { shape, dtype: x.dtype };
  },
  grad: [
    ({ dy, inputs: [x], attributes }): Value =>
      sliceRanges(x, attributes).reduce<Value>((gradient, { axis, size, start, step, count }) => {
        const spread = step === 1 ? gradient : spreadOut(gradient, axis, step);
        const length = step === 1 ? count : Math.min(count * step, size - start);
        const cut =
          length < count * step ? slice(spread, { starts: [0], ends: [length], axes: [axis] }) : spread;
        return padAxis(cut, axis, start, size - start - length);
      }, dy),
  ],
  onnx: ([x], attributes) => {
    const ranges = sliceRanges(x, attributes);
    const ends = ranges.map(({ start, step, count, size }) => Math.min(size, start + step * count));
    return {
      constants: [
        int64s(ranges.map((range) => range.start)),
        int64s(ends),
        int64s(ranges.map((range) => range.axis)),
        int64s(ranges.map((range) => range.step)),
      ],
    };
  },
});

/** Zeros behind each element of an axis, so that it becomes `step` times as long. */
function spreadOut(x: Value, axis: number, step: number): Value {
  const count = staticDim(x.shape[axis]!, 'the gradient of Slice');
  const apart = reshape(x, { shape: x.shape.toSpliced(axis + 1, 0, 1) });
  return reshape(padAxis(apart, axis + 1, 0, step - 1), { shape: x.shape.with(axis, count * step) });
}

function padAxis(x: Value, axis: number, before: number, after: number): Value {
  const at = (amount: number) => x.shape.map((_, i) => (i === axis ? amount : 0));
  return before || after ? pad(x, { before: at(before), after: at(after) }) : x;
}

/** Zeros around: `before[i]` and `after[i]` of them along axis `i`. */
export const pad = defineOp<['x'], { before: readonly number[]; after: readonly number[] }>({
  opType: 'Pad',
  inputs: ['x'],
  infer: ([x], { before, after }) => ({
    shape: x.shape.map((dim, i) => (before[i] || after[i] ? addDims(dim, before[i]! + after[i]!) : dim)),
    dtype: x.dtype,
  }),
  grad: [
    ({ dy, inputs: [x], attributes: { before, after } }): Value => {
      const axes = before.flatMap((amount, i) => (amount || after[i] ? [i] : []));
      const starts = axes.map((axis) => before[axis]!);
      const ends = axes.map((axis, i) => starts[i]! + staticDim(x.shape[axis]!, 'the gradient of Pad'));
      return slice(dy, { starts, ends, axes });
    },
  ],
  onnx: (_, { before, after }) => ({ constants: [int64s([...before, ...after])] }),
});

/** The shape when the graph runs, int64; of axes `start` (0) to `end` (all) alone. */
export const shapeOf = defineOp<['x'], { start?: number; end?: number }>({
  opType: 'Shape',
  inputs: ['x'],
  infer: ([x], { start = 0, end = x.rank }) => ({ shape: [end - start], dtype: 'int64' }),
  grad: [null], // sizes do not depend on the elements
  onnx: ([x], { start = 0, end = x.rank }) => ({ attributes: { start, end } }),
});

const expand = defineOp<['x', 'sizes'], { shape: Shape }>({
  opType: 'Expand',
  inputs: ['x', 'sizes'],
  infer: ([x], { shape }) => ({ shape, dtype: x.dtype }),
  grad: [({ dy }) => dy, null],
});

/** `x` repeated to the shape of `like`, by broadcasting. */
export function broadcastLike(x: Value, like: Value): Value {
  return sameShape(x.shape, like.shape) ? x : expand(x, shapeOf(like), { shape: like.shape });
}

/** `x` with its last axis, of size 1 or unknown, repeated to `size`. */
export function repeatLastAxis(x: Value, size: number): Value {
  const sizes = concat(shapeOf(x, { end: x.rank - 1 }), constant(int64s([size])), { axis: 0 });
  return expand(x, sizes, { shape: x.shape.with(-1, size) });
}

/** Rows of `x` along `axis`, by number. No gradient: lowering uses it, models do not. */
export const gather = defineOp<['x', 'indices'], { axis: number }>({
  opType: 'Gather',
  inputs: ['x', 'indices'],
  infer: ([x, indices], { axis }) => ({
    shape: x.shape.toSpliced(axis, 1, ...indices.shape),
    dtype: x.dtype,
  }),
  onnx: (_, { axis }) => ({ attributes: { axis } }),
});

/** 0, 1, … below `limit` (an int64 value of shape []), in `length` elements. */
export const range = defineOp<['start', 'limit', 'delta'], { length: Dim }>({
  opType: 'Range',
  inputs: ['start', 'limit', 'delta'],
  infer: ([start], { length }) => ({ shape: [length], dtype: start.dtype as DType }),
});
