import type { Metadata } from 'sharp';
import { libvips } from './libvips.ts';
import type { Stored } from './pixels.ts';

/** The header of anything that libvips reads. Throws for damage. */
export async function readMetadata(bytes: Buffer): Promise<Metadata> {
  const sharp = await libvips();
  return sharp(bytes, { failOn: 'error', limitInputPixels: false }).metadata();
}

/** Bands without opacity, as they are once CMYK is converted. */
export function bandsOf({ channels, hasAlpha }: Metadata): 1 | 3 {
  return channels - (hasAlpha ? 1 : 0) === 1 ? 1 : 3;
}

export const isDeep = ({ depth, space }: Metadata): boolean => depth === 'ushort' && space !== 'cmyk';

/**
 * The first page or frame of an image. Throws for damage.
 *
 * @param options.opacity whether it is wanted, where the file has it
 * @returns the pixels as they are stored, of 16 bits where the file has them
 */
export async function decodeByVips(
  bytes: Buffer,
  metadata: Metadata,
  options: { opacity: boolean; maxPixels: number },
): Promise<Stored> {
  const deep = isDeep(metadata);
  const grey = bandsOf(metadata) === 1;
  const opacity = options.opacity && metadata.hasAlpha;
  // Of 16-bit images libvips would round some levels, where the number itself is meant; of grey it drops opacity.
  const space = grey && !opacity ? (deep ? 'grey16' : 'b-w') : deep ? 'rgb16' : 'srgb';
  const sharp = await libvips();
  const input = sharp(bytes, {
    // Warnings are damage, but of a TIFF they may be no more than tags that nobody knows.
    failOn: metadata.format === 'tiff' ? 'error' : 'warning',
    limitInputPixels: options.maxPixels,
    ignoreIcc: metadata.space !== 'cmyk',
  });
  const { data, info } = await (opacity ? input : input.removeAlpha())
    .toColourspace(space)
    .raw({ depth: deep ? 'ushort' : 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const bands = opacity ? 4 : grey ? 1 : 3;
  const count = info.width * info.height * bands;
  if (data.length !== count * (deep ? 2 : 1)) {
    throw new Error(`libvips gave ${data.length} bytes for ${info.width}×${info.height}×${bands}`);
  }
  return { data: deep ? numbersOf(data) : plainBytes(data), width: info.width, height: info.height, bands };
}

/** The same memory, not as a `Buffer`: the inner loops then always see one class of array, which V8 compiles better. */
function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** 16-bit numbers, least significant byte first, as every processor that Node supports has them. */
function numbersOf(buffer: Buffer): Uint16Array {
  const {
    buffer: memory,
    byteOffset,
    length,
  } = buffer.byteOffset % 2 === 0 ? buffer : new Uint8Array(buffer);
  return new Uint16Array(memory, byteOffset, length / 2);
}
