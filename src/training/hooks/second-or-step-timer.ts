import { UsageError } from '../../core/errors.ts';
import { count, optional, real, resolveOptions } from '../../core/options.ts';

const options = { everyNSteps: optional(count), everyNSecs: optional(real({ above: 0 })) };

export interface SecondOrStepTimerOptions {
  readonly everyNSteps?: number | undefined;
  readonly everyNSecs?: number | undefined;
}

/** What passed between two times of a timer. */
export interface Elapsed {
  readonly steps: number;
  readonly seconds: number;
}

/**
 * Says when something is due that is done every so many steps, or seconds; one of them is given.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/SecondOrStepTimer
 *
 * Every so many steps means: at steps that are a multiple of it, where TensorFlow counts from the first step of a run
 * on. So a training that was killed and is taken up again does it at the same steps as one that was not. Seconds count
 * from the beginning of a run.
 *
 * @example
 * const timer = new SecondOrStepTimer({ everyNSteps: 100 });
 * if (timer.shouldTriggerForStep(step)) timer.updateLastTriggeredStep(step);
 */
export class SecondOrStepTimer {
  readonly #everyNSteps: number | undefined;
  readonly #everyNSecs: number | undefined;
  #lastStep = 0;
  #lastTime = performance.now();

  /** @throws {UsageError} when not exactly one is given, or it is no such number */
  constructor(config: SecondOrStepTimerOptions) {
    const { everyNSteps, everyNSecs } = resolveOptions(options, config, 'SecondOrStepTimer');
    checkOnlyOne('SecondOrStepTimer', { everyNSteps, everyNSecs });
    this.#everyNSteps = everyNSteps;
    this.#everyNSecs = everyNSecs;
  }

  /** A run begins, after so many steps. */
  reset(step = 0): void {
    this.#lastStep = step;
    this.#lastTime = performance.now();
  }

  /** The step at which it was done last, or the run began. */
  get lastTriggeredStep(): number {
    return this.#lastStep;
  }

  /** Whether it is due at this step; never twice at one, nor before the first step of a run. */
  shouldTriggerForStep(step: number): boolean {
    if (step === this.#lastStep) return false;
    if (this.#everyNSteps !== undefined) return step % this.#everyNSteps === 0;
    return performance.now() - this.#lastTime >= this.#everyNSecs! * 1000;
  }

  /** It is done. */
  updateLastTriggeredStep(step: number): Elapsed {
    const now = performance.now();
    const elapsed = { steps: step - this.#lastStep, seconds: (now - this.#lastTime) / 1000 };
    this.#lastStep = step;
    this.#lastTime = now;
    return elapsed;
  }
}

/**
 * @param given two options by their names
 * @throws {UsageError} when not exactly one of them is given
 */
export function checkOnlyOne(where: string, given: Readonly<Record<string, unknown>>): void {
  const values = Object.values(given).filter((value) => value !== undefined);
  if (values.length === 1) return;
  const came = values.length === 0 ? 'none' : 'both';
  throw new UsageError(`${where}: pass exactly one of ${Object.keys(given).join(' and ')}, got ${came}`);
}

/**
 * The timer of a hook.
 *
 * @param given its options for steps and for seconds, in this order, by their names
 * @param otherwise what is meant where neither is given
 * @throws {UsageError} when both are given, or none and there is nothing that is meant then
 */
export function timerFor(
  where: string,
  given: Readonly<Record<string, number | undefined>>,
  otherwise?: SecondOrStepTimerOptions,
): SecondOrStepTimer {
  const [everyNSteps, everyNSecs] = Object.values(given);
  if (otherwise && everyNSteps === undefined && everyNSecs === undefined)
    return new SecondOrStepTimer(otherwise);
  checkOnlyOne(where, given);
  return new SecondOrStepTimer({ everyNSteps, everyNSecs });
}
