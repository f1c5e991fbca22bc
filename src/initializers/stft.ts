import { ShapeError } from '../core/errors.ts';
import { either, finite, flag, type Kind, listOf, oneOf, optional } from '../core/options.ts';
import { formatShape } from '../core/shape.ts';
import { floats } from '../core/tensor.ts';
import { row } from './draw.ts';

/** aₖ of Σ (−1)ᵏ aₖ cos(2πkt), t from 0 to 1: Harris, Proceedings of the IEEE 66, 1978; flattop: D’Antona and Ferrero, 2006. */
const cosineSeries = {
  boxcar: [1],
  hann: [0.5, 0.5],
  hamming: [0.54, 0.46],
  blackman: [0.42, 0.5, 0.08],
  nuttall: [0.3635819, 0.4891775, 0.1365995, 0.0106411],
  blackmanharris: [0.35875, 0.48829, 0.14128, 0.01168],
  flattop: [0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368],
} as const;

type WindowName = keyof typeof cosineSeries | 'bartlett';
const windowNames = [...(Object.keys(cosineSeries) as (keyof typeof cosineSeries)[]), 'bartlett'] as const;

/** @param periodic leave out the last value, which is the first one of the next period */
function windowOf(name: WindowName, length: number, periodic: boolean): number[] {
  if (length === 1) return [1];
  const steps = periodic ? length : length - 1;
  return Array.from({ length }, (_, n) => {
    const t = n / steps;
    if (name === 'bartlett') return 1 - Math.abs(2 * t - 1);
    return cosineSeries[name].reduce(
      (sum: number, a, k) => sum + (-1) ** k * a * Math.cos(2 * Math.PI * k * t),
      0,
    );
  });
}

/** A kind, or `'none'`, for which Keras has None. */
function orNone<Given, Held>(kind: Kind<Given, Held>): Kind<Given | 'none', Held | 'none'> {
  return {
    ...kind,
    expected: `${kind.expected}, or none`,
    check: (value) => (value === 'none' ? value : kind.check(value)),
    toKeras: (held) => (held === 'none' ? null : (kind.toKeras?.(held) ?? held)),
  };
}

/** Keras' config with what it writes as None under its name here: a null would stand for the default. */
export function stftFromKeras(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([name, value]) => [name, value ?? 'none']));
}

/** Kernels that compute one side of a short-time Fourier transform, of shape [frame, 1, frequencies]. */
export const stftRow = row(
  {
    side: optional(oneOf(['real', 'imag']), 'real'),
    window: optional(orNone(either(oneOf(windowNames), listOf(finite))), 'hann'),
    scaling: optional(orNone(oneOf(['density', 'spectrum'])), 'density'),
    periodic: optional(flag, false),
  },
  ({ side, window, scaling, periodic }, shape) => {
    const [frame, channels, frequencies] = shape;
    if (shape.length !== 3 || channels !== 1 || !frame || !(frequencies! > 1)) {
      throw new ShapeError(
        `initializer STFT: a shape [frame, 1, frequencies] with two frequencies or more is needed, got ${formatShape(shape)}`,
      );
    }
    const values =
      typeof window === 'string' ? windowOf(window === 'none' ? 'boxcar' : window, frame, periodic) : window;
    if (values.length !== frame) {
      throw new ShapeError(
        `initializer STFT: the window has ${values.length} values for frames of ${frame}; it needs one each`,
      );
    }
    const sum = (term: (w: number) => number) => values.reduce((total, w) => total + term(w), 0);
    const scale =
      window === 'none' || scaling === 'none'
        ? 1
        : scaling === 'density'
          ? Math.sqrt(sum((w) => w * w))
          : sum(Math.abs);
    const wave = side === 'real' ? Math.cos : Math.sin;
    const turn = (-2 * Math.PI) / (2 * (frequencies! - 1));
    return floats(
      values.flatMap((w, time) =>
        Array.from({ length: frequencies! }, (_, f) => (wave(turn * time * f) * w) / scale),
      ),
      shape,
    );
  },
);
