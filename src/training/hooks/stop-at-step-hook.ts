import { type ConfigOf, type OptionsOf, optional, resolveOptions, wholeNumber } from '../../core/options.ts';
import type { SessionRunHook, TrainingSession } from '../hook.ts';
import { checkOnlyOne } from './second-or-step-timer.ts';

const options = {
  /** Steps of each run. */
  numSteps: optional(wholeNumber),
  /** The step of the whole training after which it ends. */
  lastStep: optional(wholeNumber),
};

export type StopAtStepHookOptions = ConfigOf<typeof options>;

/**
 * Ends a training after a step. https://www.tensorflow.org/api_docs/python/tf/estimator/StopAtStepHook
 *
 * A run that begins at or beyond its last step makes none.
 *
 * @example new StopAtStepHook({ lastStep: 1000 })
 */
export class StopAtStepHook implements SessionRunHook {
  readonly #options: OptionsOf<typeof options>;
  #lastStep = Infinity;

  /** @throws {UsageError} when not exactly one option is given, or it is wrong */
  constructor(config: StopAtStepHookOptions) {
    this.#options = resolveOptions(options, config, 'StopAtStepHook');
    checkOnlyOne('StopAtStepHook', this.#options);
  }

  afterCreateSession(session: TrainingSession): void {
    const { numSteps, lastStep } = this.#options;
    this.#lastStep = lastStep ?? session.step + numSteps!;
    this.#stopAtLast(session);
  }

  afterRun(session: TrainingSession): void {
    this.#stopAtLast(session);
  }

  #stopAtLast(session: TrainingSession): void {
    if (session.step >= this.#lastStep) session.requestStop();
  }
}
