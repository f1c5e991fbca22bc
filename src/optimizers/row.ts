import { UsageError } from '../core/errors.ts';
import {
  count,
  flag,
  type Kind,
  listOf,
  type OptionsOf,
  type OptionTable,
  optional,
  real,
  text,
} from '../core/options.ts';
import type { Value } from '../graph/value.ts';
import { learningRateKind } from './learning-rate.ts';
import type { OptimizedWeight, Slot, Update } from './optimizer.ts';

/** One weight in an optimizer's own formula: its gradient is clipped, the weight decayed, the rates are its own. */
export interface RuleContext<T extends OptionTable> {
  readonly config: OptionsOf<T>;
  /** `dense/kernel` */
  readonly name: string;
  readonly weight: Value;
  readonly gradient: Value;
  readonly slots: Readonly<Record<string, Value>>;
  /** What `rates` and `numbers` gave. */
  readonly scalars: Readonly<Record<string, Value>>;
}

/** What one optimizer has that others have not. */
export interface Row<T extends OptionTable> {
  readonly options: T;
  readonly slots: (config: OptionsOf<T>, weight: OptimizedWeight) => readonly Slot[];
  /** Numbers of update `step`, counted from 1, that are proportional to the rate. */
  readonly rates: (
    config: OptionsOf<T>,
    learningRate: number,
    step: number,
  ) => Readonly<Record<string, number>>;
  /** Those that are not. */
  readonly numbers?: (config: OptionsOf<T>, step: number) => Readonly<Record<string, number>>;
  readonly update: (context: RuleContext<T>) => Update;
  /** Whether a weight decays by another option than `weightDecay`: its name. */
  readonly decayOption?: (config: OptionsOf<T>, weight: OptimizedWeight) => string;
  /** The options that decays come from, if not `weightDecay` alone. */
  readonly decayOptions?: readonly string[];
  /** What Keras' None stands for where an option has a default. */
  readonly whereNone?: Readonly<Record<string, unknown>>;
}

export function row<T extends OptionTable>(options: T, rest: Omit<Row<T>, 'options'>): Row<T> {
  return { options, ...rest };
}

export const fraction = real({ from: 0, to: 1 });
/** Of averages that are divided by what is missing to 1. */
export const beta = real({ from: 0, below: 1 });
export const notNegative = real({ from: 0 });

/** Factors by layer name. */
export const factorsOf = (factor: Kind<number>): Kind<Readonly<Record<string, number>>> => ({
  expected: `an object of layer names, each with ${factor.expected}`,
  check: (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((each) => factor.check(each) !== undefined)
      ? (value as Record<string, number>)
      : undefined,
});

/** The options that all share, with what differs: the name and rate where none is given. */
export function shared(name: string, learningRate: number) {
  return {
    name: optional(text, name),
    learningRate: optional(learningRateKind, learningRate),
    /** Every weight loses rate · `weightDecay` of itself before its update. Default: none. */
    weightDecay: optional(notNegative),
    /** Each weight's gradient is scaled down to this norm. Default: no limit. */
    clipnorm: optional(real({ above: 0 })),
    /** Each element of a gradient is kept within ± this. Default: no limit. */
    clipvalue: optional(real({ above: 0 })),
    /** All gradients are scaled down together, to this norm of them all. Default: no limit. */
    globalClipnorm: optional(real({ above: 0 })),
    /** Keep an average of each weight, which takes its place when training ends. Default false. */
    useEma: optional(flag, false),
    /** The average's share that stays at each step. Default 0.99. */
    emaMomentum: optional(fraction, 0.99),
    /** Averages take the weights' place already in training, every so many updates. Default: never. */
    emaOverwriteFrequency: optional(count),
    /** Weights are updated by the mean gradient of this many batches, 2 or more. Default: of each batch. */
    gradientAccumulationSteps: optional(several),
    /** Weights whose name (`dense/bias`) holds one of these do not decay: `['bias', 'gamma']`. Default: none. */
    excludeFromWeightDecay: optional(listOf(text), []),
    /** Factors of the learning rate by layer name: pretrained layers usually want a smaller one. Default 1. */
    learningRateMultipliers: optional(factorsOf(notNegative), {}),
  };
}

const several: Kind<number> = {
  expected: 'a whole number from 2 on',
  check: (value) => (Number.isInteger(value) && Number(value) >= 2 ? (value as number) : undefined),
};

/** Slots of the weight's shape that begin at zero. */
export function zeroSlots({ shape }: OptimizedWeight, ...names: readonly string[]): Slot[] {
  return names.map((name) => ({ name, shape, initial: 0 }));
}

/** Refuses a step of no length, for formulas that divide by the rate. */
export function requirePositive(learningRate: number, where: string, step: number): void {
  if (learningRate > 0) return;
  throw new UsageError(`${where}: the learning rate must be above 0, got ${learningRate} at update ${step}`);
}
