import type { Pixels } from './pixels.ts';
import type { Region } from './resize.ts';

/**
 * Turns an image about its center, by bilinear interpolation; what comes from outside is black.
 *
 * @param degrees counter-clockwise
 * @param region the whole pixels of the turned image that are wanted
 * @returns an image of the region's size
 */
export function rotate(pixels: Pixels, degrees: number, region: Region): Pixels {
  const { data, width, height, channels } = pixels;
  const result = new Uint8Array(region.width * region.height * channels);
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  const centerX = (width - 1) / 2;
  const centerY = (height - 1) / 2;
  const stride = width * channels;

  /** The grey level of one channel of one pixel, which may lie outside. */
  const at = (x: number, y: number, c: number): number =>
    x >= 0 && y >= 0 && x < width && y < height ? data[y * stride + x * channels + c]! : 0;

  let to = 0;
  for (let y = 0; y < region.height; y++) {
    // Where the first pixel of this row came from; each further one came from (cos, sin) beyond.
    const dx = region.left - centerX;
    const dy = region.top + y - centerY;
    const rowX = centerX + cos * dx - sin * dy;
    const rowY = centerY + sin * dx + cos * dy;
    for (let x = 0; x < region.width; x++) {
      const sourceX = rowX + cos * x;
      const sourceY = rowY + sin * x;
      const x0 = Math.floor(sourceX);
      const y0 = Math.floor(sourceY);
      const right = sourceX - x0;
      const below = sourceY - y0;
      const inside = x0 >= 0 && y0 >= 0 && x0 < width - 1 && y0 < height - 1;
      for (let c = 0; c < channels; c++) {
        let a: number;
        let b: number;
        let d: number;
        let e: number;
        if (inside) {
          const from = y0 * stride + x0 * channels + c;
          a = data[from]!;
          b = data[from + channels]!;
          d = data[from + stride]!;
          e = data[from + stride + channels]!;
        } else {
          a = at(x0, y0, c);
          b = at(x0 + 1, y0, c);
          d = at(x0, y0 + 1, c);
          e = at(x0 + 1, y0 + 1, c);
        }
        const upper = a + (b - a) * right;
        const lower = d + (e - d) * right;
        result[to++] = upper + (lower - upper) * below + 0.5;
      }
    }
  }
  return { data: result, width: region.width, height: region.height, channels };
}
