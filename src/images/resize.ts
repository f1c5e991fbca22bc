import { blend } from './blend.ts';
import { arrayLike, type Levels } from './levels.ts';
import type { Memory } from './memory.ts';
import { type Interpolation, keptSpans, nearestPixels } from './spans.ts';

/**
 * How a view is resized. `'bilinear'` is `tf.image.resize(image, size, antialias=True)`: half-pixel centers, and a
 * triangle that widens with the reduction. `'bilinear-tf1'` is TensorFlow 1's, without either.
 */
export type ResizeMethod = 'bilinear' | 'bilinear-tf1';

export const resizeMethods: readonly ResizeMethod[] = ['bilinear', 'bilinear-tf1'];

/** The part of an image that is to fill the result, in pixels; fractions are meant. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Pixels by number, each whole. */
function pick(image: Levels, rows: Int32Array, columns: Int32Array, memory: Memory): Levels {
  const { data, channels } = image;
  const result = arrayLike(image, rows.length * columns.length * channels, memory);
  let to = 0;
  for (const y of rows) {
    for (const x of columns) {
      const from = (y * image.width + x) * channels;
      for (let c = 0; c < channels; c++) result[to++] = data[from + c]!;
    }
  }
  return { ...image, data: result, height: rows.length, width: columns.length };
}

export interface ResizeTarget {
  /** Of the result, in pixels. */
  readonly height: number;
  readonly width: number;
  readonly method: Interpolation;
  /** A wider kernel where the image shrinks. */
  readonly antialias: boolean;
}

/** Resizes an image, or a region of it. Levels are not rounded. */
export function resizeLevels(
  image: Levels,
  { height, width, method, antialias }: ResizeTarget,
  memory: Memory,
  region: Region = { left: 0, top: 0, width: image.width, height: image.height },
): Levels {
  const vertical = { size: image.height, start: region.top, extent: region.height, out: height };
  const horizontal = { size: image.width, start: region.left, extent: region.width, out: width };
  if (method === 'nearest') {
    return pick(image, nearestPixels(vertical), nearestPixels(horizontal), memory);
  }
  const sampling = { interpolation: method, antialias, whole: image.whole };
  return blend(image, keptSpans(vertical, sampling), keptSpans(horizontal, sampling), memory);
}
