import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type JpegTurbo from '@julusian/jpeg-turbo';
import { lazily } from '../core/lazy.ts';
import { type JpegHeader, lumaAsRed } from './jpeg-header.ts';
import { libvips } from './libvips.ts';
import type { Memory } from './memory.ts';
import type { Stored } from './pixels.ts';

const turbo = lazily<typeof JpegTurbo>('@julusian/jpeg-turbo');

export type DctMethod = 'integerFast' | 'integerAccurate';
export type DecodeScale = 1 | 2 | 4 | 8;

/**
 * The stored pixels of a JPEG of grey or colour, by libjpeg-turbo with its fast transform, which is TensorFlow's default.
 * Throws for damage of any kind: a warning of libjpeg's counts as an error, so a file that ends early never becomes half
 * a picture.
 */
export function decodeFast(bytes: Buffer, header: JpegHeader, grey: boolean, memory: Memory): Stored {
  const bands = grey || header.components === 1 ? 1 : 3;
  const format = bands === 1 ? turbo().FORMAT_GRAY : turbo().FORMAT_RGB;
  const data = memory.bytes(header.width * header.height * bands);
  turbo().decompressSync(bytes, Buffer.from(data.buffer), { format });
  return { data, width: header.width, height: header.height, bands };
}

/**
 * The same by libvips, whose transform is the accurate one; at a scale, by the decoder's own smaller transforms: what
 * `tf.io.decode_jpeg(…, ratio, dct_method='INTEGER_ACCURATE')` gives, less the last row or column where the scale leaves
 * a remainder.
 */
export async function decodeAccurate(
  bytes: Buffer,
  header: JpegHeader,
  grey: boolean,
  scale: DecodeScale,
): Promise<Stored> {
  const asLuma = grey && header.luma;
  const content = asLuma ? lumaAsRed(bytes) : bytes;
  const space = header.components === 1 ? 'b-w' : 'srgb';
  const { data, info } = await (scale === 1 ? raw(content, space) : scaled(content, space, scale));
  const count = info.width * info.height;
  const shape = { width: info.width, height: info.height };
  if (!asLuma) return { ...shape, data, bands: header.components === 1 ? 1 : 3 };
  const luma = new Uint8Array(count);
  for (let i = 0; i < count; i++) luma[i] = data[3 * i]!;
  return { ...shape, data: luma, bands: 1 };
}

interface Raw {
  readonly data: Uint8Array;
  readonly info: { readonly width: number; readonly height: number };
}

async function raw(input: Buffer | string, space: 'b-w' | 'srgb'): Promise<Raw> {
  const sharp = await libvips();
  const { data, info } = await sharp(input, { failOn: 'warning', limitInputPixels: false, ignoreIcc: true })
    .toColourspace(space)
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { data: new Uint8Array(data.buffer, data.byteOffset, data.length), info };
}

/** libvips takes the scale in a file's name alone. */
async function scaled(bytes: Buffer, space: 'b-w' | 'srgb', scale: DecodeScale): Promise<Raw> {
  const path = join(tmpdir(), `fovea-${randomUUID()}.jpg`);
  try {
    await writeFile(path, bytes, { mode: 0o600 });
    return await raw(`${path}[shrink=${scale}]`, space);
  } finally {
    await rm(path, { force: true });
  }
}
