/** What a JPEG says of itself before its pixels begin. */
export interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** 1 grey, 3 colour, 4 CMYK */
  readonly components: number;
  /** Of three components: whether they are luma and two chromas, as nearly always, or else red, green and blue. */
  readonly luma: boolean;
  /** EXIF orientation, 1 to 8 */
  readonly orientation: number;
}

interface Segment {
  readonly marker: number;
  /** Where its marker begins, and where the next begins. */
  readonly start: number;
  readonly end: number;
}

/** The segments up to the frame header, that one included; the last is missing where the bytes end or stop making sense. */
function* segments(bytes: Uint8Array): Generator<Segment> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) return;
    const marker = bytes[at + 1]!;
    if (marker === 0xff) {
      at += 1; // fill byte
      continue;
    }
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2; // a marker without a segment
      continue;
    }
    if (marker === 0xd9 || marker === 0xda) return; // pixels, or the end, before a frame
    const length = view.getUint16(at + 2);
    const end = at + 2 + length;
    if (length < 2 || end > bytes.length) return;
    yield { marker, start: at, end };
    if (isFrame(marker)) return;
    at = end;
  }
}

/** SOF0 to SOF15, without the Huffman tables (C4), the reserved C8 and the arithmetic conditioning (CC) among them. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

const textAt = (bytes: Uint8Array, at: number, length: number): string =>
  String.fromCharCode(...bytes.subarray(at, at + length));
const isJfif = (bytes: Uint8Array, { marker, start }: Segment): boolean =>
  marker === 0xe0 && textAt(bytes, start + 4, 5) === 'JFIF\0';
const isAdobe = (bytes: Uint8Array, { marker, start, end }: Segment): boolean =>
  marker === 0xee && end - start >= 16 && textAt(bytes, start + 4, 5) === 'Adobe';

/**
 * Walks a JPEG's segments up to its frame header.
 *
 * @param bytes the file, or its beginning
 * @returns `undefined` where the bytes end, or stop making sense, before a frame header
 */
export function parseJpegHeader(bytes: Uint8Array): JpegHeader | undefined {
  let orientation = 1;
  let jfif = false;
  let transform: number | undefined;
  for (const segment of segments(bytes)) {
    const { marker, start, end } = segment;
    if (isJfif(bytes, segment)) jfif = true;
    if (isAdobe(bytes, segment)) transform = bytes[start + 15]!;
    if (marker === 0xe1) orientation = exifOrientation(bytes.subarray(start + 4, end)) ?? orientation;
    if (!isFrame(marker)) continue;
    const components = bytes[start + 9]!;
    if (end - start < 10 + 3 * components) return undefined;
    const ids = [0, 3, 6].map((offset) => bytes[start + 10 + offset]!);
    return {
      height: bytes[start + 5]! * 256 + bytes[start + 6]!,
      width: bytes[start + 7]! * 256 + bytes[start + 8]!,
      components,
      luma:
        components === 3 && (jfif || (transform ?? (String.fromCharCode(...ids) === 'RGB' ? 0 : 1)) !== 0),
      orientation,
    };
  }
  return undefined;
}

/** An Adobe segment that says: red, green and blue, as they are. */
const asIs = Buffer.from('ffee000e41646f626500640000000000', 'hex');

/**
 * The same JPEG, its luma called red: a decoder that gives RGB alone then gives luma as it is stored. For files whose
 * header has `luma`.
 */
export function lumaAsRed(bytes: Uint8Array): Buffer {
  const parts: Uint8Array[] = [bytes.subarray(0, 2), asIs];
  let from = 2;
  for (const segment of segments(bytes)) {
    if (!isJfif(bytes, segment) && !isAdobe(bytes, segment)) continue;
    parts.push(bytes.subarray(from, segment.start));
    from = segment.end;
  }
  return Buffer.concat([...parts, bytes.subarray(from)]);
}

/** The orientation in an `Exif` segment: tag 0x0112 of the first directory of the TIFF structure in it. */
function exifOrientation(segment: Uint8Array): number | undefined {
  const tiff = segment.subarray(6);
  if (textAt(segment, 0, 6) !== 'Exif\0\0' || tiff.length < 8) return undefined;
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
