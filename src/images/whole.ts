// libvips stops reading once it has the last pixel; damage behind that, or an end that is missing, is seen here.

/** Segments that libjpeg knows, beside restart markers and the end: frames, tables, scans, comments, applications. */
const jpegSegments = new Set([
  ...[0xc0, 0xc1, 0xc2, 0xc4, 0xc9, 0xca, 0xcc, 0xda, 0xdb, 0xdc, 0xdd, 0xfe],
  ...Array.from({ length: 16 }, (_, i) => 0xe0 + i),
]);

/** Whether a JPEG's markers are known ones, up to its end. */
export function isWholeJpeg(bytes: Uint8Array): boolean {
  let at = 2;
  for (;;) {
    at = bytes.indexOf(0xff, at);
    if (at < 0 || at + 1 >= bytes.length) return false;
    const marker = bytes[at + 1]!;
    if (marker === 0xd9) return true;
    if (marker === 0xff) {
      at += 1; // fill byte
    } else if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2; // 255 as it is among pixels, or a marker without a segment
    } else if (jpegSegments.has(marker) && at + 3 < bytes.length) {
      at += 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
    } else {
      return false;
    }
  }
}

/** Whether a PNG's chunks lie one behind another, up to its end. */
export function isWholePng(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 8; at + 12 <= bytes.length; ) {
    if (view.getUint32(at + 4) === 0x49454e44) return true; // IEND
    at += 12 + view.getUint32(at);
  }
  return false;
}
