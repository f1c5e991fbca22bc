import { UsageError } from '../core/errors.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, div, mul, sqrt, sub } from '../ops/elementwise.ts';
import type { Schedule } from './schedules.ts';

/** One weight's update, as graph. */
export interface UpdateContext {
  readonly weight: Value;
  readonly gradient: Value;
  readonly slots: Readonly<Record<string, Value>>;
  /** What `scalars` gave for this step, times the weight's own multiplier. */
  readonly scalars: Readonly<Record<string, Value>>;
}

export interface Update {
  readonly weight: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

/** A pure description of an optimizer: the numbers of each step, and the graph of an update. */
export interface Optimizer {
  readonly name: string;
  readonly learningRate: number | Schedule;
  /** What is kept beside each weight, of its shape, zero at first. */
  readonly slots: readonly string[];
  /** Factors of the learning rate by layer name; 1 for all others. */
  readonly learningRateMultipliers: Readonly<Record<string, number>>;
  /** Numbers that change from step to step, each proportional to the rate. Computed on the host, in double precision. */
  readonly scalars: (learningRate: number, step: number) => Readonly<Record<string, number>>;
  readonly update: (context: UpdateContext) => Update;
}

export interface OptimizerOptions {
  /** A number, or a schedule over steps. */
  readonly learningRate?: number | Schedule;
  /** Factors of the learning rate by layer name: pretrained layers usually want a smaller one. */
  readonly learningRateMultipliers?: Readonly<Record<string, number>>;
}

function checkRate(name: string, learningRate: number | Schedule): number | Schedule {
  if (typeof learningRate === 'number' && !(learningRate >= 0 && learningRate < Number.POSITIVE_INFINITY)) {
    throw new UsageError(`${name}: learningRate must be a number from 0 on, got ${learningRate}`);
  }
  return learningRate;
}

/** The rate at a step, counted from 1. */
export function learningRateAt({ learningRate }: Optimizer, step: number): number {
  return typeof learningRate === 'number' ? learningRate : learningRate(step - 1);
}

export interface SgdOptions extends OptimizerOptions {
  /** Default 0. */
  readonly momentum?: number;
  /** Default false. */
  readonly nesterov?: boolean;
}

/** Gradient descent with momentum, https://keras.io/api/optimizers/sgd/. Default rate 0.01. */
export function sgd({
  learningRate = 0.01,
  momentum = 0,
  nesterov = false,
  learningRateMultipliers = {},
}: SgdOptions = {}): Optimizer {
  return {
    name: 'sgd',
    learningRate: checkRate('sgd', learningRate),
    learningRateMultipliers,
    slots: momentum > 0 ? ['momentum'] : [],
    scalars: (rate) => ({ rate }),
    update: ({ weight, gradient, slots, scalars }) => {
      const step = mul(gradient, scalars.rate!);
      if (!slots.momentum) return { weight: sub(weight, step), slots: {} };
      const velocity = sub(mul(slots.momentum, constant(momentum)), step);
      const move = nesterov ? sub(mul(velocity, constant(momentum)), step) : velocity;
      return { weight: add(weight, move), slots: { momentum: velocity } };
    },
  };
}

export interface AdamOptions extends OptimizerOptions {
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-7. */
  readonly epsilon?: number;
}

/**
 * Adam: Kingma and Ba, ICLR 2015 (arXiv 1412.6980), in the form of https://keras.io/api/optimizers/adam/.
 * Default rate 0.001.
 */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamLike('adam', { ...options, weightDecay: 0 });
}

export interface AdamWOptions extends AdamOptions {
  /** Default 0.004. */
  readonly weightDecay?: number;
}

/**
 * Adam with decoupled weight decay: Loshchilov and Hutter, ICLR 2019 (arXiv 1711.05101), in the form of
 * https://keras.io/api/optimizers/adamw/: every weight decays by rate · weightDecay before its update.
 */
export function adamW(options: AdamWOptions = {}): Optimizer {
  return adamLike('adamW', options);
}

function adamLike(
  name: string,
  {
    learningRate = 0.001,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-7,
    weightDecay = 0.004,
    learningRateMultipliers = {},
  }: AdamWOptions,
): Optimizer {
  return {
    name,
    learningRate: checkRate(name, learningRate),
    learningRateMultipliers,
    slots: ['m', 'v'],
    scalars: (rate, step) => ({
      stepSize: (rate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step),
      decay: rate * weightDecay,
    }),
    update: ({ weight, gradient, slots, scalars }) => {
      const m = add(slots.m!, mul(sub(gradient, slots.m!), constant(1 - beta1)));
      const v = add(slots.v!, mul(sub(mul(gradient, gradient), slots.v!), constant(1 - beta2)));
      const decayed = weightDecay === 0 ? weight : sub(weight, mul(weight, scalars.decay!));
      const move: Value = div(mul(m, scalars.stepSize!), add(sqrt(v), constant(epsilon)));
      return { weight: sub(decayed, move), slots: { m, v } };
    },
  };
}
