import type { Pixels } from './pixels.ts';

/**
 * `'bilinear'` is `tf.image.resize(image, size, antialias=True)`: half-pixel centers, and a triangle that widens with
 * the reduction. `'bilinear-tf1'` is TensorFlow 1's `tf.compat.v1.image.resize_bilinear(image, size)`, without
 * half-pixel centers and without antialiasing, which networks of that time were trained with.
 */
export type ResizeMethod = 'bilinear' | 'bilinear-tf1';

export const resizeMethods: readonly ResizeMethod[] = ['bilinear', 'bilinear-tf1'];

/** The part of an image that is to fill the result, in pixels; fractions are meant. */
export interface Region {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** For each output position along one axis: where its source pixels begin, how many they are, and their weights. */
interface Spans {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `taps` places for each output position */
  readonly weights: Float64Array;
  readonly taps: number;
}

/**
 * @param size of the source, in pixels
 * @param start where the region begins
 * @param extent how long the region is
 * @param out how many output positions there are
 */
function spansOf(size: number, start: number, extent: number, out: number, method: ResizeMethod): Spans {
  const scale = extent / out;
  const radius = method === 'bilinear' ? Math.max(scale, 1) : 1;
  const taps = Math.min(2 * Math.ceil(radius) + 1, size);
  const spans = {
    starts: new Int32Array(out),
    counts: new Int32Array(out),
    weights: new Float64Array(out * taps),
    taps,
  };
  // Both methods put a triangle of this radius on a point of the source; they differ in where pixels have their centers.
  const center = method === 'bilinear' ? 0.5 : 0;
  for (let i = 0; i < out; i++) {
    const point = start + (i + center) * scale;
    const first = Math.max(0, Math.ceil(point - radius - center));
    const last = Math.min(size - 1, Math.floor(point + radius - center));
    let total = 0;
    for (let s = first; s <= last; s++) {
      const weight = Math.max(0, 1 - Math.abs(s + center - point) / radius);
      spans.weights[i * taps + s - first] = weight;
      total += weight;
    }
    for (let t = 0; t < taps; t++) spans.weights[i * taps + t]! /= total;
    spans.starts[i] = first;
    spans.counts[i] = last - first + 1;
  }
  return spans;
}

/**
 * One row of the result between the two passes: the weighted sum of source rows. Five rows at once, which is what
 * halving an image needs, keep the running sum out of memory.
 */
function blendRows(row: Float32Array, data: Uint8Array, start: number, spans: Spans, y: number): void {
  const { weights, taps } = spans;
  const n = spans.counts[y]!;
  const k = y * taps;
  const length = row.length;
  for (let t = 0; t < n; t += 5) {
    const rest = n - t;
    const w0 = weights[k + t]!;
    const w1 = rest > 1 ? weights[k + t + 1]! : 0;
    const w2 = rest > 2 ? weights[k + t + 2]! : 0;
    const w3 = rest > 3 ? weights[k + t + 3]! : 0;
    const w4 = rest > 4 ? weights[k + t + 4]! : 0;
    const a = start + t * length;
    const b = rest > 1 ? a + length : a;
    const c = rest > 2 ? b + length : b;
    const d = rest > 3 ? c + length : c;
    const e = rest > 4 ? d + length : d;
    if (t === 0) {
      for (let x = 0; x < length; x++) {
        row[x] =
          w0 * data[a + x]! + w1 * data[b + x]! + w2 * data[c + x]! + w3 * data[d + x]! + w4 * data[e + x]!;
      }
    } else {
      for (let x = 0; x < length; x++) {
        row[x]! +=
          w0 * data[a + x]! + w1 * data[b + x]! + w2 * data[c + x]! + w3 * data[d + x]! + w4 * data[e + x]!;
      }
    }
  }
}

/** Blends the columns of one row into `out` from `at` on. */
function blendColumns(out: Float32Array, at: number, row: Float32Array, spans: Spans, channels: 1 | 3): void {
  const { starts, counts, weights, taps } = spans;
  for (let x = 0; x < starts.length; x++) {
    const first = x * taps;
    const end = first + counts[x]!;
    let from = starts[x]! * channels;
    if (channels === 1) {
      let grey = 0;
      for (let k = first; k < end; k++) grey += weights[k]! * row[from++]!;
      out[at + x] = grey;
    } else {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = first; k < end; k++) {
        const weight = weights[k]!;
        red += weight * row[from++]!;
        green += weight * row[from++]!;
        blue += weight * row[from++]!;
      }
      const to = at + 3 * x;
      out[to] = red;
      out[to + 1] = green;
      out[to + 2] = blue;
    }
  }
}

/**
 * Resizes an image, or a region of it, in two passes: rows, then columns.
 *
 * @param height of the result, in pixels
 * @param width of the result, in pixels
 * @returns [height, width, channels], grey levels from 0 to 255, not rounded
 */
export function resizeToFloats(
  pixels: Pixels,
  height: number,
  width: number,
  method: ResizeMethod,
  region: Region = { left: 0, top: 0, width: pixels.width, height: pixels.height },
): Float32Array<ArrayBuffer> {
  const { data, channels } = pixels;
  const rows = spansOf(pixels.height, region.top, region.height, height, method);
  const columns = spansOf(pixels.width, region.left, region.width, width, method);
  const row = new Float32Array(pixels.width * channels);
  const result = new Float32Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    blendRows(row, data, rows.starts[y]! * row.length, rows, y);
    blendColumns(result, y * width * channels, row, columns, channels);
  }
  return result;
}

/** Grey levels to bytes: to the nearest, halves up; beyond 0 to 255 they are cut. */
export function toBytes(levels: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(levels.length);
  for (let i = 0; i < levels.length; i++) {
    bytes[i] = Math.max(0, Math.min(255, levels[i]! + 0.5));
  }
  return bytes;
}
