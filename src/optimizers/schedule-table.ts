import { UsageError } from '../core/errors.ts';
import {
  finite,
  flag,
  listOf,
  type OptionsOf,
  type OptionTable,
  optional,
  real,
  required,
  text,
  wholeNumber,
} from '../core/options.ts';

interface Row<T extends OptionTable> {
  readonly options: T;
  /** The rate at each step, counted from 0. */
  readonly schedule: (config: OptionsOf<T>) => (step: number) => number;
}

function row<T extends OptionTable>(options: T, schedule: Row<T>['schedule']): Row<T> {
  return { options, schedule };
}

const rate = real({ from: 0 });
const steps = real({ above: 0 });

const decay = {
  initialLearningRate: required(rate),
  decaySteps: required(steps),
  decayRate: required(rate),
  staircase: optional(flag, false),
};

/** Schedules by Keras' class names, https://keras.io/api/optimizers/learning_rate_schedules/ */
export const scheduleTable = {
  ExponentialDecay: row(
    { ...decay, name: optional(text, 'ExponentialDecay') },
    ({ initialLearningRate, decaySteps, decayRate, staircase }) =>
      (step) =>
        initialLearningRate * decayRate ** passed(step, decaySteps, staircase),
  ),
  PiecewiseConstantDecay: row(
    {
      boundaries: required(listOf(finite)),
      values: required(listOf(rate)),
      name: optional(text, 'PiecewiseConstant'),
    },
    ({ boundaries, values }) => {
      if (values.length !== boundaries.length + 1) {
        throw new UsageError(
          `schedule PiecewiseConstantDecay: values must be one more than boundaries, got ${values.length} and ${boundaries.length}`,
        );
      }
      if (boundaries.some((boundary, i) => i > 0 && boundary <= boundaries[i - 1]!)) {
        throw new UsageError(
          `schedule PiecewiseConstantDecay: boundaries must grow, got ${boundaries.join(', ')}`,
        );
      }
      return (step) => values[boundaries.filter((boundary) => step > boundary).length]!;
    },
  ),
  PolynomialDecay: row(
    {
      initialLearningRate: required(rate),
      decaySteps: required(steps),
      endLearningRate: optional(rate, 0.0001),
      power: optional(rate, 1),
      cycle: optional(flag, false),
      name: optional(text, 'PolynomialDecay'),
    },
    ({ initialLearningRate, decaySteps, endLearningRate, power, cycle }) =>
      (step) => {
        const length = cycle ? decaySteps * Math.max(1, Math.ceil(step / decaySteps)) : decaySteps;
        const left = 1 - Math.min(step, length) / length;
        return (initialLearningRate - endLearningRate) * left ** power + endLearningRate;
      },
  ),
  InverseTimeDecay: row(
    { ...decay, name: optional(text, 'InverseTimeDecay') },
    ({ initialLearningRate, decaySteps, decayRate, staircase }) =>
      (step) =>
        initialLearningRate / (1 + decayRate * passed(step, decaySteps, staircase)),
  ),
  CosineDecay: row(
    {
      initialLearningRate: required(rate),
      decaySteps: required(steps),
      alpha: optional(rate, 0),
      warmupTarget: optional(rate),
      warmupSteps: optional(wholeNumber, 0),
      name: optional(text, 'CosineDecay'),
    },
    ({ initialLearningRate, decaySteps, alpha, warmupTarget, warmupSteps }) => {
      if (warmupTarget === undefined && warmupSteps > 0) {
        throw new UsageError(
          `schedule CosineDecay: warmupSteps needs a warmupTarget, the rate after them; ${warmupSteps} were given without`,
        );
      }
      const target = warmupTarget ?? initialLearningRate;
      return (step) => {
        if (step < warmupSteps)
          return ((target - initialLearningRate) * step) / warmupSteps + initialLearningRate;
        return target * cosineShare(Math.min(1, (step - warmupSteps) / decaySteps), alpha);
      };
    },
  ),
  CosineDecayRestarts: row(
    {
      initialLearningRate: required(rate),
      firstDecaySteps: required(steps),
      tMul: optional(real({ from: 1 }), 2),
      mMul: optional(rate, 1),
      alpha: optional(rate, 0),
      name: optional(text, 'SGDRDecay'),
    },
    ({ initialLearningRate, firstDecaySteps, tMul, mMul, alpha }) =>
      (step) => {
        // In lengths of the first period, of which the one after n restarts takes tMulⁿ.
        const progress = step / firstDecaySteps;
        const startOf = (period: number) => (tMul === 1 ? period : (tMul ** period - 1) / (tMul - 1));
        const guess = tMul === 1 ? progress : Math.log1p(progress * (tMul - 1)) / Math.log(tMul);
        // A restart's very step may be rounded to before it.
        const restarts = Math.floor(guess) + (progress >= startOf(Math.floor(guess) + 1) ? 1 : 0);
        const within = (progress - startOf(restarts)) / tMul ** restarts;
        return initialLearningRate * cosineShare(within, alpha, mMul ** restarts);
      },
  ),
};

function passed(step: number, decaySteps: number, staircase: boolean): number {
  return staircase ? Math.floor(step / decaySteps) : step / decaySteps;
}

/** Half a cosine from `height` (of the part above `alpha`) down to `alpha`. */
function cosineShare(progress: number, alpha: number, height = 1): number {
  return alpha + (1 - alpha) * 0.5 * height * (1 + Math.cos(Math.PI * progress));
}
