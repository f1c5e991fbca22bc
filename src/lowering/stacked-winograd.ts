import { multiplyDims } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Window } from '../ops/conv.ts';
import { greater, mask, mul, neg, relu } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reduceMax, reduceMin } from '../ops/reduce.ts';
import { reshape, transpose } from '../ops/shaping.ts';
import { rowsAt, windowPixels } from './images-last.ts';
import { batchOf, convert, type Images, imagesLast, type Lowered, sizeOfImages } from './layout.ts';
import { maxOf } from './onnx-ops.ts';
import { type Matrix, transposed, winogradMatrices } from './winograd.ts';

/**
 * Winograd's convolution (winograd.ts) of small images with the batch innermost. The tiles of an axis are stacked into
 * one matrix: it takes the whole axis, cuts it into overlapping tiles and transforms these at once, so nothing is
 * gathered, padded or added up, and its transpose is the way back. Tiles of one axis differ by one pixel where that
 * makes them fit.
 *
 * For H pixels in, S out and n = Σ (m + 2) over the tiles of an axis; C channels in, O out, N images:
 * V = D·x·Dᵀ [n, n, C, N], M = Uᵀ·V [n, n, O, N] and y = A·M·Aᵀ, with U = G·w·Gᵀ [n, n, C, O].
 */

/** What the tiles of one axis make of it: D [n, H], G [n, 3], A [S, n]. */
interface Stack {
  readonly d: Matrix;
  readonly g: Matrix;
  readonly a: Matrix;
}

/** F5 multiplies least at a precision that training bears. */
const largestTile = 5;

/** The tiles of an axis, as equal as they can be. */
function tileSizes(size: number): number[] {
  const count = Math.ceil(size / largestTile);
  return Array.from({ length: count }, (_, i) => Math.ceil((size - i) / count));
}

function stackOf(input: number, output: number, pad: number): Stack {
  const sizes = tileSizes(output);
  const length = output + 2 * sizes.length;
  const d: number[][] = [];
  const g: (readonly number[])[] = [];
  const a = Array.from({ length: output }, () => new Array<number>(length).fill(0));
  let start = 0;
  for (const m of sizes) {
    const { at, g: kernels, bt } = winogradMatrices(m);
    at.forEach((line, i) => {
      line.forEach((value, k) => {
        a[start + i]![d.length + k] = value;
      });
    });
    for (const line of bt)
      d.push(Array.from({ length: input }, (_, pixel) => line[pixel - start + pad] ?? 0));
    g.push(...kernels);
    start += m;
  }
  return { d, g, a };
}

/** Of rows and of columns. */
type Stacks = readonly [rows: Stack, columns: Stack];

function stacksOf(x: Pick<Lowered, 'shape'>, [height, width]: readonly number[], { pads }: Window): Stacks {
  const [inHeight, inWidth] = sizeOfImages(x);
  return [stackOf(inHeight, height!, pads[0]), stackOf(inWidth, width!, pads[1])];
}

/** L · value · Rᵀ for [rows, columns, …]: down the rows first, then across. */
function transform(left: Matrix, right: Matrix, value: Value): Value {
  const [rows, columns, ...inner] = value.shape;
  const size = inner.reduce(multiplyDims);
  const [down, across] = [left, right].map((matrix) =>
    constant(tensor('float32', [matrix.length, matrix[0]!.length], Float32Array.from(matrix.flat()))),
  ) as [Value, Value];
  const half = matMul(down, reshape(value, { shape: [rows!, multiplyDims(columns!, size)] }));
  const whole = matMul(across, reshape(half, { shape: [left.length, columns!, size] }));
  return reshape(whole, { shape: [left.length, right.length, ...inner] });
}

/** [rows, columns, …] as one matrix for each place. */
function matrices(value: Value): Value {
  const [rows, columns, ...inner] = value.shape;
  return reshape(value, { shape: [(rows as number) * (columns as number), ...inner] });
}

const transformInput = (x: Lowered, [rows, columns]: Stacks): Value =>
  matrices(transform(rows.d, columns.d, convert(x, imagesLast).value));

const transformKernel = (w: Value, [rows, columns]: Stacks): Value =>
  matrices(transform(rows.g, columns.g, w));

const transformGradient = (dy: Lowered, [rows, columns]: Stacks): Value =>
  matrices(transform(transposed(rows.a), transposed(columns.a), convert(dy, imagesLast).value));

/** [n · n, …] with its first axis in two. */
function places(value: Value, [rows, columns]: Stacks): Value {
  return reshape(value, { shape: [rows.d.length, columns.d.length, ...value.shape.slice(1)] });
}

/**
 * 1 where a window sees anything but zeros, 0 elsewhere: [height, width, 1, batch]. Sums that cancel leave some rounding
 * there, and whether ReLU lets a gradient through hangs on the exact zero: the dark ground of a picture has many of them.
 */
function windowsWithContent(x: Lowered, window: Window, [height, width]: readonly [number, number]): Value {
  const [inHeight, inWidth] = sizeOfImages(x);
  const images = convert(x, imagesLast).value;
  const flat = reshape(images, { shape: [inHeight * inWidth, ...images.shape.slice(2)] });
  const largest = reduceMax(flat, { axes: [1] });
  // What ReLU made has no negative numbers.
  const magnitude = x.value.op === relu.op ? largest : maxOf(largest, neg(reduceMin(flat, { axes: [1] })));
  const offsets = windowPixels(window, [inHeight, inWidth], [height, width]);
  const found = maxOf(...offsets.map((pixels) => rowsAt(magnitude, pixels)));
  return reshape(mask(greater(found, constant(0)), images), { shape: [height, width, 1, batchOf(x)] });
}

export function stackedForward(
  x: Lowered,
  w: Value,
  window: Window,
  [height, width, filters]: readonly [number, number, number],
): Lowered {
  const stacks = stacksOf(x, [height, width], window);
  // The kernel is turned over while it is small.
  const kernel = transformKernel(transpose(w, { perm: [0, 1, 3, 2] }), stacks);
  const products = places(matMul(kernel, transformInput(x, stacks)), stacks);
  const y = transform(stacks[0].a, stacks[1].a, products);
  return {
    value: mul(y, windowsWithContent(x, window, [height, width])),
    layout: imagesLast,
    shape: [batchOf(x), height, width, filters],
    clean: true,
  };
}

/** dW = Gᵀ · (V · Zᵀ) · G with Z = Aᵀ·dy·A: [3, 3, C, O]. */
export function stackedFilterGradient(x: Lowered, dy: Lowered, window: Window): Value {
  const stacks = stacksOf(x, sizeOfImages(dy), window);
  const products = matMul(transformInput(x, stacks), transformGradient(dy, stacks), { transposeB: true });
  return transform(transposed(stacks[0].g), transposed(stacks[1].g), places(products, stacks));
}

/** dX = Dᵀ · (U · Z) · D. */
export function stackedInputGradient(dy: Lowered, w: Value, x: Images, window: Window): Lowered {
  const stacks = stacksOf(x, sizeOfImages(dy), window);
  const products = places(matMul(transformKernel(w, stacks), transformGradient(dy, stacks)), stacks);
  return {
    value: transform(transposed(stacks[0].d), transposed(stacks[1].d), products),
    layout: imagesLast,
    shape: x.shape,
    clean: true,
  };
}
