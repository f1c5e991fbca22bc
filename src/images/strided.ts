import { arrayLike, type Levels } from './levels.ts';
import type { Memory } from './memory.ts';

/** How a result reads an image: its size, the pixel that it begins with, and how many pixels on the next lies. */
export interface Walk {
  readonly height: number;
  readonly width: number;
  readonly start: number;
  /** To the next row of the result, and to the next column. */
  readonly down: number;
  readonly right: number;
}

/** Pixels in another order: what crops, mirrors and turns by quarters. */
export function walked(image: Levels, { height, width, start, down, right }: Walk, memory: Memory): Levels {
  const { data, channels } = image;
  const result = arrayLike(image, height * width * channels, memory);
  if (right === 1) {
    for (let y = 0; y < height; y++) {
      const from = (start + y * down) * channels;
      result.set(data.subarray(from, from + width * channels), y * width * channels);
    }
    return { ...image, data: result, height, width };
  }
  for (let y = 0, to = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const from = (start + y * down + x * right) * channels;
      for (let c = 0; c < channels; c++) result[to++] = data[from + c]!;
    }
  }
  return { ...image, data: result, height, width };
}

export interface Box {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

export function cropped(image: Levels, { top, left, height, width }: Box, memory: Memory): Levels {
  if (height === image.height && width === image.width) return image;
  return walked(
    image,
    { height, width, start: top * image.width + left, down: image.width, right: 1 },
    memory,
  );
}

/** The image at a place within a larger one of one level. */
export function padded(
  image: Levels,
  { top, left, height, width }: Box,
  fill: number,
  memory: Memory,
): Levels {
  if (height === image.height && width === image.width) return image;
  const { channels } = image;
  const result = arrayLike(image, height * width * channels, memory);
  result.fill(fill);
  const length = image.width * channels;
  for (let y = 0; y < image.height; y++) {
    const row = image.data.subarray(y * length, (y + 1) * length);
    result.set(row, ((top + y) * width + left) * channels);
  }
  return { ...image, data: result, height, width };
}
