import type { Value } from '../graph/value.ts';
import type { LearningRate } from './learning-rate.ts';

/** A weight as an optimizer knows it before anything runs. */
export interface OptimizedWeight {
  /** `dense/kernel` */
  readonly name: string;
  readonly shape: readonly number[];
}

/** What an optimizer keeps beside a weight from step to step, float32. */
export interface Slot {
  /** `momentum` */
  readonly name: string;
  readonly shape: readonly number[];
  /** Its values at first: a number throughout, or the weight's own. */
  readonly initial: number | 'weight';
}

/** One weight in a step's graph. */
export interface UpdateContext {
  /** `dense/kernel` */
  readonly name: string;
  readonly weight: Value;
  readonly gradient: Value;
  /** By the names that `slots` gives for this weight. */
  readonly slots: Readonly<Record<string, Value>>;
  /** The factor of the learning rate for this weight; 1 for most. */
  readonly learningRateMultiplier: number;
}

/** One weight after a step: constraints are not yet applied. */
export interface Update {
  readonly weight: Value;
  readonly slots: Readonly<Record<string, Value>>;
}

/** The options that every optimizer has, checked, with the defaults of those that were left out. */
export interface SharedConfig {
  readonly name: string;
  readonly learningRate: LearningRate;
  readonly weightDecay: number | undefined;
  readonly clipnorm: number | undefined;
  readonly clipvalue: number | undefined;
  readonly globalClipnorm: number | undefined;
  readonly useEma: boolean;
  readonly emaMomentum: number;
  readonly emaOverwriteFrequency: number | undefined;
  readonly gradientAccumulationSteps: number | undefined;
  readonly excludeFromWeightDecay: readonly string[];
  readonly learningRateMultipliers: Readonly<Record<string, number>>;
}

/** A pure description of an optimizer: what it keeps, the numbers of each step, and the graph of a step's updates. */
export interface Optimizer<Config extends SharedConfig = SharedConfig> {
  /** Keras' class, `Adam`. */
  readonly className: string;
  readonly config: Config;
  /** Factors of the learning rate by layer name; 1 for all others. */
  readonly learningRateMultipliers: Readonly<Record<string, number>>;
  slots(weight: OptimizedWeight): readonly Slot[];
  /** The names of what `scalars` gives, the same at every step. */
  readonly scalarNames: readonly string[];
  /**
   * The numbers that a step is fed, each a float32 scalar. Computed in double precision.
   *
   * @param learningRate as `learningRateAt` gives it for this step, or a callback has set it
   * @param step counted from 1; with gradient accumulation, every batch is a step
   */
  scalars(learningRate: number, step: number): Readonly<Record<string, number>>;
  /** The updates of all weights, in their order. The same graph serves every step. */
  update(weights: readonly UpdateContext[], scalars: Readonly<Record<string, Value>>): readonly Update[];
}

/** The slot that holds a weight's moving average, with `useEma`. */
export const averageSlot = 'average';

/** Whether moving averages (the slots `averageSlot`) take the weights' place when training ends, as Keras' `fit` does. */
export function usesAveragesAtEnd({ config }: Optimizer): boolean {
  return config.useEma;
}
