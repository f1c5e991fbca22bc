import { multiplyDims } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Window } from '../ops/conv.ts';
import { matMul } from '../ops/linear.ts';
import { reshape } from '../ops/shaping.ts';
import {
  batchOf,
  convert,
  fromRows,
  type Layout,
  type Lowered,
  rowOrder,
  rowsOf,
  sizeOfImages,
  tiles,
} from './layout.ts';
import { sumOf } from './onnx-ops.ts';
import { pick } from './rows.ts';

/**
 * Convolution by Winograd's minimal filtering, F(m×m, 3×3): Lavin and Gray, "Fast algorithms for convolutional neural
 * networks", CVPR 2016 (arXiv 1509.09308); the matrices by Cook and Toom from interpolation points. In ONNX terms: one
 * Gather through an index table, products with small constant matrices, and (m + 2)² products of channels.
 *
 * n = m + 2; T = batch · tiles; C channels in, O out.
 */

/** The finite interpolation points of F(m×m, 3×3): m + 1 of them, beside infinity. */
const points: Readonly<Record<number, readonly number[]>> = {
  2: [0, 1, -1],
  3: [0, 1, -1, 2],
  4: [0, 1, -1, 2, -2],
  5: [0, 1, -1, 2, -2, 0.5],
  6: [0, 1, -1, 2, -2, 0.5, -0.5],
  7: [0, 1, -1, 2, -2, 0.5, -0.5, -1.5],
};

export type Matrix = readonly (readonly number[])[];

/** The ascending coefficients of Π (x − root). */
function polynomial(roots: readonly number[]): number[] {
  let product = [1];
  for (const root of roots) {
    product = [...product, 0].map((_, k) => (product[k - 1] ?? 0) - root * (product[k] ?? 0));
  }
  return product;
}

/** The matrices of y = Aᵀ[(G·g) ⊙ (Bᵀ·d)]: Aᵀ [m, n], G [n, 3], Bᵀ [n, n]. */
export function winogradMatrices(m: number): { at: Matrix; g: Matrix; bt: Matrix } {
  const finite = points[m];
  if (!finite) throw new RangeError(`Winograd: no interpolation points for F(${m}×${m}, 3×3)`);
  const n = m + 2;
  const others = (j: number) => finite.filter((_, i) => i !== j);
  const row = (length: number, value: (k: number) => number) => Array.from({ length }, (_, k) => value(k));
  return {
    at: row(m, (i) => i).map((i) => [...finite.map((a) => a ** i), i === m - 1 ? 1 : 0]),
    g: [
      ...finite.map((a, j) => row(3, (k) => a ** k / others(j).reduce((product, b) => product * (a - b), 1))),
      [0, 0, 1],
    ],
    bt: [...finite.map((_, j) => [...polynomial(others(j)), 0]), polynomial(finite)].map((line) =>
      row(n, (k) => line[k] ?? 0),
    ),
  };
}

/**
 * M · tile · Mᵀ for tiles [size², X], X whatever is transformed alike: → [rows², X]. Down the tiles first, then across:
 * two products with a small matrix move more data than one with M ⊗ M, and compute far less.
 */
function transform(matrix: Matrix, tilesOf: Value): Value {
  const [rows, size] = [matrix.length, matrix[0]!.length];
  const width = tilesOf.shape[1]!;
  const m = constant(tensor('float32', [rows, size], Float32Array.from(matrix.flat())));
  const down = matMul(m, reshape(tilesOf, { shape: [size, multiplyDims(size, width)] }));
  const across = matMul(m, reshape(down, { shape: [rows, size, width] }));
  return reshape(across, { shape: [rows * rows, width] });
}

export const transposed = (matrix: Matrix): Matrix => matrix[0]!.map((_, k) => matrix.map((row) => row[k]!));

/** The layout of the output's tiles, and of the tiles of the input that they are made from. */
interface Tiling {
  readonly m: number;
  readonly n: number;
  /** Tiles an image. */
  readonly count: number;
  readonly across: number;
}

function tilingOf(m: number, output: readonly [number, number]): Tiling {
  const across = Math.ceil(output[1] / m);
  return { m, n: m + 2, across, count: across * Math.ceil(output[0] / m) };
}

/** V = Bᵀ · tile · B, of tiles of x: [n², T, C]. */
function transformInput(x: Lowered, { m, n, count, across }: Tiling, { pads: [top, left] }: Window): Value {
  const [height, width, channels] = sizeOfImages(x);
  const { rows, order } = rowsOf(x);
  const picked = pick(rows, n * n, count, (place, tile) => {
    const y = Math.floor(tile / across) * m + Math.floor(place / n) - top;
    const px = (tile % across) * m + (place % n) - left;
    return y >= 0 && y < height && px >= 0 && px < width ? order.address(y, px) : undefined;
  });
  const all = multiplyDims(count, batchOf(x));
  const flat = reshape(picked, { shape: [n * n, multiplyDims(all, channels)] });
  return reshape(transform(winogradMatrices(m).bt, flat), { shape: [n * n, all, channels] });
}

/** U = G · w · Gᵀ: [n², C, O]; folded into a constant where the kernel is one. */
function transformKernel(w: Value, m: number): Value {
  const [, , channels, filters] = w.shape as number[];
  const flat = reshape(w, { shape: [9, channels! * filters!] });
  return reshape(transform(winogradMatrices(m).g, flat), {
    shape: [(m + 2) ** 2, channels!, filters!],
  });
}

/** Z = A · tile · Aᵀ, of tiles of the output's gradient: [n², T, O]. */
function transformGradient(dy: Lowered, { m, n, count }: Tiling): Value {
  const [, , filters] = sizeOfImages(dy);
  const tiled = convert(dy, tiles(m));
  const all = multiplyDims(count, batchOf(dy));
  const flat = reshape(tiled.value, { shape: [m * m, multiplyDims(all, filters)] });
  return reshape(transform(transposed(winogradMatrices(m).at), flat), {
    shape: [n * n, all, filters],
  });
}

/** Y = Aᵀ · (V · U) · A, in tiles of m. */
export function winogradForward(
  x: Lowered,
  w: Value,
  m: number,
  window: Window,
  shape: readonly [number, number, number],
): Lowered {
  const [height, width, filters] = shape;
  const tiling = tilingOf(m, [height, width]);
  const all = multiplyDims(tiling.count, batchOf(x));
  const products = matMul(transformInput(x, tiling, window), transformKernel(w, m));
  const flat = reshape(products, { shape: [tiling.n ** 2, multiplyDims(all, filters)] });
  const y = transform(winogradMatrices(m).at, flat);
  const rows = reshape(y, { shape: [multiplyDims(m * m, all), filters] });
  return fromRows(rows, tiles(m), [batchOf(x), height, width, filters], false);
}

/** dW = Gᵀ · (Vᵀ · Z) · G: [3, 3, C, O]. `dy` is clean. */
export function winogradFilterGradient(x: Lowered, dy: Lowered, m: number, window: Window): Value {
  const [height, width, filters] = sizeOfImages(dy);
  const [, , channels] = sizeOfImages(x);
  const tiling = tilingOf(m, [height, width]);
  const products = matMul(transformInput(x, tiling, window), transformGradient(dy, tiling), {
    transposeA: true,
  });
  const flat = reshape(products, { shape: [tiling.n ** 2, channels * filters] });
  return reshape(transform(transposed(winogradMatrices(m).g), flat), {
    shape: [3, 3, channels, filters],
  });
}

/** dX: B · (Z · Uᵀ) · Bᵀ, the tiles added up where they overlap, in the layout of `x`. `dy` is clean. */
export function winogradInputGradient(
  dy: Lowered,
  w: Value,
  x: Pick<Lowered, 'shape' | 'layout'>,
  m: number,
  window: Window,
): Lowered {
  const [height, width] = sizeOfImages(dy);
  const [, , channels] = sizeOfImages(x);
  const tiling = tilingOf(m, [height, width]);
  const { n, count, across } = tiling;
  const down = count / across;
  const all = multiplyDims(count, batchOf(dy));
  const products = matMul(transformGradient(dy, tiling), transformKernel(w, m), { transposeB: true });
  const flat = reshape(products, { shape: [n * n, multiplyDims(all, channels)] });
  const patches = reshape(transform(transposed(winogradMatrices(m).bt), flat), {
    shape: [multiplyDims(n * n, all), channels],
  });
  const [top, left] = window.pads;
  const target: Layout = x.layout.kind === 'tiles' ? x.layout : { kind: 'plain' };
  const order = rowOrder(target, ...(sizeOfImages(x).slice(0, 2) as [number, number]));
  // Along each axis a pixel lies in the tile of its own and, in its first two places, in the one before.
  const parts = [0, 1].flatMap((back) =>
    [0, 1].map((side) =>
      pick(
        { value: patches, count: n * n * count, perImage: count },
        order.lead,
        order.trail,
        (lead, trail) => {
          const pixel = order.pixel(lead, trail);
          if (!pixel) return undefined;
          const [py, px] = [pixel[0] + top, pixel[1] + left];
          const [ty, tx] = [Math.floor(py / m) - back, Math.floor(px / m) - side];
          const [i, j] = [py - ty * m, px - tx * m];
          if (ty < 0 || tx < 0 || ty >= down || tx >= across || i >= n || j >= n) return undefined;
          return { a: (i * n + j) * count, c: ty * across + tx };
        },
      ),
    ),
  );
  return fromRows(sumOf(...parts), target, x.shape, true);
}
