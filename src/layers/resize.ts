import { ShapeError } from '../core/errors.ts';
import { floats, tensor } from '../core/tensor.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { type Kernel, kernels } from '../images/kernels.ts';
import { add, mul, sub } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { repeatElements } from '../ops/rearranging.ts';
import { gather, reshape } from '../ops/shaping.ts';
import { knownSize } from './layer.ts';
import { checkImages } from './window.ts';

export const resizeMethods = ['nearest', 'bilinear', 'bicubic', 'lanczos3', 'lanczos5', 'area'] as const;
export type ResizeMethod = (typeof resizeMethods)[number];

export interface ResizeOptions {
  readonly method: ResizeMethod;
  /** A wider kernel where the image shrinks, so that no pixel is passed over. 'nearest' and 'area' have none. */
  readonly antialias?: boolean;
}

/**
 * Images in another size, pixel centres at halves: the values of TensorFlow's `tf.image.resize`,
 * https://www.tensorflow.org/api_docs/python/tf/image/resize.
 *
 * @param x [batch, height, width, channels], float32; of any dtype for 'nearest'
 * @param size [height, width]
 * @returns [batch, ...size, channels]
 */
export function resizeImages(
  x: Value,
  size: readonly [height: number, width: number],
  { method, antialias = false }: ResizeOptions,
): Value {
  checkImages(x.shape);
  knownSize(x.shape, 3, 'the channels');
  if (method !== 'nearest' && x.dtype !== 'float32')
    throw new ShapeError(`resizing by '${method}' takes float32, got ${x}`);
  return [2, 1].reduce<Value>((image, axis) => {
    const from = knownSize(x.shape, axis, 'height and width');
    const to = size[axis - 1]!;
    if (from === to) return image;
    if (method === 'nearest') return nearest(image, axis, from, to);
    if (method === 'bilinear' && !antialias) return linear(image, { axis, to });
    const weights =
      method === 'area' ? areaWeights(from, to) : kernelWeights(kernels[method], from, to, method, antialias);
    return product(matrixOf(weights), image, axis);
  }, x);
}

const matrixOf = (rows: readonly (readonly number[])[]): Value =>
  constant(floats(rows.flat(), [rows.length, rows[0]!.length]));

/** The product of a matrix [to, from] with one axis, the height or the width. */
function product(matrix: Value, x: Value, axis: number): Value {
  if (axis === 2) return matMul(matrix, x);
  const [batch, height, width, channels] = x.shape as [string, number, number, number];
  const rows = matMul(matrix, reshape(x, { shape: [batch, height, width * channels] }));
  return reshape(rows, { shape: [batch, matrix.shape[0]!, width, channels] });
}

/**
 * Where each new pixel's centre lies on the old axis, whose first pixel reaches from 0 to 1. In single precision, as in
 * TensorFlow: what is nearest, and which way a half is rounded, can hang on the last digit.
 */
function centres(from: number, to: number): number[] {
  const scale = Math.fround(from / to);
  return Array.from({ length: to }, (_, i) => Math.fround((i + 0.5) * scale));
}

/** Pixels of one axis by number; beyond the ends, the last. */
function pixels(x: Value, axis: number, from: number, places: readonly number[]): Value {
  const within = places.map((place) => BigInt(Math.min(Math.max(place, 0), from - 1)));
  return gather(x, constant(tensor('int64', [places.length], BigInt64Array.from(within))), { axis });
}

function nearest(x: Value, axis: number, from: number, to: number): Value {
  if (to % from === 0) return repeatElements(x, { times: to / from, axis });
  return pixels(x, axis, from, centres(from, to).map(Math.floor));
}

/** One axis, the height or the width, by what lies between two neighbours: a + (b − a) · fraction. */
const linear = defineOp<['x'], { readonly axis: number; readonly to: number }>({
  opType: 'ResizeLinear',
  inputs: ['x'],
  infer: ([x], { axis, to }) => ({ shape: x.shape.with(axis, to), dtype: x.dtype }),
  // A product with the transposed matrix, which is faster than to add up where pixels were read.
  grad: [
    ({ dy, inputs: [x], attributes: { axis, to } }) => {
      const from = x.shape[axis] as number;
      const weights = kernelWeights(kernels.bilinear, from, to, 'bilinear', false);
      return product(
        matrixOf(Array.from({ length: from }, (_, j) => weights.map((row) => row[j]!))),
        dy,
        axis,
      );
    },
  ],
  compose: ([x], { axis, to }) => {
    const from = x.shape[axis] as number;
    const places = centres(from, to).map((centre) => Math.fround(centre - 0.5));
    const first = pixels(x, axis, from, places.map(Math.floor));
    const second = pixels(x, axis, from, places.map(Math.ceil));
    const fractions = places.map((place) => place - Math.floor(place));
    const shape = x.shape.map((_, i) => (i === axis ? to : 1));
    return add(first, mul(sub(second, first), constant(floats(fractions, shape))));
  },
});

/** Per new pixel the share of each old one. What a kernel has beyond the image is shared out among the others. */
function kernelWeights(
  kernel: Kernel,
  from: number,
  to: number,
  method: ResizeMethod,
  antialias: boolean,
): number[][] {
  const width = antialias ? Math.max(from / to, 1) : 1;
  return Array.from({ length: to }, (_, i) => {
    const exact = ((i + 0.5) * from) / to - 0.5;
    // TensorFlow takes its bicubic weights from a table of 1024 steps.
    const centre = method === 'bicubic' && !antialias ? Math.round(exact * 1024) / 1024 : exact;
    const weights = Array.from({ length: from }, (_, j) => kernel.at(Math.abs(j - centre) / width));
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return weights.map((weight) => weight / sum);
  });
}

/** Per new pixel the share of its area that each old one covers. */
function areaWeights(from: number, to: number): number[][] {
  const scale = from / to;
  return Array.from({ length: to }, (_, i) =>
    Array.from(
      { length: from },
      (_, j) => Math.max(0, Math.min(j + 1, (i + 1) * scale) - Math.max(j, i * scale)) / scale,
    ),
  );
}
