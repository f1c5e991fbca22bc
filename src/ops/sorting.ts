import { ShapeError } from '../core/errors.ts';
import { normalizeAxis, staticDim } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { cast, equal } from './elementwise.ts';
import { expandDims } from './rearranging.ts';
import { int64s, takeAlong } from './shaping.ts';

interface TopKAttributes {
  readonly k: number;
  /** Default −1, the last. */
  readonly axis?: number;
  /** The smallest ones, smallest first. */
  readonly smallest?: boolean;
}

/** Where the `k` largest elements along an axis are, largest first, int64; of equal ones the first comes first. */
export const topKIndices = defineOp<['x'], TopKAttributes>({
  opType: 'TopK',
  inputs: ['x'],
  infer: ([x], { k, axis = -1 }) => {
    const at = normalizeAxis(axis, x.rank, 'TopK');
    const size = x.shape[at]!;
    if (!(Number.isInteger(k) && k > 0) || (typeof size === 'number' && k > size))
      throw new ShapeError(
        `TopK: k must be a whole number from 1 to the size of axis ${at} of ${x}, got ${k}`,
      );
    return { shape: x.shape.with(at, k), dtype: 'int64' };
  },
  grad: [null], // places do not change with small changes of what lies there
  onnx: (_, { k, axis = -1, smallest = false }) => ({
    attributes: { axis, largest: smallest ? 0 : 1, sorted: 1 },
    constants: [int64s([k])],
    output: 1,
  }),
});

/** The `k` largest elements along an axis, largest first, and where they are (int64). */
export function topK(x: Value, attributes: TopKAttributes): { values: Value; indices: Value } {
  const indices = topKIndices(x, attributes);
  return { values: takeAlong(x, indices, { axis: attributes.axis ?? -1 }), indices };
}

interface SortAttributes {
  /** Default −1, the last; its size is known. */
  readonly axis?: number;
  /** Largest first. */
  readonly descending?: boolean;
}

/** Where each element of the sorted axis comes from, int64; equal ones keep their order. */
export function argSort(x: Value, { axis = -1, descending = false }: SortAttributes = {}): Value {
  const k = staticDim(x.shape[normalizeAxis(axis, x.rank, 'argSort')]!, `argSort of ${x}`);
  return topKIndices(x, { k, axis, smallest: !descending });
}

/** The elements along an axis in order, smallest first. */
export function sort(x: Value, attributes: SortAttributes = {}): Value {
  return takeAlong(x, argSort(x, attributes), { axis: attributes.axis ?? -1 });
}

/**
 * 1 at each index along a new axis of size `depth`, 0 elsewhere; float32. An index outside [0, depth) gives zeros alone.
 *
 * @param indices int64 or int32
 */
export function oneHot(
  indices: Value,
  { depth, axis = -1 }: { readonly depth: number; readonly axis?: number },
): Value {
  const at = normalizeAxis(axis, indices.rank + 1, 'oneHot');
  const shape = [depth, ...Array<number>(indices.rank - at).fill(1)];
  const numbers = Int32Array.from({ length: depth }, (_, i) => i);
  const places = cast(constant(tensor('int32', shape, numbers)), { to: indices.dtype });
  return cast(equal(expandDims(indices, { axis: at }), places), { to: 'float32' });
}
