import { flag, optional, real } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, clip, div, mul, neg, pow, sqrt, square, sub } from '../ops/elementwise.ts';
import { factorsOf, fraction, notNegative, requirePositive, row, shared, zeroSlots } from './row.ts';

const epsilon = optional(notNegative, 1e-7);
const accumulator = optional(notNegative, 0.1);

/** `share` of the average and the rest of the value. */
function mixed(average: Value, value: Value, share: number): Value {
  return add(mul(average, constant(share)), mul(value, constant(1 - share)));
}

/** Gradients over the root of their squares' average: Hinton, lecture 6 of Neural Networks for Machine Learning, 2012. */
export const rmspropRow = row(
  {
    ...shared('rm_sprop', 0.001),
    /** The averages' share that stays at each step. Default 0.9. */
    rho: optional(fraction, 0.9),
    /** The share of the last step that goes on. Default 0. */
    momentum: optional(fraction, 0),
    /** Keeps divisions from zero. Default 1e-7. */
    epsilon,
    /** Divide by the root of the variance in place of the mean square. Default false. */
    centered: optional(flag, false),
  },
  {
    slots: ({ momentum, centered }, weight) =>
      zeroSlots(
        weight,
        'velocity',
        ...(momentum > 0 ? ['momentum'] : []),
        ...(centered ? ['averageGradient'] : []),
      ),
    rates: (_, rate) => ({ rate }),
    update: ({ config: { rho, momentum, epsilon }, weight, gradient, slots, scalars }) => {
      const velocity = mixed(slots.velocity!, square(gradient), rho);
      const average = slots.averageGradient && mixed(slots.averageGradient, gradient, rho);
      const spread = average ? sub(velocity, square(average)) : velocity;
      const step = div(mul(gradient, scalars.rate!), sqrt(add(spread, constant(epsilon))));
      const move = slots.momentum ? add(mul(slots.momentum, constant(momentum)), step) : step;
      return {
        weight: sub(weight, move),
        slots: {
          velocity,
          ...(slots.momentum && { momentum: move }),
          ...(average && { averageGradient: average }),
        },
      };
    },
  },
);

/** Gradients over the root of their squares' sum: Duchi, Hazan and Singer, JMLR 12, 2011. */
export const adagradRow = row(
  {
    ...shared('adagrad', 0.001),
    /** What the sum begins at. Default 0.1. */
    initialAccumulatorValue: accumulator,
    /** Keeps divisions from zero. Default 1e-7. */
    epsilon,
  },
  {
    slots: ({ initialAccumulatorValue: initial }, { shape }) => [{ name: 'accumulator', shape, initial }],
    rates: (_, rate) => ({ rate }),
    update: ({ config: { epsilon }, weight, gradient, slots, scalars }) => {
      const accumulator = add(slots.accumulator!, square(gradient));
      const move = div(mul(gradient, scalars.rate!), sqrt(add(accumulator, constant(epsilon))));
      return { weight: sub(weight, move), slots: { accumulator } };
    },
  },
);

/** Steps as large as the last ones were, over gradients: Zeiler, 2012 (arXiv 1212.5701). */
export const adadeltaRow = row(
  {
    ...shared('adadelta', 0.001),
    /** The averages' share that stays at each step. Default 0.95. */
    rho: optional(fraction, 0.95),
    /** Keeps divisions from zero, and lets the first steps begin. Default 1e-7. */
    epsilon,
  },
  {
    slots: (_, weight) => zeroSlots(weight, 'accumulatedGrad', 'accumulatedDeltaVar'),
    rates: (_, rate) => ({ rate }),
    update: ({ config: { rho, epsilon }, weight, gradient, slots, scalars }) => {
      const root = (average: Value) => sqrt(add(average, constant(epsilon)));
      const accumulatedGrad = mixed(slots.accumulatedGrad!, square(gradient), rho);
      const step = div(mul(root(slots.accumulatedDeltaVar!), gradient), root(accumulatedGrad));
      const accumulatedDeltaVar = mixed(slots.accumulatedDeltaVar!, square(step), rho);
      return {
        weight: sub(weight, mul(step, scalars.rate!)),
        slots: { accumulatedGrad, accumulatedDeltaVar },
      };
    },
  },
);

/** Follow the regularized leader: McMahan et al., KDD 2013. Weights come from the sums alone, whatever they were. */
export const ftrlRow = row(
  {
    ...shared('ftrl', 0.001),
    /** Of the sum of squares in the rate, from 0 down. Default −0.5. */
    learningRatePower: optional(real({ to: 0 }), -0.5),
    /** What the sum of squares begins at. Default 0.1. */
    initialAccumulatorValue: accumulator,
    /** Default 0. */
    l1RegularizationStrength: optional(notNegative, 0),
    /** Default 0. */
    l2RegularizationStrength: optional(notNegative, 0),
    /** A penalty on the weights in the gradient alone. Default 0. */
    l2ShrinkageRegularizationStrength: optional(notNegative, 0),
    /** Added to the root of the sum of squares in the rate. Default 0. */
    beta: optional(notNegative, 0),
    /** Factors of the learning rate by layer name, above 0. Default 1. */
    learningRateMultipliers: optional(factorsOf(real({ above: 0 })), {}),
  },
  {
    slots: ({ initialAccumulatorValue: initial }, weight) => [
      { name: 'accumulator', shape: weight.shape, initial },
      ...zeroSlots(weight, 'linear'),
    ],
    rates: (_, rate, step) => {
      requirePositive(rate, 'optimizer Ftrl', step);
      return { rate };
    },
    update: ({ config, weight, gradient, slots, scalars }) => {
      const { l1RegularizationStrength: l1, l2RegularizationStrength: l2 } = config;
      const rate = scalars.rate!;
      const power = constant(-config.learningRatePower);
      const shrinkage = mul(weight, constant(2 * config.l2ShrinkageRegularizationStrength));
      const accumulator = add(slots.accumulator!, square(gradient));
      const root = pow(accumulator, power);
      const grown = div(sub(root, pow(slots.accumulator!, power)), rate);
      const linear = add(slots.linear!, sub(add(gradient, shrinkage), mul(grown, weight)));
      const outside = sub(linear, clip(linear, { min: -l1, max: l1 }));
      const curvature = add(div(add(root, constant(config.beta)), rate), constant(2 * l2));
      return { weight: neg(div(outside, curvature)), slots: { accumulator, linear } };
    },
  },
);
