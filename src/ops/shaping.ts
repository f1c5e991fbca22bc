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
import { constant, scalarOf } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { cast } from './elementwise.ts';

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

interface PadAttributes {
  /** How many go before the first element of each axis. */
  readonly before: readonly number[];
  /** How many go behind the last. */
  readonly after: readonly number[];
  /** What stands there. Default 0. */
  readonly value?: number;
}

/** A constant around: `before[i]` and `after[i]` of them along axis `i`. Other ways to pad: `padEdges`. */
export const pad = defineOp<['x'], PadAttributes>({
  opType: 'Pad',
  inputs: ['x'],
  infer: ([x], { before, after }) => {
    const whole = [...before, ...after].every((amount) => Number.isInteger(amount) && amount >= 0);
    if (before.length !== x.rank || after.length !== x.rank || !whole) {
      throw new ShapeError(
        `Pad: a whole number before and after each axis of ${x} is needed, got [${before}] and [${after}]`,
      );
    }
    return {
      shape: x.shape.map((dim, i) => (before[i] || after[i] ? addDims(dim, before[i]! + after[i]!) : dim)),
      dtype: x.dtype,
    };
  },
  grad: [
    ({ dy, inputs: [x], attributes: { before, after } }): Value => {
      const axes = before.flatMap((amount, i) => (amount || after[i] ? [i] : []));
      const starts = axes.map((axis) => before[axis]!);
      const ends = axes.map((axis, i) => starts[i]! + staticDim(x.shape[axis]!, 'the gradient of Pad'));
      return slice(dy, { starts, ends, axes });
    },
  ],
  onnx: ([x], { before, after, value = 0 }) => ({
    constants: [int64s([...before, ...after]), ...(value === 0 ? [] : [scalarOf(value, x.dtype)])],
  }),
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

/** `x` in the shape `shape`, by broadcasting; of a symbol, the size is that of the same symbol in `like`. */
export function expandTo(x: Value, shape: Shape, like: Value = x): Value {
  if (sameShape(x.shape, shape)) return x;
  const sizes = shape.map((dim) => {
    if (typeof dim === 'number') return constant(int64s([dim]));
    const axis = like.shape.indexOf(dim);
    if (axis < 0) throw new ShapeError(`Expand: ${like} has no axis of size '${dim}'`);
    return shapeOf(like, { start: axis, end: axis + 1 });
  });
  const known = shape.every((dim) => typeof dim === 'number');
  return expand(x, known ? constant(int64s(shape as number[])) : concat(...sizes, { axis: 0 }), { shape });
}

/** One number in the shape and dtype of `like`. */
export function fullLike(like: Value, value: number): Value {
  return broadcastLike(constant(scalarOf(value, like.dtype)), like);
}
export const zerosLike = (like: Value): Value => fullLike(like, 0);
export const onesLike = (like: Value): Value => fullLike(like, 1);

function requireIndices(opType: string, indices: Value): void {
  if (indices.dtype !== 'int64' && indices.dtype !== 'int32')
    throw new ShapeError(`${opType}: indices must be int64 or int32, got ${indices}`);
}

interface AlongAttributes {
  readonly axis: number;
}

/**
 * Parts of `x` along `axis`, by number: `indices` of any shape stand in the place of that axis. Negative numbers count from
 * the end.
 *
 * @example gather(input('table', [10, 4]), input('rows', ['batch'], 'int64'), { axis: 0 }) // [batch, 4]
 */
export const gather = defineOp<['x', 'indices'], AlongAttributes>({
  opType: 'Gather',
  inputs: ['x', 'indices'],
  infer: ([x, indices], { axis }) => {
    requireIndices('Gather', indices);
    return {
      shape: x.shape.toSpliced(normalizeAxis(axis, x.rank, 'Gather'), 1, ...indices.shape),
      dtype: x.dtype,
    };
  },
  grad: [
    ({ dy, inputs: [x, indices], attributes: { axis } }): Value => scattered(dy, x, indices, axis),
    null,
  ],
  onnx: (_, { axis }) => ({ attributes: { axis } }),
});

/** Zeros in the shape of `x`, and `dy` added where `gather` had read. */
function scattered(dy: Value, x: Value, indices: Value, axis: number): Value {
  const at = normalizeAxis(axis, x.rank, 'Gather');
  const [outer, inner] = [x.shape.slice(0, at), x.shape.slice(at + 1)];
  const count = sizeOf(indices.shape);
  const rows = reshape(dy, { shape: [...outer, count, ...inner] });
  const column = reshape(indices, { shape: [count, ...inner.map(() => 1)] });
  return scatterAdd(zerosLike(x), broadcastLike(column, rows), rows, { axis: at });
}

/**
 * Elements of `x` along `axis`, by number: `indices` has the rank of `x`, and what comes out its shape. Along the other
 * axes each index reads at its own place.
 */
export const takeAlong = defineOp<['x', 'indices'], AlongAttributes>({
  opType: 'GatherElements',
  inputs: ['x', 'indices'],
  infer: ([x, indices], { axis }) => {
    requireIndices('GatherElements', indices);
    requireAlong('GatherElements', x, indices, axis);
    return { shape: indices.shape, dtype: x.dtype };
  },
  grad: [
    ({ dy, inputs: [x, indices], attributes }): Value => scatterAdd(zerosLike(x), indices, dy, attributes),
    null,
  ],
  onnx: (_, { axis }) => ({ attributes: { axis } }),
});

/**
 * `x` with `updates` added to its elements along `axis`, by number; the reverse of `takeAlong`. Updates of one element are
 * added in their order, so that the sum is the same in every run.
 */
export const scatterAdd = defineOp<['x', 'indices', 'updates'], AlongAttributes>({
  opType: 'ScatterElements',
  inputs: ['x', 'indices', 'updates'],
  infer: ([x, indices, updates], { axis }) => {
    requireIndices('ScatterElements', indices);
    requireAlong('ScatterElements', x, indices, axis);
    if (!sameShape(indices.shape, updates.shape) || x.dtype !== updates.dtype)
      throw new ShapeError(`ScatterElements: the updates of ${x} at ${indices} cannot be ${updates}`);
    return x;
  },
  grad: [
    ({ dy }) => dy,
    null,
    ({ dy, inputs: [, indices], attributes }): Value => takeAlong(dy, indices, attributes),
  ],
  onnx: (_, { axis }) => ({ attributes: { axis, reduction: 'add' } }),
});

const gatherNd = defineOp<['x', 'indices']>({
  opType: 'GatherND',
  inputs: ['x', 'indices'],
  infer: ([x, indices]) => ({ shape: x.shape.with(1, indices.shape[1]!), dtype: x.dtype }),
  onnx: () => ({ attributes: { batch_dims: 1 } }),
});

/**
 * For each image of a batch rows of its own, by number: x [batch, rows, …rest], indices [batch, n] → [batch, n, …rest].
 * With the pixels of an image as rows, this reads at places that are computed.
 */
export const gatherRows = defineOp<['x', 'indices']>({
  opType: 'GatherRows',
  inputs: ['x', 'indices'],
  infer: ([x, indices]) => {
    requireIndices('GatherRows', indices);
    if (x.rank < 2 || indices.rank !== 2 || indices.shape[0] !== x.shape[0]) {
      throw new ShapeError(
        `GatherRows: x [batch, rows, …] and indices [batch, n] are needed, got ${x} and ${indices}`,
      );
    }
    return { shape: x.shape.with(1, indices.shape[1]!), dtype: x.dtype };
  },
  grad: [
    ({ dy, inputs: [x, indices] }): Value => {
      const places = reshape(indices, { shape: [...indices.shape, ...x.shape.slice(2).map(() => 1)] });
      return scatterAdd(zerosLike(x), broadcastLike(places, dy), dy, { axis: 1 });
    },
    null,
  ],
  compose: ([x, indices]) =>
    gatherNd(x, cast(reshape(indices, { shape: [...indices.shape, 1] }), { to: 'int64' })),
});

function requireAlong(opType: string, x: Value, indices: Value, axis: number): void {
  const at = normalizeAxis(axis, x.rank, opType);
  const fits = indices.rank === x.rank && x.shape.every((dim, i) => i === at || indices.shape[i] === dim);
  if (!fits) throw new ShapeError(`${opType}: ${x} and the indices ${indices} differ outside axis ${at}`);
}

/** 0, 1, … below `limit` (an int64 value of shape []), in `length` elements. */
export const range = defineOp<['start', 'limit', 'delta'], { length: Dim }>({
  opType: 'Range',
  inputs: ['start', 'limit', 'delta'],
  infer: ([start], { length }) => ({ shape: [length], dtype: start.dtype as DType }),
});
