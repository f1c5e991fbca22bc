import { UsageError } from '../../core/errors.ts';
import {
  type ConfigOf,
  count,
  type OptionsOf,
  optional,
  real,
  resolveOptions,
  text,
  wholeNumber,
} from '../../core/options.ts';
import { speaking } from '../callbacks/options.ts';
import type { SessionRunHook, TrainingSession } from '../hook.ts';
import type { Logs } from '../trainable.ts';
import { readEvalMetrics } from './eval-metrics.ts';
import { type SecondOrStepTimer, timerFor } from './second-or-step-timer.ts';

/** What evaluates its model into folders of events; an Estimator. */
export interface Evaluated {
  /** The folder of the evaluations of this name. */
  evalDir(name?: string): string;
}

const cadence = {
  /** Seconds between two looks. Default 60, where `runEverySteps` is not given. */
  runEverySecs: optional(real({ above: 0 })),
  runEverySteps: optional(count),
  /** Takes a line when the training is stopped. Default: to standard error. */
  log: speaking.print,
};

const options = {
  ...cadence,
  /** The folder of the evaluations' events. Default: `estimator.evalDir()`. */
  evalDir: optional(text),
  /** Evaluations before this step are not looked at. Default 0. */
  minSteps: optional(wholeNumber, 0),
};

export type MakeEarlyStoppingHookOptions = ConfigOf<typeof cadence>;
export type EarlyStoppingHookOptions = ConfigOf<typeof options>;

/** Why a training is to stop; undefined where it is not. */
type Reason = string | undefined;

class StopOnReasonHook implements SessionRunHook {
  readonly #reason: () => Promise<Reason>;
  readonly #log: (line: string) => void;
  readonly #timer: SecondOrStepTimer;

  constructor(
    where: string,
    { runEverySteps, runEverySecs, log }: OptionsOf<typeof cadence>,
    reason: () => Promise<Reason>,
  ) {
    this.#timer = timerFor(where, { runEverySteps, runEverySecs }, { everyNSecs: 60 });
    this.#log = log;
    this.#reason = reason;
  }

  async afterCreateSession(session: TrainingSession): Promise<void> {
    this.#timer.reset(session.step);
    await this.#look(session);
  }

  async afterRun(session: TrainingSession): Promise<void> {
    if (!this.#timer.shouldTriggerForStep(session.step)) return;
    this.#timer.updateLastTriggeredStep(session.step);
    await this.#look(session);
  }

  async #look(session: TrainingSession): Promise<void> {
    const reason = await this.#reason();
    if (reason === undefined) return;
    this.#log(`step ${session.step}: ${reason}, training stops`);
    session.requestStop();
  }
}

/**
 * Ends a training when a function says so. It is asked when a run begins, which makes no step then, and every so many
 * seconds or steps. https://www.tensorflow.org/api_docs/python/tf/estimator/experimental/make_early_stopping_hook
 *
 * @throws {UsageError} names the option that is wrong
 * @example makeEarlyStoppingHook(estimator, () => existsSync('runs/oct/stop'), { runEverySecs: 10 })
 */
export function makeEarlyStoppingHook(
  _estimator: Evaluated,
  shouldStop: () => boolean | Promise<boolean>,
  config: MakeEarlyStoppingHookOptions = {},
): SessionRunHook {
  const where = 'makeEarlyStoppingHook';
  if (typeof shouldStop !== 'function')
    throw new UsageError(`${where}: shouldStop must be a function () => boolean, got ${shouldStop}`);
  return new StopOnReasonHook(where, resolveOptions(cadence, config, where), async () =>
    (await shouldStop()) ? 'shouldStop says so' : undefined,
  );
}

type Direction = 'increase' | 'decrease';

/** As float32, in which results are stored. Any number is better than NaN. */
const isBetter = { increase: above, decrease: (a: number, b: number) => above(-a, -b) };

function above(a: number, b: number): boolean {
  return Number.isNaN(b) ? !Number.isNaN(a) : Math.fround(a) > Math.fround(b);
}

/**
 * Ends a training when a metric of its evaluations has not decreased for some steps: no evaluation of the last
 * `maxStepsWithoutDecrease` steps was better than the best one before.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/experimental/stop_if_no_decrease_hook
 *
 * @throws {UsageError} names the option that is wrong; in training, when evaluations have no such metric
 * @example
 * const hooks = [stopIfNoDecreaseHook(estimator, 'loss', 1000, { minSteps: 500, runEverySteps: 100 })];
 */
export function stopIfNoDecreaseHook(
  estimator: Evaluated,
  metricName: string,
  maxStepsWithoutDecrease: number,
  config: EarlyStoppingHookOptions = {},
): SessionRunHook {
  return withoutChange(
    'stopIfNoDecreaseHook',
    'decrease',
    estimator,
    metricName,
    maxStepsWithoutDecrease,
    config,
  );
}

/**
 * Ends a training when a metric of its evaluations has not increased for some steps; see `stopIfNoDecreaseHook`.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/experimental/stop_if_no_increase_hook
 *
 * @throws {UsageError} names the option that is wrong; in training, when evaluations have no such metric
 * @example stopIfNoIncreaseHook(estimator, 'accuracy', 1000)
 */
export function stopIfNoIncreaseHook(
  estimator: Evaluated,
  metricName: string,
  maxStepsWithoutIncrease: number,
  config: EarlyStoppingHookOptions = {},
): SessionRunHook {
  return withoutChange(
    'stopIfNoIncreaseHook',
    'increase',
    estimator,
    metricName,
    maxStepsWithoutIncrease,
    config,
  );
}

/**
 * Ends a training when a metric of one of its evaluations is above a threshold.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/experimental/stop_if_higher_hook
 *
 * @throws {UsageError} names the option that is wrong; in training, when evaluations have no such metric
 * @example stopIfHigherHook(estimator, 'accuracy', 0.99)
 */
export function stopIfHigherHook(
  estimator: Evaluated,
  metricName: string,
  threshold: number,
  config: EarlyStoppingHookOptions = {},
): SessionRunHook {
  return beyond('stopIfHigherHook', 'increase', estimator, metricName, threshold, config);
}

/**
 * Ends a training when a metric of one of its evaluations is below a threshold.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/experimental/stop_if_lower_hook
 *
 * @throws {UsageError} names the option that is wrong; in training, when evaluations have no such metric
 * @example stopIfLowerHook(estimator, 'loss', 0.01)
 */
export function stopIfLowerHook(
  estimator: Evaluated,
  metricName: string,
  threshold: number,
  config: EarlyStoppingHookOptions = {},
): SessionRunHook {
  return beyond('stopIfLowerHook', 'decrease', estimator, metricName, threshold, config);
}

function withoutChange(
  where: string,
  direction: Direction,
  estimator: Evaluated,
  name: string,
  maxSteps: number,
  config: EarlyStoppingHookOptions,
): SessionRunHook {
  if (!Number.isInteger(maxSteps) || maxSteps < 1)
    throw new UsageError(`${where}: the number of steps must be a whole number above 0, got ${maxSteps}`);
  return onResults(where, estimator, name, config, (results) => {
    let best: readonly [step: number, value: number] | undefined;
    for (const [step, value] of results) {
      if (!best || isBetter[direction](value, best[1])) best = [step, value];
      if (step - best[0] >= maxSteps)
        return `no ${direction} of ${name} in ${step - best[0]} steps, from ${best[1]} at step ${best[0]} on`;
    }
    return undefined;
  });
}

function beyond(
  where: string,
  direction: Direction,
  estimator: Evaluated,
  name: string,
  threshold: number,
  config: EarlyStoppingHookOptions,
): SessionRunHook {
  if (!Number.isFinite(threshold))
    throw new UsageError(`${where}: the threshold must be a finite number, got ${threshold}`);
  return onResults(where, estimator, name, config, (results) => {
    const found = results.find(([, value]) => !Number.isNaN(value) && isBetter[direction](value, threshold));
    const than = direction === 'increase' ? 'higher' : 'lower';
    return found && `${name} was ${found[1]} at step ${found[0]}, ${than} than ${threshold}`;
  });
}

/** @param reason from the values of a metric, by step */
function onResults(
  where: string,
  estimator: Evaluated,
  name: string,
  config: EarlyStoppingHookOptions,
  reason: (results: readonly (readonly [step: number, value: number])[]) => Reason,
): SessionRunHook {
  const checked = resolveOptions(options, config, where);
  return new StopOnReasonHook(where, checked, async () => {
    const evalDir = checked.evalDir ?? estimator.evalDir();
    const metrics = [...(await readEvalMetrics(evalDir))].filter(([step]) => step >= checked.minSteps);
    return reason(metrics.map(([step, found]) => [step, metricIn(found, name, where, evalDir)]));
  });
}

function metricIn(found: Logs, name: string, where: string, evalDir: string): number {
  const value = found[name];
  if (value !== undefined) return value;
  throw new UsageError(
    `${where}: evaluations in ${evalDir} have no metric '${name}'; they have ${Object.keys(found).join(', ')}`,
  );
}
