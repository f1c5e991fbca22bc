import type { Stored } from './pixels.ts';

/** What a BMP's headers say. https://learn.microsoft.com/windows/win32/gdi/bitmap-storage */
export interface BmpHeader {
  readonly width: number;
  readonly height: number;
  readonly bands: 1 | 3 | 4;
  readonly upwards: boolean;
  readonly bitsPerPixel: number;
  /** Where the pixels begin. */
  readonly offset: number;
  /** Of up to 8 bits a pixel: blue, green and red of each colour. */
  readonly palette: readonly (readonly [number, number, number])[];
  /** Of 16 and 32 bits: which bits are red, green, blue and opacity. */
  readonly masks: readonly number[];
}

const bitmaps = { plain: 0, masks: 3, masksWithOpacity: 6 };

/**
 * @param bytes the file, or its beginning
 * @returns why it cannot be read, or what it says
 */
export function parseBmpHeader(bytes: Uint8Array): BmpHeader | string {
  const cut = 'the BMP data is damaged or cut short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 26) return cut;
  const size = view.getUint32(14, true);
  if (size < 12 || size > 124 || bytes.length < 14 + Math.max(size, 12)) return cut;
  const old = size < 40;
  if (old && size !== 12) return `its header of ${size} bytes is of a kind that is not read`;
  const width = old ? view.getUint16(18, true) : view.getInt32(18, true);
  const height = old ? view.getUint16(20, true) : view.getInt32(22, true);
  const bitsPerPixel = view.getUint16(old ? 24 : 28, true);
  const compression = old ? bitmaps.plain : view.getUint32(30, true);
  if (width < 0) return cut;
  if (![1, 4, 8, 16, 24, 32].includes(bitsPerPixel)) return `it has ${bitsPerPixel} bits a pixel`;
  if (!Object.values(bitmaps).includes(compression)) return 'it is a compressed BMP, of which none are read';
  if (compression !== bitmaps.plain && bitsPerPixel !== 16 && bitsPerPixel !== 32) return cut;

  const masks = bitsPerPixel === 16 ? [0x7c00, 0x3e0, 0x1f, 0] : [0xff0000, 0xff00, 0xff, 0];
  if (compression !== bitmaps.plain) {
    const count = compression === bitmaps.masksWithOpacity || size >= 56 ? 4 : 3;
    if (bytes.length < 54 + 4 * count) return cut;
    for (let i = 0; i < count; i++) masks[i] = view.getUint32(54 + 4 * i, true);
    if (masks.slice(0, 3).includes(0)) return cut;
  }
  const palette: [number, number, number][] = [];
  if (bitsPerPixel <= 8) {
    const used = (old ? 0 : view.getUint32(46, true)) || 2 ** bitsPerPixel;
    const step = old ? 3 : 4;
    if (used > 256 || bytes.length < 14 + size + used * step) return cut;
    for (let i = 0, at = 14 + size; i < used; i++, at += step) {
      palette.push([bytes[at]!, bytes[at + 1]!, bytes[at + 2]!]);
    }
  }
  const grey = bitsPerPixel <= 8 && palette.every(([b, g, r]) => b === g && g === r);
  return {
    width,
    height: Math.abs(height),
    bands: grey ? 1 : masks[3] !== 0 && bitsPerPixel > 8 ? 4 : 3,
    upwards: height > 0,
    bitsPerPixel,
    offset: view.getUint32(10, true),
    palette,
    masks,
  };
}

/** @returns `undefined` where the pixels are cut short, or name a colour that the palette lacks */
export function decodeBmp(bytes: Uint8Array, header: BmpHeader): Stored | undefined {
  const { width, height, bands, upwards, bitsPerPixel, offset, palette, masks } = header;
  const stride = 4 * Math.ceil((bitsPerPixel * width) / 32);
  if (offset + stride * height > bytes.length) return undefined;
  const data = new Uint8Array(width * height * bands);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fields = masks.slice(0, bands).map(fieldOf);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const row = offset + (upwards ? height - 1 - y : y) * stride;
    for (let x = 0; x < width; x++) {
      if (bitsPerPixel <= 8) {
        const bit = x * bitsPerPixel;
        const index =
          (bytes[row + (bit >> 3)]! >> (8 - bitsPerPixel - (bit & 7))) & ((1 << bitsPerPixel) - 1);
        const color = palette[index];
        if (!color) return undefined;
        for (let c = 0; c < bands; c++) data[to++] = color[2 - c]!;
      } else if (bitsPerPixel === 24) {
        const at = row + 3 * x;
        data[to++] = bytes[at + 2]!;
        data[to++] = bytes[at + 1]!;
        data[to++] = bytes[at]!;
      } else {
        const pixel =
          bitsPerPixel === 16 ? view.getUint16(row + 2 * x, true) : view.getUint32(row + 4 * x, true);
        for (const { mask, shift, most } of fields) {
          data[to++] = (((pixel & mask) >>> shift) * 255) / most;
        }
      }
    }
  }
  return { data, width, height, bands };
}

/** A channel's bits: how far they are from the right, and the largest number that they hold. */
function fieldOf(mask: number): { mask: number; shift: number; most: number } {
  const shift = 31 - Math.clz32(mask & -mask);
  return { mask, shift, most: mask >>> shift };
}
