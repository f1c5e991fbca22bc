export type ImageFormat = 'jpeg' | 'png' | 'tiff' | 'webp';

/** The format that a file's first bytes say, whatever its name ends in; `undefined` where it is none of the four. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  const starts = (at: number, ...expected: number[]): boolean =>
    expected.every((byte, i) => bytes[at + i] === byte);
  if (starts(0, 0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png';
  if (starts(0, 0x49, 0x49, 0x2a, 0) || starts(0, 0x4d, 0x4d, 0, 0x2a)) return 'tiff';
  if (starts(0, 0x49, 0x49, 0x2b, 0) || starts(0, 0x4d, 0x4d, 0, 0x2b)) return 'tiff'; // BigTIFF
  if (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50)) return 'webp';
  return undefined;
}

/** What a JPEG says of itself before its pixels begin. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 colour, 4 CMYK */
  readonly components: number;
  /** EXIF orientation, 1 to 8 */
  readonly orientation: number;
}

/**
 * Walks a JPEG's segments up to its frame header.
 *
 * @param bytes the file, or its beginning
 * @returns `undefined` where the bytes end, or stop making sense, before a frame header
 */
export function parseJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let orientation = 1;
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2; // a marker without a segment
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) return undefined; // pixels, or the end, before a frame
    const length = view.getUint16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return undefined;
    if (isFrame(marker)) {
      if (length < 8) return undefined;
      return {
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        components: bytes[at + 9]!,
        orientation,
      };
    }
    if (marker === 0xe1) orientation = exifOrientation(bytes.subarray(at + 4, end)) ?? orientation;
    at = end;
  }
  return undefined;
}

/** SOF0 to SOF15, without the Huffman tables (C4), the reserved C8 and the arithmetic conditioning (CC) among them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** The orientation in an `Exif` segment: tag 0x0112 of the first directory of the TIFF structure in it. */
function exifOrientation(segment: Uint8Array): number | undefined {
  const tiff = segment.subarray(6);
  if (String.fromCharCode(...segment.subarray(0, 6)) !== 'Exif\0\0' || tiff.length < 8) return undefined;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const little = tiff[0] === 0x49;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return undefined;
  const entries = view.getUint16(directory, little);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > tiff.length) return undefined;
    if (view.getUint16(at, little) !== 0x0112) continue;
    const value = view.getUint16(at + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}
