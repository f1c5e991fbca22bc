import { multiplyDims } from '../core/shape.ts';
import { floats, tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Window } from '../ops/conv.ts';
import { broadcastLike, concat, gather, reshape, slice } from '../ops/shaping.ts';
import { batchOf, convert, imagesLast, type Lowered, type Piece, sizeOfImages } from './layout.ts';

/** Images with the batch innermost: what is gathered is a table of whole pixels, [channels, batch] each. */

/**
 * For each of a window's offsets, row by row, the number of the pixel that every place of the window finds there, or −1
 * outside the image.
 */
export function windowPixels(
  { kernel, strides, pads, dilations }: Window,
  [height, width]: readonly [number, number],
  [down, across]: readonly [number, number],
): number[][] {
  return Array.from({ length: kernel[0] * kernel[1] }, (_, offset) => {
    const [i, j] = [Math.floor(offset / kernel[1]), offset % kernel[1]];
    return Array.from({ length: down * across }, (_, place) => {
      const y = Math.floor(place / across) * strides[0] + i * dilations[0] - pads[0];
      const x = (place % across) * strides[1] + j * dilations[1] - pads[1];
      return y >= 0 && y < height && x >= 0 && x < width ? y * width + x : -1;
    });
  });
}

/** Rows of a table [rows, size] in this order; `fill` throughout where a number is −1. */
export function rowsAt(table: Value, numbers: readonly number[], fill = 0): Value {
  const count = table.shape[0] as number;
  if (numbers.length === count && numbers.every((number, i) => number === i)) return table;
  const isPadded = numbers.includes(-1);
  const row = () => slice(table, { starts: [0], ends: [1], axes: [0] });
  const source = isPadded
    ? concat(table, broadcastLike(constant(floats([fill], [])), row()), { axis: 0 })
    : table;
  const indices = Int32Array.from(numbers, (number) => (number < 0 ? count : number));
  return gather(source, constant(tensor('int32', [numbers.length], indices)), { axis: 0 });
}

/** These pixels, [pixels, channels, batch]; `fill` where a number is −1. */
export function pixelsAt(images: Lowered, pixels: readonly number[], fill = 0): Value {
  const [height, width, channels] = sizeOfImages(images);
  const batch = batchOf(images);
  if (images.at && !pixels.includes(-1)) return images.at(pixels);
  const table = reshape(convert(images, imagesLast).value, {
    shape: [height * width, multiplyDims(channels, batch)],
  });
  return reshape(rowsAt(table, pixels, fill), { shape: [pixels.length, channels, batch] });
}

/** Images that are zero but for these pieces. */
export function fromPieces(pieces: readonly Piece[], shape: Lowered['shape']): Lowered {
  const [height, width, channels] = sizeOfImages({ shape });
  const batch = batchOf({ shape });
  const all = concat(...pieces.map(({ value }) => value), { axis: 0 });
  const rows: number[] = Array.from({ length: height * width }, () => -1);
  pieces
    .flatMap(({ pixels }) => pixels)
    .forEach((pixel, row) => {
      rows[pixel] = row;
    });
  const table = reshape(all, { shape: [all.shape[0]!, multiplyDims(channels, batch)] });
  const value = reshape(rowsAt(table, rows), { shape: [height, width, channels, batch] });
  return { value, layout: imagesLast, shape, clean: true, pieces };
}
