import { finite, flag, type Kind, optional, real } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, clip, div, maximum, minimum, mul, sqrt, stopGradient, sub } from '../ops/elementwise.ts';
import type { Affine } from './affine.ts';

/** Bounds of the corrections of batch renormalization; what is left out has none. */
export interface RenormClipping {
  /** The least r. */
  readonly rmin?: number | undefined;
  /** The largest r. */
  readonly rmax?: number | undefined;
  /** The largest |d|. */
  readonly dmax?: number | undefined;
}

const bounds: Readonly<Record<keyof RenormClipping, Kind<number>>> = {
  rmin: finite,
  rmax: finite,
  dmax: real({ from: 0 }),
};

const clippingKind: Kind<RenormClipping> = {
  expected: '{ rmin, rmax, dmax }, each a number or left out, rmin up to rmax, dmax from 0 on',
  check: (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    const given = Object.entries(value).filter(([, bound]) => bound !== undefined);
    const fit = given.every(
      ([name, bound]) =>
        Object.hasOwn(bounds, name) && bounds[name as keyof RenormClipping].check(bound) !== undefined,
    );
    const { rmin = -Infinity, rmax = Infinity } = value as RenormClipping;
    return fit && rmin <= rmax ? (Object.fromEntries(given) as RenormClipping) : undefined;
  },
  fromKeras: (json) =>
    typeof json === 'object' && json !== null
      ? Object.fromEntries(Object.entries(json).filter(([, bound]) => bound !== null))
      : json,
};

export const renormOptions = {
  /** Batch renormalization: training normalizes by what inference will, as far as the bounds let it. Default false. */
  renorm: optional(flag, false),
  /** Bounds of its corrections. Default none. */
  renormClipping: optional(clippingKind),
  /** The share of its running statistics that a step of training keeps. Default 0.99. */
  renormMomentum: optional(real({ from: 0, to: 1 }), 0.99),
};

/** Where values lie and how far they spread. */
export interface Spread {
  readonly mean: Value;
  readonly deviation: Value;
}

/**
 * Gamma and beta for values that the batch's own statistics have normalized, so that they come out as the running ones
 * would have normalized them: (x · r + d) · gamma + beta, where r = deviation / running deviation and
 * d = (mean − running mean) / running deviation are constants to the gradient. Ioffe, NIPS 2017.
 */
export function renormalized(
  { gamma, beta }: Affine,
  batch: Spread,
  running: Spread,
  epsilon: number,
  { rmin, rmax, dmax }: RenormClipping = {},
): Affine & { readonly beta: Value } {
  const deviation = maximum(running.deviation, constant(Math.sqrt(epsilon)));
  let r = div(batch.deviation, deviation);
  if (rmin !== undefined) r = maximum(r, constant(rmin));
  if (rmax !== undefined) r = minimum(r, constant(rmax));
  let d = div(sub(batch.mean, running.mean), deviation);
  if (dmax !== undefined) d = clip(d, { min: -dmax, max: dmax });
  const [factor, shift] = [stopGradient(r), stopGradient(d)];
  const moved = gamma ? mul(shift, gamma) : shift;
  return { gamma: gamma ? mul(factor, gamma) : factor, beta: beta ? add(moved, beta) : moved };
}

/** The deviation that batch renormalization reckons with. */
export const deviationOf = (variance: Value, epsilon: number): Value =>
  sqrt(add(variance, constant(epsilon)));
