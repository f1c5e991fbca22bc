/** An image in memory: 8 bits a channel, rows from the top, channels last. */
export interface Pixels {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/** Luma as JPEG defines it (ITU-R BT.601), in libjpeg's fixed point, so that both ways to grey agree. */
export function toGrey(rgb: Pixels): Pixels {
  const count = rgb.width * rgb.height;
  const grey = new Uint8Array(count);
  for (let i = 0, at = 0; i < count; i++, at += 3) {
    const { data } = rgb;
    grey[i] = (19595 * data[at]! + 38470 * data[at + 1]! + 7471 * data[at + 2]! + 32768) >> 16;
  }
  return { ...rgb, data: grey, channels: 1 };
}

/** The grey level three times: R, G and B. */
export function toRgb(grey: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const rgb = new Uint8Array(grey.length * 3);
  for (let i = 0, at = 0; i < grey.length; i++, at += 3) {
    rgb[at] = rgb[at + 1] = rgb[at + 2] = grey[i]!;
  }
  return rgb;
}

/**
 * Turns and mirrors the stored pixels as a camera's EXIF orientation asks.
 *
 * @param orientation 1 to 8; 2 mirrored, 3 half turn, 4 upside down, 5 transposed, 6 quarter turn right,
 *   7 transposed and half turn, 8 quarter turn left
 */
export function orient(pixels: Pixels, orientation: number): Pixels {
  if (orientation === 1) return pixels;
  const { data, width, height, channels } = pixels;
  const transposed = orientation >= 5;
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const result = new Uint8Array(data.length);
  const [outWidth, outHeight] = transposed ? [height, width] : [width, height];
  let at = 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const column = transposed ? y : x;
      const row = transposed ? x : y;
      const from =
        ((fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column)) *
        channels;
      for (let c = 0; c < channels; c++) result[at++] = data[from + c]!;
    }
  }
  return { data: result, width: outWidth, height: outHeight, channels };
}
