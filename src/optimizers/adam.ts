import { flag, optional } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { abs, add, div, maximum, mul, sqrt, square, sub } from '../ops/elementwise.ts';
import { beta, notNegative, row, shared, zeroSlots } from './row.ts';

const moments = {
  /** The share of the gradients' average that stays at each step. Default 0.9. */
  beta1: optional(beta, 0.9),
  /** The same of their squares. Default 0.999. */
  beta2: optional(beta, 0.999),
  /** Keeps divisions from zero. Default 1e-7. */
  epsilon: optional(notNegative, 1e-7),
};

/** A moving average after one more value: `beta` of it stays. */
export function moved(average: Value, value: Value, beta: number): Value {
  return add(average, mul(sub(value, average), constant(1 - beta)));
}

/** Adam's step for averages that began at zero. */
export function correctedRate(rate: number, beta1: number, beta2: number, step: number): number {
  return (rate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
}

const adamOptions = {
  ...shared('adam', 0.001),
  ...moments,
  /** Divide by the largest average of squares so far. Default false. */
  amsgrad: optional(flag, false),
};

/** Adam: Kingma and Ba, ICLR 2015 (arXiv 1412.6980); AMSGrad: Reddi, Kale and Kumar, ICLR 2018. */
export const adamRow = row(adamOptions, {
  slots: ({ amsgrad }, weight) =>
    zeroSlots(weight, 'momentum', 'velocity', ...(amsgrad ? ['velocityHat'] : [])),
  rates: ({ beta1, beta2 }, rate, step) => ({ stepSize: correctedRate(rate, beta1, beta2, step) }),
  update: ({ config: { beta1, beta2, epsilon, amsgrad }, weight, gradient, slots, scalars }) => {
    const momentum = moved(slots.momentum!, gradient, beta1);
    const velocity = moved(slots.velocity!, square(gradient), beta2);
    const largest = amsgrad ? maximum(slots.velocityHat!, velocity) : velocity;
    const move = div(mul(momentum, scalars.stepSize!), add(sqrt(largest), constant(epsilon)));
    return {
      weight: sub(weight, move),
      slots: { momentum, velocity, ...(amsgrad && { velocityHat: largest }) },
    };
  },
});

/** Adam with weight decay: Loshchilov and Hutter, ICLR 2019 (arXiv 1711.05101). */
export const adamWRow = {
  ...adamRow,
  options: {
    ...adamOptions,
    ...shared('adam_w', 0.001),
    /** Every weight loses rate · `weightDecay` of itself before its update. Default 0.004. */
    weightDecay: optional(notNegative, 0.004),
  },
};

/** Adam with the largest size in place of the squares' average: Kingma and Ba, ICLR 2015, section 7. */
export const adamaxRow = row(
  { ...shared('adamax', 0.001), ...moments },
  {
    slots: (_, weight) => zeroSlots(weight, 'momentum', 'norm'),
    rates: ({ beta1 }, rate, step) => ({ stepSize: rate / (1 - beta1 ** step) }),
    update: ({ config: { beta1, beta2, epsilon }, weight, gradient, slots, scalars }) => {
      const momentum = moved(slots.momentum!, gradient, beta1);
      const norm = maximum(mul(slots.norm!, constant(beta2)), abs(gradient));
      const move = div(mul(momentum, scalars.stepSize!), add(norm, constant(epsilon)));
      return { weight: sub(weight, move), slots: { momentum, norm } };
    },
  },
);

/** How fast Nadam's share of the average nears `beta1`. */
const shareDecay = 0.96;
/** From this step on, the share is `beta1` to double precision. */
const shareSettles = 900;

/** Nadam's share of the average at a step. */
const shareAt = (beta1: number, step: number) => beta1 * (1 - 0.5 * shareDecay ** step);

/** The product of all shares up to a step. */
function productOfShares(beta1: number, step: number): number {
  let product = beta1 ** Math.max(0, step - shareSettles);
  for (let i = 1; i <= Math.min(step, shareSettles); i++) product *= shareAt(beta1, i);
  return product;
}

/** Adam with Nesterov's momentum: Dozat, ICLR workshop 2016. */
export const nadamRow = row(
  { ...shared('nadam', 0.001), ...moments },
  {
    slots: (_, weight) => zeroSlots(weight, 'momentum', 'velocity'),
    rates: ({ beta1 }, rate, step) => {
      const product = productOfShares(beta1, step);
      const next = shareAt(beta1, step + 1);
      return {
        momentumRate: (rate * next) / (1 - product * next),
        gradientRate: (rate * (1 - shareAt(beta1, step))) / (1 - product),
      };
    },
    numbers: ({ beta2 }, step) => ({ velocityFactor: 1 / (1 - beta2 ** step) }),
    update: ({ config: { beta1, beta2, epsilon }, weight, gradient, slots, scalars }) => {
      const momentum = moved(slots.momentum!, gradient, beta1);
      const velocity = moved(slots.velocity!, square(gradient), beta2);
      const ahead = add(mul(momentum, scalars.momentumRate!), mul(gradient, scalars.gradientRate!));
      const size = sqrt(mul(velocity, scalars.velocityFactor!));
      return {
        weight: sub(weight, div(ahead, add(size, constant(epsilon)))),
        slots: { momentum, velocity },
      };
    },
  },
);
