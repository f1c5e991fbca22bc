import { open, stat } from 'node:fs/promises';
import jpegTurbo from '@julusian/jpeg-turbo';
import sharp from 'sharp';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { type ImageFormat, type JpegHeader, parseJpegHeader, sniffFormat } from './header.ts';
import { orient, type Pixels, toGrey } from './pixels.ts';

// One image is decoded on one thread; the pool has as many threads as it wants.
sharp.concurrency(1);
sharp.cache(false);

/** What an image's header says. Width and height are those of the upright image. */
export interface ImageInfo {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
  readonly format: ImageFormat;
}

const mostPixels = 100_000_000;
/** Enough for the header of nearly every JPEG; where it is not, the whole file is read. */
const headBytes = 65_536;

const readAdvice: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  ELOOP: 'its symbolic links lead in a circle',
};

function refused(path: string, why: string, cause?: unknown): DataError {
  return new DataError(`${path}: ${why}`, cause === undefined ? {} : { cause });
}

/** The file's bytes, or the first `length` of them. Never waits on a pipe or a device. */
async function readBytes(path: string, length = Number.POSITIVE_INFINITY): Promise<Buffer> {
  try {
    const { size } = await stat(path).then((found) => {
      if (!found.isFile()) throw refused(path, 'not a file');
      return found;
    });
    if (size === 0) throw refused(path, 'the file is empty (0 bytes)');
    const handle = await open(path);
    try {
      if (length >= size) return await handle.readFile();
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw refused(path, readAdvice[errorCode(error) ?? ''] ?? errorMessage(error), error);
  }
}

function formatOf(path: string, bytes: Uint8Array): ImageFormat {
  const format = sniffFormat(bytes);
  if (format) return format;
  throw refused(path, 'not an image that can be read: JPEG, PNG, TIFF or WebP are');
}

/** Refuses what has no pixels, or so many that decoding would exhaust memory. */
function checkSize(path: string, width: number, height: number): void {
  if (width === 0 || height === 0) throw refused(path, 'the image has no pixels');
  if (width * height > mostPixels) {
    const megapixels = Math.round((width * height) / 1e6);
    throw refused(
      path,
      `${width}×${height} is ${megapixels} megapixels; at most 100 are read: make it smaller`,
    );
  }
}

function jpegInfo(path: string, header: JpegHeader): ImageInfo {
  const { width, height, components, orientation } = header;
  checkSize(path, width, height);
  const upright = orientation >= 5 ? { width: height, height: width } : { width, height };
  return { ...upright, channels: components === 1 ? 1 : 3, format: 'jpeg' };
}

interface OtherHeader {
  readonly info: ImageInfo;
  readonly cmyk: boolean;
  /** 16 bits a channel */
  readonly deep: boolean;
}

/** The header of anything that sharp reads. */
async function sharpHeader(path: string, bytes: Buffer, format: ImageFormat): Promise<OtherHeader> {
  const metadata = await sharp(bytes, { failOn: 'error', limitInputPixels: false })
    .metadata()
    .catch((error: unknown) => {
      throw damaged(path, format, error);
    });
  const { width, height, channels, hasAlpha, depth, space } = metadata;
  checkSize(path, width, height);
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw refused(path, `its pixels are of type ${depth}; whole numbers of 8 or 16 bits are read`);
  }
  const turned = (metadata.orientation ?? 1) >= 5;
  return {
    info: {
      width: turned ? height : width,
      height: turned ? width : height,
      channels: channels - (hasAlpha ? 1 : 0) === 1 ? 1 : 3,
      format,
    },
    cmyk: space === 'cmyk',
    deep: depth === 'ushort' && space !== 'cmyk',
  };
}

function damaged(path: string, format: ImageFormat, cause: unknown): DataError {
  return refused(path, `the ${names[format]} data is damaged or cut short`, cause);
}

const names: Record<ImageFormat, string> = { jpeg: 'JPEG', png: 'PNG', tiff: 'TIFF', webp: 'WebP' };

/**
 * Reads an image's header: size, channels, format. Of a JPEG, only the file's beginning is read.
 *
 * @throws {DataError} names the file, and says why it cannot be read
 */
export async function probeImage(path: string): Promise<ImageInfo> {
  const head = await readBytes(path, headBytes);
  const format = formatOf(path, head);
  if (format === 'jpeg') {
    const header = parseJpegHeader(head);
    if (header) return jpegInfo(path, header);
  }
  const bytes = head.length < headBytes ? head : await readBytes(path);
  if (format !== 'jpeg') return (await sharpHeader(path, bytes, format)).info;
  const header = parseJpegHeader(bytes);
  if (!header) throw damaged(path, format, undefined);
  return jpegInfo(path, header);
}

/**
 * Decodes an image, upright: 8 bits a channel, RGB or grey.
 *
 * A JPEG gives the very bytes of `tf.io.decode_jpeg` with its defaults. Beyond what TensorFlow does, a camera's EXIF
 * orientation is applied and CMYK is converted. 16 bits a channel become the upper 8, and transparency is dropped, as
 * in `tf.io.decode_png`; colour profiles are ignored. Of several pages or frames the first is taken.
 *
 * @param channels 1 for grey (JPEG's luma), 3 for RGB (a grey image still comes as one channel), `undefined` for what
 *   the file holds
 * @throws {DataError} names the file, and says why it cannot be read
 */
export async function decodeImage(
  path: string,
  channels?: 1 | 3,
): Promise<{ pixels: Pixels; info: ImageInfo }> {
  const bytes = await readBytes(path);
  const format = formatOf(path, bytes);
  if (format === 'jpeg') {
    const header = parseJpegHeader(bytes);
    if (!header) throw damaged(path, format, undefined);
    const info = jpegInfo(path, header);
    if (header.components !== 4) return { pixels: decodeJpeg(path, bytes, header, channels), info };
  }
  const { info, cmyk, deep } = await sharpHeader(path, bytes, format);
  const grey = info.channels === 1;
  // Of 16-bit images libvips would round some levels, where the upper byte is meant.
  const space = deep ? (grey ? 'grey16' : 'rgb16') : grey ? 'b-w' : 'srgb';
  const data = await sharp(bytes, { failOn: 'error', limitInputPixels: mostPixels, ignoreIcc: !cmyk })
    .autoOrient()
    .removeAlpha()
    .toColourspace(space)
    .raw({ depth: deep ? 'ushort' : 'uchar' })
    .toBuffer()
    .catch((error: unknown) => {
      throw damaged(path, format, error);
    });
  const pixels: Pixels = { ...info, data: deep ? upperBytes(data) : plainBytes(data) };
  return { pixels: channels === 1 && !grey ? toGrey(pixels) : pixels, info };
}

/** The same memory, not as a `Buffer`: the inner loops then always see one class of array, which V8 compiles better. */
function plainBytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** The upper bytes of 16-bit numbers, least significant byte first, as every processor that Node supports has them. */
function upperBytes(data: Uint8Array): Uint8Array {
  const upper = new Uint8Array(data.length / 2);
  for (let i = 0; i < upper.length; i++) upper[i] = data[2 * i + 1]!;
  return upper;
}

function decodeJpeg(path: string, bytes: Buffer, header: JpegHeader, channels: 1 | 3 | undefined): Pixels {
  const grey = channels === 1 || header.components === 1;
  const format = grey ? jpegTurbo.FORMAT_GRAY : jpegTurbo.FORMAT_RGB;
  try {
    // It objects to a warning of libjpeg's as to an error, so a file that ends early never becomes half a picture.
    const { data, width, height } = jpegTurbo.decompressSync(bytes, { format });
    return orient({ data: plainBytes(data), width, height, channels: grey ? 1 : 3 }, header.orientation);
  } catch (error) {
    throw damaged(path, 'jpeg', error);
  }
}
