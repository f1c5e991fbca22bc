import { flag, optional, real } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import { add, mul, sign, sub } from '../ops/elementwise.ts';
import { beta, fraction, row, shared, zeroSlots } from './row.ts';

/** Steps against the gradient: https://keras.io/api/optimizers/sgd/ */
export const sgdRow = row(
  {
    ...shared('sgd', 0.01),
    /** The share of the last step that goes on. Default 0. */
    momentum: optional(fraction, 0),
    /** Look ahead along the last step. Default false. */
    nesterov: optional(flag, false),
  },
  {
    slots: ({ momentum }, weight) => zeroSlots(weight, ...(momentum > 0 ? ['momentum'] : [])),
    rates: (_, rate) => ({ rate }),
    update: ({ config: { momentum, nesterov }, weight, gradient, slots, scalars }) => {
      const step = mul(gradient, scalars.rate!);
      if (!slots.momentum) return { weight: sub(weight, step), slots: {} };
      const velocity = sub(mul(slots.momentum, constant(momentum)), step);
      const move = nesterov ? sub(mul(velocity, constant(momentum)), step) : velocity;
      return { weight: add(weight, move), slots: { momentum: velocity } };
    },
  },
);

/** Steps of one length, by the sign of an average: https://keras.io/api/optimizers/lion/ */
export const lionRow = row(
  {
    ...shared('lion', 0.001),
    /** The share of the kept average in a step's direction. Default 0.9. */
    beta1: optional(real({ above: 0, to: 1 }), 0.9),
    /** The kept average's share that stays. Default 0.99. */
    beta2: optional(beta, 0.99),
  },
  {
    slots: (_, weight) => zeroSlots(weight, 'momentum'),
    rates: (_, rate) => ({ rate }),
    update: ({ config: { beta1, beta2 }, weight, gradient, slots, scalars }) => {
      const mixed = (share: number) =>
        add(mul(slots.momentum!, constant(share)), mul(gradient, constant(1 - share)));
      return {
        weight: sub(weight, mul(sign(mixed(beta1)), scalars.rate!)),
        slots: { momentum: mixed(beta2) },
      };
    },
  },
);
