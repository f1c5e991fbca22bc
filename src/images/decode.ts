import { checkDecodeOptions, type DecodeConfig, type DecodeOptions, maxPixels } from './decode-options.ts';
import { formatNames, type ImageFormat, sniffFormat } from './header.ts';
import { freshMemory, type Memory } from './memory.ts';
import { type ImageInfo, openImage } from './open.ts';
import { type Pixels, type Stored, toChannels, withBits } from './pixels.ts';
import { type ImageSource, nameOf, readSource, refused } from './source.ts';

export interface DecodedImage {
  readonly pixels: Pixels<'uint8' | 'uint16'>;
  readonly info: ImageInfo;
}

/** Enough for the header of nearly every JPEG; where it is not, the whole file is read. */
const headBytes = 65_536;

/**
 * Reads an image's header: size, channels, format. Of a JPEG or BMP, only the file's beginning is read.
 *
 * @throws {DataError} names the file, and says why it cannot be read
 */
export async function probeImage(source: ImageSource): Promise<ImageInfo> {
  const name = nameOf(source);
  const head = await readSource(source, headBytes);
  if (head.length < headBytes) return (await openImage({ name, bytes: head, maxPixels })).info;
  try {
    return (await openImage({ name, bytes: head, maxPixels })).info;
  } catch {
    return (await openImage({ name, bytes: await readSource(source), maxPixels })).info;
  }
}

/**
 * Decodes bytes: at once where it can, and then in `memory`; later where libvips decodes.
 *
 * @param name what errors call the image
 */
export function decodeBytes(
  name: string,
  bytes: Buffer,
  options: DecodeOptions,
  memory: Memory,
): DecodedImage | Promise<DecodedImage> {
  const finish = (info: ImageInfo, stored: Stored): DecodedImage => ({
    info,
    pixels: toChannels(withBits(stored, options.dtype), options.channels),
  });
  const opened = openImage({ name, bytes, maxPixels: options.maxPixels });
  if (opened instanceof Promise) {
    return opened.then(async ({ info, pixels }) => finish(info, await pixels(options, memory)));
  }
  const stored = opened.pixels(options, memory);
  return stored instanceof Promise
    ? stored.then((later) => finish(opened.info, later))
    : finish(opened.info, stored);
}

async function decodeAs(
  what: string,
  format: ImageFormat | undefined,
  source: ImageSource,
  config: DecodeConfig,
): Promise<DecodedImage> {
  const options = checkDecodeOptions(config, what);
  const name = nameOf(source);
  const bytes = await readSource(source);
  const found = sniffFormat(bytes);
  if (format && found && found !== format) {
    throw refused(name, `this is ${formatNames[found]} data, where ${formatNames[format]} is expected`);
  }
  return decodeBytes(name, bytes, options, freshMemory);
}

/**
 * Decodes an image, upright: 8 bits a channel, RGB or grey, unless options say otherwise. What it is, its first bytes
 * say: JPEG, PNG, TIFF, WebP, GIF or BMP, whatever its name ends in.
 *
 * A JPEG gives the very bytes of `tf.io.decode_jpeg` with its defaults. Beyond what TensorFlow does, a camera's EXIF
 * orientation is applied and CMYK is converted. 16 bits a channel become the upper 8, and opacity is dropped, unless
 * they are asked for; colour profiles are ignored. Of several pages or frames the first is taken.
 *
 * @param source a path, or the file's bytes
 * @throws {DataError} names the file, and says why it cannot be read
 * @throws {UsageError} when an option makes no sense
 * @example const { pixels } = await decodeImage('scan.png', { channels: 1, dtype: 'uint16' });
 * @see https://www.tensorflow.org/api_docs/python/tf/io/decode_image
 */
export function decodeImage(source: ImageSource, options: DecodeConfig = {}): Promise<DecodedImage> {
  return decodeAs('decodeImage', undefined, source, options);
}

/** `decodeImage` of a JPEG; anything else is a DataError. https://www.tensorflow.org/api_docs/python/tf/io/decode_jpeg */
export function decodeJpeg(source: ImageSource, options: DecodeConfig = {}): Promise<DecodedImage> {
  return decodeAs('decodeJpeg', 'jpeg', source, options);
}

/** `decodeImage` of a PNG; anything else is a DataError. https://www.tensorflow.org/api_docs/python/tf/io/decode_png */
export function decodePng(source: ImageSource, options: DecodeConfig = {}): Promise<DecodedImage> {
  return decodeAs('decodePng', 'png', source, options);
}

/** `decodeImage` of a TIFF; anything else is a DataError. */
export function decodeTiff(source: ImageSource, options: DecodeConfig = {}): Promise<DecodedImage> {
  return decodeAs('decodeTiff', 'tiff', source, options);
}

/** `decodeImage` of a WebP; anything else is a DataError. https://www.tensorflow.org/api_docs/python/tf/io/decode_webp */
export function decodeWebp(source: ImageSource, options: DecodeConfig = {}): Promise<DecodedImage> {
  return decodeAs('decodeWebp', 'webp', source, options);
}

/** `decodeImage` of a GIF's first frame; anything else is a DataError. https://www.tensorflow.org/api_docs/python/tf/io/decode_gif */
export function decodeGif(source: ImageSource, options: DecodeConfig = {}): Promise<DecodedImage> {
  return decodeAs('decodeGif', 'gif', source, options);
}

/** `decodeImage` of a BMP; anything else is a DataError. https://www.tensorflow.org/api_docs/python/tf/io/decode_bmp */
export function decodeBmp(source: ImageSource, options: DecodeConfig = {}): Promise<DecodedImage> {
  return decodeAs('decodeBmp', 'bmp', source, options);
}
