import { constant, scalarOf } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  abs,
  add,
  cast,
  clip,
  div,
  floor,
  greater,
  less,
  minimum,
  mul,
  sign,
  sub,
  where,
} from '../ops/elementwise.ts';
import { gatherRows, pad, reshape } from '../ops/shaping.ts';
import { knownSize } from './layer.ts';

export const interpolations = ['nearest', 'bilinear'] as const;
export const fillModes = ['reflect', 'wrap', 'constant', 'nearest'] as const;

export interface WarpOptions {
  readonly interpolation: (typeof interpolations)[number];
  /**
   * What lies beyond an image a b c d: `reflect` d c b a, `wrap` a b c d again, `nearest` d d d d, `constant` the
   * `fillValue`.
   */
  readonly fillMode: (typeof fillModes)[number];
  readonly fillValue: number;
}

/** Where each pixel of the output is read, in pixels of the input from the centre of the first, [batch, height, width, 1]. */
export interface Places {
  /** The height may be 1, when it is the same for all rows. */
  readonly x: Value;
  /** The width may be 1. */
  readonly y: Value;
}

/**
 * Images read at computed places: the values of TensorFlow's ImageProjectiveTransformV3, and their gradient.
 * https://www.tensorflow.org/api_docs/python/tf/raw_ops/ImageProjectiveTransformV3
 *
 * @param images [batch, height, width, channels], float32
 */
export function warp(
  images: Value,
  places: Places,
  { interpolation, fillMode, fillValue }: WarpOptions,
): Value {
  const [height, width, channels] = [1, 2, 3].map((axis) =>
    knownSize(images.shape, axis, 'height, width and channels'),
  ) as [number, number, number];
  const batch = images.shape[0]!;
  const [x, y] = [within(places.x, width, fillMode), within(places.y, height, fillMode)];
  // A frame of the fill value, which whatever lies further out is read from.
  const frame = fillMode === 'constant' ? 1 : 0;
  const around = [0, frame, frame, 0];
  const framed = frame ? pad(images, { before: around, after: around, value: fillValue }) : images;
  const [rows, columns] = [height + 2 * frame, width + 2 * frame];
  const pixels = reshape(framed, { shape: [batch, rows * columns, channels] });
  const index = (place: Value, size: number) =>
    cast(clip(add(place, constant(frame)), { min: 0, max: size - 1 }), { to: 'int64' });
  const read = (left: Value, top: Value): Value => {
    const row = mul(index(top, rows), constant(scalarOf(columns, 'int64')));
    const indices = reshape(add(row, index(left, columns)), { shape: [batch, height * width] });
    return reshape(gatherRows(pixels, indices), { shape: images.shape });
  };
  if (interpolation === 'nearest') return read(rounded(x), rounded(y));
  const [left, top] = [floor(x), floor(y)];
  const [right, bottom] = [add(left, constant(1)), add(top, constant(1))];
  const across = (at: Value) => between(read(left, at), read(right, at), sub(x, left));
  return between(across(top), across(bottom), sub(y, top));
}

/** From `a` at 0 to `b` at 1. */
function between(a: Value, b: Value, share: Value): Value {
  return add(mul(sub(constant(1), share), a), mul(share, b));
}

/** Halves away from zero, as C rounds. */
function rounded(x: Value): Value {
  return mul(sign(x), floor(add(abs(x), constant(0.5))));
}

/** Places along an axis, moved into the image as the mode has it; with 'constant' they stay beyond. */
function within(place: Value, size: number, fillMode: WarpOptions['fillMode']): Value {
  const moved = { reflect: reflected, wrap: wrapped, nearest: same, constant: same }[fillMode](place, size);
  return fillMode === 'constant' ? moved : clip(moved, { min: 0, max: size - 1 });
}

const same = (place: Value): Value => place;

/** Mirrored at the images' edges, half a pixel beyond the outer centres: the pattern returns every 2 · size. */
function reflected(place: Value, size: number): Value {
  const period = constant(2 * size);
  const inFirst = sub(place, mul(period, floor(div(place, period))));
  return minimum(inFirst, sub(constant(2 * size - 1), inFirst));
}

/** Begun again by TensorFlow's rule, which steps by `size` as often as `size − 1` fits in. */
function wrapped(place: Value, size: number): Value {
  if (size === 1) return place;
  const [length, last] = [constant(size), constant(size - 1)];
  const before = add(place, mul(length, add(floor(div(sub(constant(0), place), last)), constant(1))));
  const behind = sub(place, mul(length, floor(div(place, last))));
  return where(less(place, constant(0)), before, where(greater(place, last), behind, place));
}
