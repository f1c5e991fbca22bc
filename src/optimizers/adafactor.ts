import { flag, optional, real } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, div, maximum, mul, sqrt, square, sub } from '../ops/elementwise.ts';
import { expandDims } from '../ops/rearranging.ts';
import { reduceMean } from '../ops/reduce.ts';
import { notNegative, row, shared, zeroSlots } from './row.ts';

const rms = (x: Value) => sqrt(reduceMean(square(x)));
const decayOf = (beta2Decay: number, step: number) => step ** beta2Decay;

/** Averages of squares by row and column alone: Shazeer and Stern, ICML 2018 (arXiv 1804.04235). */
export const adafactorRow = row(
  {
    ...shared('adafactor', 0.001),
    /** The share of new squares in their average at step t is t to this power. Default −0.8. */
    beta2Decay: optional(real({ to: 0 }), -0.8),
    /** Added to squares. Default 1e-30. */
    epsilon1: optional(notNegative, 1e-30),
    /** What the size of a weight counts for at least. Default 0.001. */
    epsilon2: optional(notNegative, 1e-3),
    /** What a step's size is divided down to. Default 1. */
    clipThreshold: optional(real({ above: 0 }), 1),
    /** Kept for Keras' files: a rate is never above 1 / √t either way. Default true. */
    relativeStep: optional(flag, true),
  },
  {
    slots: (_, weight) => {
      const { shape } = weight;
      if (shape.length < 2) return zeroSlots(weight, 'velocity');
      return [
        { name: 'rows', shape: shape.slice(0, -1), initial: 0 },
        { name: 'columns', shape: [...shape.slice(0, -2), shape.at(-1)!], initial: 0 },
      ];
    },
    rates: (_, rate, step) => ({ rate: Math.min(rate, 1 / Math.sqrt(step)) }),
    numbers: ({ beta2Decay }, step) => ({ fresh: decayOf(beta2Decay, step) }),
    update: ({ config: { epsilon1, epsilon2, clipThreshold }, weight, gradient, slots, scalars }) => {
      const squares = add(square(gradient), constant(epsilon1));
      const after = (average: Value, value: Value) => add(average, mul(sub(value, average), scalars.fresh!));
      const next: Record<string, Value> = slots.velocity
        ? { velocity: after(slots.velocity, squares) }
        : {
            rows: after(slots.rows!, reduceMean(squares, { axes: [-1] })),
            columns: after(slots.columns!, reduceMean(squares, { axes: [-2] })),
          };
      const unit = div(gradient, sqrt(next.velocity ?? product(next.rows!, next.columns!)));
      const limit = maximum(div(rms(unit), constant(clipThreshold)), constant(1));
      const size = mul(maximum(rms(weight), constant(epsilon2)), scalars.rate!);
      return { weight: sub(weight, mul(div(unit, limit), size)), slots: next };
    },
  },
);

/** The matrix whose means by row and column these are, if it has rank one. */
function product(rows: Value, columns: Value): Value {
  const shares = div(rows, reduceMean(rows, { axes: [-1], keepDims: true }));
  return mul(expandDims(shares, { axis: -1 }), expandDims(columns, { axis: -2 }));
}
