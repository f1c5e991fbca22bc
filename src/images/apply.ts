import { DataError, UsageError } from '../core/errors.ts';
import { type Levels, levelsOf, pixelsOf } from './levels.ts';
import { freshMemory, type Memory } from './memory.ts';
import { type CheckedOp, checkOps, type Draw, drawOps, type ImageOp } from './ops.ts';
import type { Pixels } from './pixels.ts';
import { applyOp, makesFloats } from './plain-ops.ts';

/**
 * The operations one after another, and the memory of all that lay between given back, the image's own included.
 *
 * @param name what errors call the image
 * @throws {DataError} names the image and the operation that it does not allow
 */
export function runOps(
  name: string,
  pixels: Pixels,
  ops: readonly CheckedOp[],
  draw: Draw | undefined,
  memory: Memory,
): Pixels {
  const drawn = drawOps(ops, draw);
  let image: Levels = levelsOf(pixels, pixels.dtype !== 'float32' && !drawn.some(makesFloats));
  for (const op of drawn) {
    const { data } = image;
    try {
      image = applyOp(image, op, memory);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      throw new DataError(`${name}: ${op.op}: ${error.message}`, { cause: error });
    }
    if (image.data !== data) memory.free(data);
  }
  const result = pixelsOf(image);
  memory.free(image.data);
  return result;
}

/**
 * Does operations to pixels on this thread. The pixels are not changed.
 *
 * @param draw where random operations draw from
 * @throws {UsageError} when an operation makes no sense
 * @throws {DataError} when an image does not allow one, such as a crop that is larger
 * @example const turned = applyOps(pixels, [ops.rot90({ k: 1 })]);
 */
export function applyOps(pixels: Pixels, ops: readonly ImageOp[], draw?: Draw): Pixels {
  const checked = checkOps(ops, draw);
  if (checked[0]?.op === 'decodeImage')
    throw new UsageError('operation 0, decodeImage: these are pixels already');
  return runOps('image', pixels, checked, draw, freshMemory);
}
