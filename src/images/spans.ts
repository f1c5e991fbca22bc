import { type Kernel, kernels } from './kernels.ts';

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

/** Source pixels from `first` to `last`, as far as there are such, and how much each of them counts. */
interface Span {
  readonly first: number;
  readonly last: number;
  readonly weight: (s: number) => number;
  /** Of the weights. Default: their sum. */
  readonly total?: number;
}

/*
 * TensorFlow computes places and weights in single precision. Among a thousand pixels a place is then off by up to 3e-5
 * pixels, and a level by a hundredth: to give what TensorFlow gives, each operation is rounded as there.
 */
type Round = (x: number) => number;
const { fround } = Math;
/** Of double precision. */
const unrounded: Round = (x) => x;

/** Where an output position's center lies in the source. @param scale source pixels to one of the result */
function centerAt(i: number, scale: number, start: number, round: Round = fround): number {
  return start + round((i + 0.5) * scale);
}

function collect({ size, out }: Axis, taps: number, at: (i: number) => Span, round: Round = fround): Spans {
  const room = Math.min(taps, size);
  const starts = new Int32Array(out);
  const counts = new Int32Array(out);
  const wide = new Float64Array(out * room);
  for (let i = 0; i < out; i++) {
    const { first, last, weight, total } = at(i);
    const from = Math.max(0, Math.min(size - 1, first));
    const to = Math.max(0, Math.min(size - 1, last));
    let sum = 0;
    for (let s = from; s <= to; s++) {
      const share = round(weight(s));
      wide[i * room + s - from] = share;
      sum = round(sum + share);
    }
    const factor = round(1 / (total ?? sum));
    for (let t = 0; t < room; t++) wide[i * room + t] = round(wide[i * room + t]! * factor);
    starts[i] = from;
    counts[i] = to - from + 1;
  }
  const most = counts.reduce((a, b) => Math.max(a, b), 1);
  const weights = new Float64Array(out * most);
  for (let i = 0; i < out; i++) weights.set(wide.subarray(i * room, i * room + counts[i]!), i * most);
  return { starts, counts, weights, taps: most };
}

/** @param antialias a wider kernel where the image shrinks, so that no pixel is passed over */
export function kernelSpans(axis: Axis, kernel: Kernel, antialias: boolean, round: Round = fround): Spans {
  const scale = round(1 / round(axis.out / axis.extent));
  const widening = antialias ? Math.max(scale, 1) : 1;
  const radius = round(kernel.radius * widening);
  return collect(
    axis,
    2 * Math.ceil(radius) + 1,
    (i) => {
      const point = centerAt(i, scale, axis.start, round);
      return {
        first: Math.ceil(round(round(point - radius) - 0.5)),
        last: Math.floor(round(round(point + radius) - 0.5)),
        weight: (s) => kernel.at(Math.abs(round(round(s + 0.5 - point) / widening))),
      };
    },
    round,
  );
}

/** The two pixels about a place, each by its nearness. @param center where a pixel of width 1 has its center */
function linearSpans(axis: Axis, center: 0 | 0.5, round: Round): Spans {
  const scale = round(axis.extent / axis.out);
  return collect(
    axis,
    2,
    (i) => {
      const point = axis.start + round((i + center) * scale);
      const place = Math.max(0, Math.min(axis.size - 1, round(point - center)));
      const pixel = Math.floor(place);
      const rest = round(place - pixel);
      return { first: pixel, last: pixel + 1, weight: (s) => (s === pixel ? 1 - rest : rest) };
    },
    round,
  );
}

/** TensorFlow takes its bicubic weights from a table of 1,024 steps. */
function bicubicSpans(axis: Axis): Spans {
  const scale = fround(axis.extent / axis.out);
  return collect(axis, 5, (i) => {
    const place = fround(centerAt(i, scale, axis.start) - 0.5);
    const pixel = Math.floor(place);
    const steps = fround(place - pixel) * 1024;
    const step = steps % 1 === 0.5 ? 2 * Math.round(steps / 2) : Math.round(steps);
    const point = pixel + step / 1024;
    return {
      first: pixel - 1,
      last: pixel + 2,
      weight: (s) => kernels.bicubic.at(Math.abs(s - point)),
    };
  });
}

/** The share of each source pixel in an output pixel's own width; the last one has what rounding puts beyond it. */
function areaSpans(axis: Axis): Spans {
  const scale = fround(axis.extent / axis.out);
  const border = axis.size - 1;
  return collect(axis, Math.ceil(scale) + 2, (i) => {
    const begin = axis.start + fround(i * scale);
    const end = axis.start + fround((i + 1) * scale);
    return {
      first: Math.floor(begin),
      last: Math.ceil(end) - 1,
      weight: (s) => (s < border ? Math.min(s + 1, end) : end) - Math.max(s, begin),
      total: scale,
    };
  });
}

/** The pixel that an output position's center lies in. */
export function nearestPixels({ size, start, extent, out }: Axis): Int32Array {
  const scale = fround(extent / out);
  return Int32Array.from({ length: out }, (_, i) =>
    Math.max(0, Math.min(size - 1, Math.floor(centerAt(i, scale, start)))),
  );
}

export interface Sampling {
  readonly interpolation: Exclude<Interpolation, 'nearest'>;
  /** A wider kernel where the image shrinks, so that no pixel is passed over. */
  readonly antialias: boolean;
  /**
   * The result is rounded to whole levels. Of bilinear ones many lie halfway between two;
   * double precision then keeps them there, and all are rounded alike.
   */
  readonly whole: boolean;
}

function spansOf(axis: Axis, { interpolation, antialias, whole }: Sampling): Spans {
  const round = whole ? unrounded : fround;
  switch (interpolation) {
    case 'bilinear-tf1':
      return linearSpans(axis, 0, round);
    case 'bilinear':
      return antialias ? kernelSpans(axis, kernels.bilinear, true, round) : linearSpans(axis, 0.5, round);
    case 'area':
      return areaSpans(axis);
    case 'bicubic':
      return antialias ? kernelSpans(axis, kernels.bicubic, true) : bicubicSpans(axis);
    default:
      return kernelSpans(axis, kernels[interpolation], antialias);
  }
}

const cache = new Map<string, Spans>();
const mostCached = 32;

/** The spans of an axis; of a whole one they are kept, as a folder's images have few sizes. */
export function keptSpans(axis: Axis, sampling: Sampling): Spans {
  if (axis.start !== 0 || axis.extent !== axis.size) return spansOf(axis, sampling);
  const key = [...Object.values(sampling), axis.size, axis.out].join();
  let spans = cache.get(key);
  if (!spans) {
    spans = spansOf(axis, sampling);
    if (cache.size === mostCached) cache.delete(cache.keys().next().value!);
    cache.set(key, spans);
  }
  return spans;
}
