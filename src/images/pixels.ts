export type Channels = 1 | 3 | 4;

/** Arrays of pixels, by what one number of them is. */
export interface PixelArrays {
  readonly uint8: Uint8Array;
  readonly uint16: Uint16Array;
  readonly float32: Float32Array;
}

export type PixelDType = keyof PixelArrays;

/** An image in memory: rows from the top, channels last. 1 channel is grey, 3 are RGB, 4 are RGB and opacity. */
export type Pixels<D extends PixelDType = PixelDType> = {
  readonly [K in D]: {
    readonly dtype: K;
    /** [height, width, channels] */
    readonly data: PixelArrays[K];
    readonly height: number;
    readonly width: number;
    readonly channels: Channels;
  };
}[D];

/** What a file's pixels are before anyone asked for channels: grey, grey and opacity, RGB, RGB and opacity. */
export interface Stored {
  readonly data: Uint8Array | Uint16Array;
  readonly height: number;
  readonly width: number;
  readonly bands: 1 | 2 | 3 | 4;
}

/** For each number of channels: where they come from, by what is stored. `-1` is opaque, `undefined` needs luma. */
const orders: Readonly<Record<Channels, readonly (readonly number[] | undefined)[]>> = {
  1: [[0], [0], undefined, undefined],
  3: [
    [0, 0, 0],
    [0, 0, 0],
    [0, 1, 2],
    [0, 1, 2],
  ],
  4: [
    [0, 0, 0, -1],
    [0, 0, 0, 1],
    [0, 1, 2, -1],
    [0, 1, 2, 3],
  ],
};

/** @param channels `undefined` for what is stored, without opacity */
export function toChannels(stored: Stored, channels: Channels | undefined): Pixels<'uint8' | 'uint16'> {
  const { data, height, width, bands } = stored;
  const wanted = channels ?? (bands <= 2 ? 1 : 3);
  const order = orders[wanted][bands - 1];
  const chosen = !order ? luma(stored) : order.length === bands ? data : rearranged(stored, order);
  const dtype = data instanceof Uint8Array ? 'uint8' : 'uint16';
  return { dtype, data: chosen, height, width, channels: wanted } as Pixels<'uint8' | 'uint16'>;
}

function rearranged({ data, bands }: Stored, order: readonly number[]): Uint8Array | Uint16Array {
  const size = (data.length / bands) * order.length;
  const [result, opaque] =
    data instanceof Uint8Array ? [new Uint8Array(size), 255] : [new Uint16Array(size), 65_535];
  for (let from = 0, to = 0; from < data.length; from += bands) {
    for (const place of order) result[to++] = place < 0 ? opaque : data[from + place]!;
  }
  return result;
}

/**
 * Luma as JPEG defines it (ITU-R BT.601): of 8 bits in libjpeg's fixed point, so that all ways to grey agree; of 16 to
 * the nearest level.
 */
function luma({ data, bands }: Stored): Uint8Array | Uint16Array {
  const count = data.length / bands;
  if (data instanceof Uint8Array) {
    const grey = new Uint8Array(count);
    for (let i = 0, at = 0; i < count; i++, at += bands) {
      grey[i] = (19595 * data[at]! + 38470 * data[at + 1]! + 7471 * data[at + 2]! + 32768) >> 16;
    }
    return grey;
  }
  const grey = new Uint16Array(count);
  for (let i = 0, at = 0; i < count; i++, at += bands) {
    grey[i] = 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]! + 0.5;
  }
  return grey;
}

/** Levels of as many bits as are wanted: of 16 bits the upper 8; of 8 bits the same share of white. */
export function withBits(stored: Stored, dtype: 'uint8' | 'uint16'): Stored {
  const { data } = stored;
  if (data instanceof Uint8Array === (dtype === 'uint8')) return stored;
  const levels = dtype === 'uint8' ? new Uint8Array(data.length) : new Uint16Array(data.length);
  for (let i = 0; i < data.length; i++) levels[i] = dtype === 'uint8' ? data[i]! >> 8 : data[i]! * 257;
  return { ...stored, data: levels };
}

/**
 * Turns and mirrors the stored pixels as a camera's EXIF orientation asks.
 *
 * @param orientation 1 to 8; 2 mirrored, 3 half turn, 4 upside down, 5 transposed, 6 quarter turn right,
 *   7 transposed and half turn, 8 quarter turn left
 */
export function orient(stored: Stored, orientation: number): Stored {
  if (orientation === 1) return stored;
  const { data, width, height, bands } = stored;
  const transposed = orientation >= 5;
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const result = data instanceof Uint8Array ? new Uint8Array(data.length) : new Uint16Array(data.length);
  const [outWidth, outHeight] = transposed ? [height, width] : [width, height];
  let at = 0;
  for (let y = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const column = transposed ? y : x;
      const row = transposed ? x : y;
      const from =
        ((fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column)) * bands;
      for (let c = 0; c < bands; c++) result[at++] = data[from + c]!;
    }
  }
  return { data: result, width: outWidth, height: outHeight, bands };
}
