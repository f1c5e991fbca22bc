import type { Memory } from './memory.ts';
import type { Channels, PixelDType, Pixels } from './pixels.ts';

/** An image between operations: whole levels that something was computed from stay unrounded until the end. */
export interface Levels {
  /** [height, width, channels] */
  readonly data: Uint8Array | Float32Array;
  readonly height: number;
  readonly width: number;
  readonly channels: Channels;
  /** What the image is in the end. */
  readonly dtype: PixelDType;
  /** The level of white: 255, 65,535 or 1. */
  readonly white: number;
  /** Whether it ends in whole levels, and is never made floats. */
  readonly whole: boolean;
}

const whites: Readonly<Record<PixelDType, number>> = { uint8: 255, uint16: 65_535, float32: 1 };

/**
 * Pixels as operations take them; 16 bits lose nothing in floats. The memory stays the caller's.
 *
 * @param whole whether they end in whole levels
 */
export function levelsOf(
  { dtype, data, height, width, channels }: Pixels,
  whole = dtype !== 'float32',
): Levels {
  const levels = data instanceof Uint16Array ? Float32Array.from(data) : data;
  return { data: levels, height, width, channels, dtype, white: whites[dtype], whole };
}

/** The pixels in memory of their own: whole levels to the nearest, halves up, cut at black and white. */
export function pixelsOf({ data, height, width, channels, dtype }: Levels): Pixels {
  const shape = { height, width, channels };
  switch (dtype) {
    case 'uint8':
      return { ...shape, dtype, data: data instanceof Uint8Array ? data.slice() : toBytes(data) };
    case 'uint16':
      return { ...shape, dtype, data: toNumbers(data) };
    case 'float32':
      return { ...shape, dtype, data: Float32Array.from(data) };
  }
}

/** Grey levels to bytes: to the nearest, halves up; beyond 0 to 255 they are cut. */
export function toBytes(levels: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(levels.length);
  for (let i = 0; i < levels.length; i++) {
    bytes[i] = Math.max(0, Math.min(255, levels[i]! + 0.5));
  }
  return bytes;
}

function toNumbers(levels: Uint8Array | Float32Array): Uint16Array<ArrayBuffer> {
  const numbers = new Uint16Array(levels.length);
  for (let i = 0; i < levels.length; i++) {
    numbers[i] = Math.max(0, Math.min(65_535, levels[i]! + 0.5));
  }
  return numbers;
}

/** An array for a result of the same kind of numbers. */
export function arrayLike(
  { data }: Levels,
  length: number,
  memory: Memory,
): Uint8Array<ArrayBuffer> | Float32Array<ArrayBuffer> {
  return data instanceof Uint8Array ? memory.bytes(length) : memory.floats(length);
}

/** `tf.cast(image, tf.float32)`: the same levels, which are rounded no more. */
export function asFloats(image: Levels, memory: Memory): Levels {
  const data = memory.floats(image.data.length);
  data.set(image.data);
  return { ...image, data, dtype: 'float32', whole: false };
}

/**
 * `tf.image.convert_image_dtype(image, dtype, saturate=True)`: the same share of white. To whole numbers as TensorFlow
 * does it: of floats, [0, 1] is cut into as many equal parts as there are levels; of 16 bits the upper 8 are taken.
 */
export function convertDType(image: Levels, dtype: PixelDType, memory: Memory): Levels {
  if (dtype === image.dtype && image.white === whites[dtype]) return image;
  const { data } = image;
  const white = whites[dtype];
  const result = dtype === 'uint8' ? memory.bytes(data.length) : memory.floats(data.length);
  const fromFloats = image.dtype === 'float32';
  if (dtype === 'float32') {
    const scale = Math.fround(1 / image.white);
    for (let i = 0; i < data.length; i++) result[i] = data[i]! * scale;
  } else {
    const scale = fromFloats ? (white + 0.5) / image.white : (white + 1) / (image.white + 1);
    for (let i = 0; i < data.length; i++) {
      result[i] = Math.max(0, Math.min(white, Math.floor(data[i]! * scale)));
    }
  }
  return { ...image, data: result, dtype, white, whole: image.whole && dtype !== 'float32' };
}
