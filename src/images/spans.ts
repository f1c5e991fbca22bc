import { type Kernel, kernels, triangle } from './kernels.ts';

export const interpolations = [
  'nearest',
  'bilinear',
  'bicubic',
  'area',
  'lanczos3',
  'lanczos5',
  'gaussian',
  'mitchellcubic',
  'bilinear-tf1',
] as const;

/**
 * The methods of `tf.image.resize`, and `'bilinear-tf1'`: TensorFlow 1's `tf.compat.v1.image.resize_bilinear(image,
 * size)`, without half-pixel centers, which networks of that time were trained with.
 */
export type Interpolation = (typeof interpolations)[number];

/** For each output position along one axis: where its source pixels begin, how many they are, and their weights. */
export interface Spans {
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  /** `taps` places for each output position; those behind its count are 0. */
  readonly weights: Float64Array;
  /** The largest count. */
  readonly taps: number;
}

export interface Axis {
  /** Of the source, in pixels. */
  readonly size: number;
  /** Where the part that is wanted begins, and how long it is; fractions are meant. */
  readonly start: number;
  readonly extent: number;
  /** How many output positions there are. */
  readonly out: number;
}

/** The weight of source pixel `s` for the output position whose center lies at `point`. */
type WeightAt = (s: number) => number;

function collect(
  { size, out }: Axis,
  taps: number,
  at: (i: number) => { first: number; last: number; weight: WeightAt },
): Spans {
  const room = Math.min(taps, size);
  const starts = new Int32Array(out);
  const counts = new Int32Array(out);
  const wide = new Float64Array(out * room);
  for (let i = 0; i < out; i++) {
    const { first, last, weight } = at(i);
    const from = Math.max(0, first);
    const to = Math.min(size - 1, last);
    let total = 0;
    for (let s = from; s <= to; s++) {
      const share = weight(s);
      wide[i * room + s - from] = share;
      total += share;
    }
    for (let t = 0; t < room; t++) wide[i * room + t]! /= total;
    starts[i] = from;
    counts[i] = to - from + 1;
  }
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const weights = new Float64Array(out * most);
  for (let i = 0; i < out; i++) weights.set(wide.subarray(i * room, i * room + counts[i]!), i * most);
  return { starts, counts, weights, taps: most };
}

/** @param center where a pixel of width 1 has its center */
export function kernelSpans(axis: Axis, kernel: Kernel, widening: number, center = 0.5): Spans {
  const scale = axis.extent / axis.out;
  const inverse = Math.fround(1 / Math.fround(axis.out / axis.extent));
  const radius = kernel.radius * widening;
  return collect(axis, 2 * Math.ceil(radius) + 1, (i) => {
    // In single precision where a kernel ends abruptly: which pixels count can hang on the last digit.
    const point = axis.start + (kernel.abrupt ? Math.fround((i + center) * inverse) : (i + center) * scale);
    return {
      first: Math.ceil(point - radius - center),
      last: Math.floor(point + radius - center),
      weight: (s) => kernel.at(Math.abs(s + center - point) / widening),
    };
  });
}

/** TensorFlow takes its bicubic weights from a table of 1,024 steps, at places of single precision. */
function bicubicSpans(axis: Axis): Spans {
  const scale = Math.fround(axis.extent / axis.out);
  return collect(axis, 5, (i) => {
    const place = Math.fround(Math.fround(Math.fround(i + 0.5) * scale + axis.start) - 0.5);
    const pixel = Math.floor(place);
    const steps = Math.fround(place - pixel) * 1024;
    const step = steps % 1 === 0.5 ? 2 * Math.round(steps / 2) : Math.round(steps);
    const point = pixel + step / 1024;
    return {
      first: pixel - 1,
      last: pixel + 2,
      weight: (s) => kernels.bicubic.at(Math.abs(s - point)),
    };
  });
}

/** The share of each source pixel in an output pixel's own width. */
function areaSpans(axis: Axis): Spans {
  const scale = axis.extent / axis.out;
  return collect(axis, Math.ceil(scale) + 1, (i) => {
    const begin = axis.start + i * scale;
    const end = axis.start + (i + 1) * scale;
    return {
      first: Math.floor(begin),
      last: Math.ceil(end) - 1,
      weight: (s) => Math.max(0, Math.min(s + 1, end) - Math.max(s, begin)),
    };
  });
}

/** The pixel that an output position's center lies in; in single precision, as what is nearest can hang on the last digit. */
export function nearestPixels({ size, start, extent, out }: Axis): Int32Array {
  const scale = Math.fround(extent / out);
  return Int32Array.from({ length: out }, (_, i) =>
    Math.max(0, Math.min(size - 1, Math.floor(Math.fround(start + Math.fround(i + 0.5) * scale)))),
  );
}

/** @param antialias a wider kernel where the image shrinks, so that no pixel is passed over */
export function spansOf(
  axis: Axis,
  interpolation: Exclude<Interpolation, 'nearest'>,
  antialias: boolean,
): Spans {
  if (interpolation === 'bilinear-tf1') return kernelSpans(axis, triangle, 1, 0);
  if (interpolation === 'area') return areaSpans(axis);
  if (interpolation === 'bicubic' && !antialias) return bicubicSpans(axis);
  const widening = antialias ? Math.max(axis.extent / axis.out, 1) : 1;
  return kernelSpans(axis, kernels[interpolation], widening);
}

const cache = new Map<string, Spans>();
const mostCached = 32;

/** `spansOf` of a whole axis, kept, as a folder's images have few sizes. */
export function keptSpans(
  axis: Axis,
  interpolation: Exclude<Interpolation, 'nearest'>,
  antialias: boolean,
): Spans {
  if (axis.start !== 0 || axis.extent !== axis.size) return spansOf(axis, interpolation, antialias);
  const key = `${interpolation} ${antialias} ${axis.size} ${axis.out}`;
  let spans = cache.get(key);
  if (!spans) {
    spans = spansOf(axis, interpolation, antialias);
    if (cache.size === mostCached) cache.delete(cache.keys().next().value!);
    cache.set(key, spans);
  }
  return spans;
}
