export type ImageFormat = 'jpeg' | 'png' | 'tiff' | 'webp' | 'gif' | 'bmp';

export const formatNames: Readonly<Record<ImageFormat, string>> = {
  jpeg: 'JPEG',
  png: 'PNG',
  tiff: 'TIFF',
  webp: 'WebP',
  gif: 'GIF',
  bmp: 'BMP',
};

/** The format that a file's first bytes say, whatever its name ends in; `undefined` where it is none of these. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  const starts = (at: number, ...expected: number[]): boolean =>
    expected.every((byte, i) => bytes[at + i] === byte);
  if (starts(0, 0xff, 0xd8, 0xff)) return 'jpeg';
  if (starts(0, 0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)) return 'png';
  if (starts(0, 0x49, 0x49, 0x2a, 0) || starts(0, 0x4d, 0x4d, 0, 0x2a)) return 'tiff';
  if (starts(0, 0x49, 0x49, 0x2b, 0) || starts(0, 0x4d, 0x4d, 0, 0x2b)) return 'tiff'; // BigTIFF
  if (starts(0, 0x52, 0x49, 0x46, 0x46) && starts(8, 0x57, 0x45, 0x42, 0x50)) return 'webp';
  if (starts(0, 0x47, 0x49, 0x46, 0x38) && (starts(4, 0x37, 0x61) || starts(4, 0x39, 0x61))) return 'gif';
  // 'BM' alone begins many a text: the length of the second header, 12 to 124, decides.
  if (starts(0, 0x42, 0x4d) && starts(15, 0, 0, 0) && bytes[14]! >= 12 && bytes[14]! <= 124) return 'bmp';
  return undefined;
}
