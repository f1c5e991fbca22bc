import type { ConfigOf, OptionsOf } from '../core/options.ts';
import { type Spec, specOf } from '../core/specs.ts';
import { verified } from './learning-rate.ts';
import { scheduleTable } from './schedule-table.ts';

type Table = typeof scheduleTable;

function named<Name extends keyof Table>(className: Name) {
  type Options = Table[Name]['options'];
  return (config: ConfigOf<Options>): Spec<Name, OptionsOf<Options>> =>
    verified(specOf(scheduleTable, className, config, `schedule ${className}`));
}

/**
 * Learning rates that change from step to step, as plain data: https://keras.io/api/optimizers/learning_rate_schedules/
 * Steps are counted from 0; with gradient accumulation, every batch is a step. `name` is of no effect.
 *
 * @throws {UsageError} names an option that is unknown, missing or out of range
 * @example adam({ learningRate: schedules.cosineDecay({ initialLearningRate: 1e-3, decaySteps: 1000 }) });
 */
export const schedules = {
  /** `initialLearningRate` · `decayRate` ^ (step / `decaySteps`), rounded down if `staircase` (default false). */
  exponentialDecay: named('ExponentialDecay'),
  /** `values[0]` up to and with step `boundaries[0]`, then `values[1]`, …: one value more than boundaries. */
  piecewiseConstantDecay: named('PiecewiseConstantDecay'),
  /**
   * From `initialLearningRate` to `endLearningRate` (default 0.0001) in `decaySteps`, by a `power` (default 1) of what is
   * left. With `cycle` (default false) it begins again, each time over `decaySteps` more.
   */
  polynomialDecay: named('PolynomialDecay'),
  /** `initialLearningRate` / (1 + `decayRate` · step / `decaySteps`), rounded down if `staircase` (default false). */
  inverseTimeDecay: named('InverseTimeDecay'),
  /**
   * Half a cosine from `initialLearningRate` to `alpha` (default 0) of it in `decaySteps`. With a `warmupTarget`, the rate
   * first goes in a line from `initialLearningRate` to the target in `warmupSteps` (default 0), and then down from there:
   * Loshchilov and Hutter, ICLR 2017 (arXiv 1608.03983).
   */
  cosineDecay: named('CosineDecay'),
  /**
   * Half a cosine from `initialLearningRate` to `alpha` (default 0) of it in `firstDecaySteps`, again and again: each time
   * over `tMul` (default 2, at least 1) times as many steps, from `mMul` (default 1) times the height.
   */
  cosineDecayRestarts: named('CosineDecayRestarts'),
};
