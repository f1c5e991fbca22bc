import { decodeBmp, parseBmpHeader } from './bmp.ts';
import type { DecodeOptions } from './decode-options.ts';
import { formatNames, type ImageFormat, sniffFormat } from './header.ts';
import { decodeAccurate, decodeFast } from './jpeg.ts';
import { parseJpegHeader } from './jpeg-header.ts';
import type { Memory } from './memory.ts';
import { orient, type Stored } from './pixels.ts';
import { refused } from './source.ts';
import { bandsOf, decodeByVips, isDeep, readMetadata } from './vips.ts';
import { isWholeJpeg, isWholePng } from './whole.ts';

/** What an image's header says. Width and height are those of the upright image. */
export interface ImageInfo {
  readonly width: number;
  readonly height: number;
  /** Without opacity. */
  readonly channels: 1 | 3;
  /** Bits of a level. */
  readonly bits: 8 | 16;
  readonly format: ImageFormat;
}

/** A header, and how its pixels are had: at once, or later where libvips decodes them. */
export interface OpenedImage {
  readonly info: ImageInfo;
  pixels(options: DecodeOptions, memory: Memory): Stored | Promise<Stored>;
}

interface Content {
  readonly name: string;
  /** The whole, or enough for the header. */
  readonly bytes: Buffer;
  readonly maxPixels: number;
}

/** @throws {DataError} names the image, and says why it cannot be read */
export function openImage(content: Content): OpenedImage | Promise<OpenedImage> {
  const format = sniffFormat(content.bytes);
  switch (format) {
    case undefined:
      throw refused(content.name, 'not an image that can be read: JPEG, PNG, TIFF, WebP, GIF and BMP are');
    case 'jpeg':
      return openJpeg(content);
    case 'bmp':
      return openBmp(content);
    default:
      return openOther(content, format);
  }
}

function damaged({ name }: Content, format: ImageFormat, cause?: unknown): Error {
  return refused(name, `the ${formatNames[format]} data is damaged or cut short`, cause);
}

/** Refuses what has no pixels, or so many that decoding would exhaust memory. */
function checkSize({ name, maxPixels }: Content, width: number, height: number): void {
  if (width === 0 || height === 0) throw refused(name, 'the image has no pixels');
  if (width * height <= maxPixels) return;
  const [size, most] = [width * height, maxPixels].map((count) => Number((count / 1e6).toPrecision(3)));
  throw refused(name, `${width}×${height} is ${size} megapixels; at most ${most} are read: make it smaller`);
}

function openJpeg(content: Content): OpenedImage {
  const { bytes, maxPixels } = content;
  const header = parseJpegHeader(bytes);
  if (!header) throw damaged(content, 'jpeg');
  const { width, height, components, orientation } = header;
  checkSize(content, width, height);
  const failed = (error: unknown): never => {
    throw damaged(content, 'jpeg', error);
  };
  const size = orientation >= 5 ? { width: height, height: width } : { width, height };
  return {
    info: { ...size, channels: components === 1 ? 1 : 3, bits: 8, format: 'jpeg' },
    pixels: (options, memory) => {
      const turn = options.orientation === 'upright' ? orientation : 1;
      const slow = components === 4 || options.dctMethod === 'integerAccurate' || options.decodeScale > 1;
      if (slow && !isWholeJpeg(bytes)) return failed(undefined);
      if (components === 4) {
        return readMetadata(bytes)
          .then((metadata) => decodeByVips(bytes, metadata, { opacity: false, maxPixels }))
          .then((stored) => orient(stored, turn))
          .catch(failed);
      }
      const grey = options.channels === 1;
      if (slow) {
        return decodeAccurate(bytes, header, grey, options.decodeScale)
          .then((stored) => orient(stored, turn))
          .catch(failed);
      }
      try {
        return orient(decodeFast(bytes, header, grey, memory), turn);
      } catch (error) {
        return failed(error);
      }
    },
  };
}

function openBmp(content: Content): OpenedImage {
  const header = parseBmpHeader(content.bytes);
  if (typeof header === 'string') throw refused(content.name, header);
  const { width, height, bands } = header;
  checkSize(content, width, height);
  return {
    info: { width, height, channels: bands === 1 ? 1 : 3, bits: 8, format: 'bmp' },
    pixels: () => {
      const stored = decodeBmp(content.bytes, header);
      if (!stored) throw damaged(content, 'bmp');
      return stored;
    },
  };
}

async function openOther(content: Content, format: ImageFormat): Promise<OpenedImage> {
  const { name, bytes, maxPixels } = content;
  const failed = (error: unknown): never => {
    throw damaged(content, format, error);
  };
  const metadata = await readMetadata(bytes).catch(failed);
  const { width, height, depth, orientation = 1 } = metadata;
  checkSize(content, width, height);
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw refused(name, `its pixels are of type ${depth}; whole numbers of 8 or 16 bits are read`);
  }
  const size = orientation >= 5 ? { width: height, height: width } : { width, height };
  return {
    info: { ...size, channels: bandsOf(metadata), bits: isDeep(metadata) ? 16 : 8, format },
    pixels: (options) => {
      if (format === 'png' && !isWholePng(bytes)) return failed(undefined);
      return decodeByVips(bytes, metadata, { opacity: options.channels === 4, maxPixels })
        .then((stored) => (options.orientation === 'upright' ? orient(stored, orientation) : stored))
        .catch(failed);
    },
  };
}
