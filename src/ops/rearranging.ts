import { ShapeError } from '../core/errors.ts';
import {
  type Dim,
  formatShape,
  multiplyDims,
  normalizeAxis,
  type Shape,
  sameShape,
  staticDim,
} from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import type { Value } from '../graph/value.ts';
import { reduceSum } from './reduce.ts';
import { concat, int64s, pad, reshape, slice, transpose } from './shaping.ts';

interface Axis {
  readonly axis: number;
}

/** A new axis of size 1, so that it is axis `axis` of what comes out. */
export function expandDims(x: Value, { axis }: Axis): Value {
  return reshape(x, { shape: x.shape.toSpliced(normalizeAxis(axis, x.rank + 1, 'expandDims'), 0, 1) });
}

/** Without axes of size 1: those that are named, or all. */
export function squeeze(x: Value, { axes }: { readonly axes?: readonly number[] } = {}): Value {
  const gone = axes
    ? axes.map((axis) => normalizeAxis(axis, x.rank, 'squeeze'))
    : x.shape.flatMap((dim, i) => (dim === 1 ? [i] : []));
  const other = gone.find((axis) => x.shape[axis] !== 1);
  if (other !== undefined) throw new ShapeError(`squeeze: axis ${other} of ${x} is not of size 1`);
  return reshape(x, { shape: x.shape.filter((_, i) => !gone.includes(i)) });
}

/** Values of one shape, one behind another along a new axis. */
export function stack(values: readonly Value[], { axis = 0 }: Partial<Axis> = {}): Value {
  const [first] = values;
  if (!first) throw new ShapeError('stack: at least one value is needed');
  const other = values.find(({ shape }) => !sameShape(shape, first.shape));
  if (other) throw new ShapeError(`stack: ${first} and ${other} differ in shape`);
  const at = normalizeAxis(axis, first.rank + 1, 'stack');
  return concat(...values.map((value) => expandDims(value, { axis: at })), { axis: at });
}

/**
 * `x` cut along one axis of known size: into `parts` equal parts, or parts of given sizes.
 *
 * @example const [a, b] = split(x, { parts: 2, axis: -1 });
 */
export function split(
  x: Value,
  { parts, axis = -1 }: { readonly parts: number | readonly number[] } & Partial<Axis>,
): Value[] {
  const at = normalizeAxis(axis, x.rank, 'split');
  const size = staticDim(x.shape[at]!, `split along axis ${at} of ${x}`);
  const sizes = typeof parts === 'number' ? Array<number>(parts).fill(size / parts) : parts;
  if (!sizes.every((s) => Number.isInteger(s) && s >= 0) || sizes.reduce((sum, s) => sum + s, 0) !== size) {
    throw new ShapeError(`split: axis ${at} of ${x} cannot be cut into ${JSON.stringify(parts)}`);
  }
  let start = 0;
  return sizes.map((length) => {
    start += length;
    return slice(x, { starts: [start - length], ends: [start], axes: [at] });
  });
}

/** One axis in another place, the others in their order. */
export function moveAxis(x: Value, { from, to }: { readonly from: number; readonly to: number }): Value {
  const [source, target] = [from, to].map((axis) => normalizeAxis(axis, x.rank, 'moveAxis')) as [
    number,
    number,
  ];
  const others = x.shape.map((_, i) => i).filter((i) => i !== source);
  return source === target ? x : transpose(x, { perm: others.toSpliced(target, 0, source) });
}

/** Axes back to front. */
export const flip = defineOp<['x'], { readonly axes: readonly number[] }>({
  opType: 'Flip',
  inputs: ['x'],
  infer: ([x], { axes }) => {
    for (const axis of axes) normalizeAxis(axis, x.rank, 'Flip');
    return x;
  },
  grad: [({ dy, attributes }): Value => flip(dy, attributes)],
  onnx: (_, { axes }) => ({
    opType: 'Slice',
    // From the last element on, in steps of −1, to before the first: an end as low as none can be.
    constants: [-1, -(2 ** 31), undefined, -1].map((value) => int64s(axes.map((axis) => value ?? axis))),
  }),
});

/** The whole `repeats[i]` times along axis `i`. */
export const tile = defineOp<['x'], { readonly repeats: readonly number[] }>({
  opType: 'Tile',
  inputs: ['x'],
  infer: ([x], { repeats }) => {
    if (repeats.length !== x.rank || !repeats.every((count) => Number.isInteger(count) && count > 0)) {
      throw new ShapeError(
        `Tile: a whole number above 0 for each axis of ${x} is needed, got ${formatShape(repeats)}`,
      );
    }
    return { shape: x.shape.map((dim, i) => multiplyDims(dim, repeats[i]!)), dtype: x.dtype };
  },
  grad: [
    ({ dy, inputs: [x], attributes: { repeats } }): Value =>
      reduceSum(reshape(dy, { shape: x.shape.flatMap((dim, i): Shape => [repeats[i]!, dim]) }), {
        axes: repeats.map((_, i) => 2 * i),
      }),
  ],
  onnx: (_, { repeats }) => ({ constants: [int64s(repeats)] }),
});

/** Each element `times` times in a row along one axis of known size: nearest-neighbour enlargement. */
export function repeatElements(x: Value, { times, axis }: { readonly times: number } & Axis): Value {
  const at = normalizeAxis(axis, x.rank, 'repeatElements');
  const apart = expandDims(x, { axis: at + 1 });
  const repeats = apart.shape.map((_, i) => (i === at + 1 ? times : 1));
  const shape: Dim[] = x.shape.with(at, multiplyDims(x.shape[at]!, times));
  return reshape(tile(apart, { repeats }), { shape });
}

interface PadEdges {
  /** How many go before the first element of each axis. */
  readonly before: readonly number[];
  /** How many go behind the last. */
  readonly after: readonly number[];
  /** `reflect`: the neighbours mirrored at the last element; `symmetric`: behind it; `edge`: the last element again. */
  readonly mode: 'reflect' | 'symmetric' | 'edge';
}

/** What lies next to an edge goes on beyond it. Padded axes have known sizes. A constant around: `pad`. */
export function padEdges(x: Value, { before, after, mode }: PadEdges): Value {
  pad(x, { before, after }); // which says what is wrong with them
  return x.shape.reduce<Value>((padded, dim, axis) => {
    const [front, back] = [before[axis]!, after[axis]!];
    if (front === 0 && back === 0) return padded;
    const size = staticDim(dim, `padEdges of ${x}`);
    const part = (start: number, end: number) =>
      slice(padded, { starts: [start], ends: [end], axes: [axis] });
    const skipped = mode === 'reflect' ? 1 : 0;
    if (mode !== 'edge' && Math.max(front, back) > size - skipped)
      throw new ShapeError(
        `padEdges: axis ${axis} of ${x} is too small for ${front} and ${back} by '${mode}'`,
      );
    const margin = (amount: number, start: number): Value[] => {
      if (amount === 0) return [];
      if (mode !== 'edge') return [flip(part(start, start + amount), { axes: [axis] })];
      return [tile(part(start, start + 1), { repeats: x.shape.map((_, i) => (i === axis ? amount : 1)) })];
    };
    const last = mode === 'edge' ? size - 1 : size - skipped - back;
    return concat(...margin(front, skipped), padded, ...margin(back, last), { axis });
  }, x);
}
