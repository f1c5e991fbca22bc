import { UsageError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { libvips } from '../../images/libvips.ts';

export interface EncodedImages {
  readonly width: number;
  readonly height: number;
  readonly pngs: readonly Uint8Array[];
}

/**
 * Images [height, width, 1 or 3 channels] of one size as PNG files.
 *
 * @param tag what errors call them
 * @throws {UsageError} when there is none, or one is no such image
 */
export async function encodePngs(tag: string, images: readonly Tensor<'uint8'>[]): Promise<EncodedImages> {
  const [first] = images;
  if (!first) throw new UsageError(`image summary '${tag}': at least one image is needed`);
  for (const { dtype, shape } of images) {
    const isImage =
      dtype === 'uint8' &&
      shape.length === 3 &&
      shape.every((size) => size > 0) &&
      [1, 3].includes(shape[2]!);
    if (!isImage) {
      throw new UsageError(
        `image summary '${tag}': an image must be uint8 [height, width, 1 or 3 channels], got ${dtype} ${formatShape(shape)}`,
      );
    }
    if (shape.some((size, axis) => size !== first.shape[axis])) {
      throw new UsageError(
        `image summary '${tag}': its images must have one size, got ${formatShape(first.shape)} and ${formatShape(shape)}`,
      );
    }
  }
  const [height, width, channels] = first.shape as [number, number, 1 | 3];
  const sharp = await libvips();
  const pngs = await Promise.all(
    images.map(({ data }) =>
      sharp(data, { raw: { width, height, channels }, limitInputPixels: false })
        .toColourspace(channels === 1 ? 'b-w' : 'srgb')
        .png()
        .toBuffer(),
    ),
  );
  return { width, height, pngs };
}
