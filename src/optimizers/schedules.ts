import { UsageError } from '../core/errors.ts';

/** The learning rate at each step, counted from 0. */
export type Schedule = (step: number) => number;

export interface CosineDecayOptions {
  /** The rate after the warm-up. */
  readonly initialLearningRate: number;
  /** Steps over which it falls, the warm-up not counted. */
  readonly decaySteps: number;
  /** The share that is left at the end. Default 0. */
  readonly alpha?: number;
  /** Steps in which it rises linearly from 0 first. Default 0. */
  readonly warmupSteps?: number;
}

/**
 * Linear warm-up, then half a cosine down to `alpha` of the rate: Keras' `CosineDecay` with `warmup_target` the initial
 * rate, https://keras.io/api/optimizers/learning_rate_schedules/cosine_decay/
 *
 * @example cosineDecay({ initialLearningRate: 1e-4, decaySteps: 300, warmupSteps: 10 })
 */
export function cosineDecay({
  initialLearningRate,
  decaySteps,
  alpha = 0,
  warmupSteps = 0,
}: CosineDecayOptions): Schedule {
  if (!(decaySteps > 0)) throw new UsageError(`cosineDecay: decaySteps must be above 0, got ${decaySteps}`);
  return (step) => {
    if (step < warmupSteps) return (initialLearningRate * step) / warmupSteps;
    const progress = Math.min(1, (step - warmupSteps) / decaySteps);
    return initialLearningRate * (alpha + (1 - alpha) * 0.5 * (1 + Math.cos(Math.PI * progress)));
  };
}
