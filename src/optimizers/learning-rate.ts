import { UsageError } from '../core/errors.ts';
import { either, type Kind, real } from '../core/options.ts';
import { type Spec, specKind } from '../core/specs.ts';
import { scheduleTable } from './schedule-table.ts';

type Table = typeof scheduleTable;

/** A schedule of one's own: the rate at a step, counted from 0. */
export type ScheduleFunction = (step: number) => number;
/** A learning rate that changes from step to step: `schedules.cosineDecay({ … })`, or a function. */
export type Schedule = Spec | ScheduleFunction;
export type LearningRate = number | Schedule;

const specs = specKind<Table, ScheduleFunction>(
  scheduleTable,
  'schedule',
  'keras.optimizers.schedules',
) as Kind<Schedule, Schedule>;

/** The option that takes a schedule. */
export const scheduleKind: Kind<Schedule, Schedule> = {
  ...specs,
  expected: 'a schedule, such as schedules.cosineDecay({ … }) gives, or a function of the step',
  check: (value) => {
    const held = specs.check(value);
    return held === undefined || typeof held === 'function' ? held : verified(held);
  },
};

/** The option that takes a learning rate. */
export const learningRateKind: Kind<LearningRate, LearningRate> = either(real({ from: 0 }), scheduleKind);

/** The schedule as it is, its options fitting together. */
export function verified<S extends Spec>(schedule: S): S {
  scheduleOf(schedule);
  return schedule;
}

function scheduleOf({ className, config }: Spec): ScheduleFunction {
  return scheduleTable[className as keyof Table].schedule(config as never);
}

/**
 * The rate that a schedule gives for a step, counted from 0 as in Keras.
 *
 * @throws {UsageError} when a function gives no number from 0 on
 */
export function rateAt(learningRate: LearningRate, step: number): number {
  if (typeof learningRate === 'number') return learningRate;
  const schedule = typeof learningRate === 'function' ? learningRate : scheduleOf(learningRate);
  const rate = schedule(step);
  if (typeof rate === 'number' && rate >= 0 && rate < Number.POSITIVE_INFINITY) return rate;
  const name = typeof learningRate === 'function' ? learningRate.name || 'function' : learningRate.className;
  throw new UsageError(`schedule ${name}: a rate must be a number from 0 on, got ${rate} at step ${step}`);
}

/**
 * An optimizer's rate at a step, counted from 1.
 *
 * @throws {UsageError} when its schedule gives no number from 0 on
 */
export function learningRateAt(
  { config }: { readonly config: { readonly learningRate: LearningRate } },
  step: number,
): number {
  return rateAt(config.learningRate, step - 1);
}
