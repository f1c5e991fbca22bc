import {
  type ConfigOf,
  count,
  type OptionsOf,
  optional,
  real,
  resolveOptions,
  text,
} from '../../core/options.ts';
import { speaking } from '../callbacks/options.ts';
import type { RunValues, TrainingSession } from '../hook.ts';
import { type SecondOrStepTimer, timerFor } from './second-or-step-timer.ts';
import { WritingHook } from './writing-hook.ts';

const options = {
  /** Default 100, where `everyNSecs` is not given. */
  everyNSteps: optional(count),
  everyNSecs: optional(real({ above: 0 })),
  /** The folder of the events. Default: none are written. */
  outputDir: optional(text),
  /** Takes a line each time. Default: to standard error. */
  log: speaking.print,
};

export type StepCounterHookOptions = ConfigOf<typeof options>;

/**
 * Measures how fast a training runs: the scalars `global_step/sec`, `examples/sec` and `time/waiting`, the seconds that
 * steps waited for their data since the last time. https://www.tensorflow.org/api_docs/python/tf/estimator/StepCounterHook
 *
 * All that is done between steps counts, as checkpoints and validation. With `everyNSteps`, see `SecondOrStepTimer`.
 *
 * @example new StepCounterHook({ everyNSteps: 50, outputDir: 'runs/oct' })
 */
export class StepCounterHook extends WritingHook {
  readonly #options: OptionsOf<typeof options>;
  readonly #timer: SecondOrStepTimer;
  #examples = 0;
  #waited = 0;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: StepCounterHookOptions = {}) {
    const checked = resolveOptions(options, config, 'StepCounterHook');
    super(checked.outputDir);
    this.#options = checked;
    const { everyNSteps, everyNSecs } = checked;
    this.#timer = timerFor('StepCounterHook', { everyNSteps, everyNSecs }, { everyNSteps: 100 });
  }

  override async afterCreateSession(session: TrainingSession): Promise<void> {
    await super.afterCreateSession(session);
    this.#examples = 0;
    this.#waited = 0;
    this.#timer.reset(session.step);
  }

  afterRun({ step }: TrainingSession, { examples, waited }: RunValues): void {
    this.#examples += examples;
    this.#waited += waited / 1000;
    if (!this.#timer.shouldTriggerForStep(step)) return;
    const { steps, seconds } = this.#timer.updateLastTriggeredStep(step);
    const rates = {
      'global_step/sec': steps / seconds,
      'examples/sec': this.#examples / seconds,
      'time/waiting': this.#waited,
    };
    this.writer?.scalars(step, rates);
    const [perSec, imagesPerSec, waiting] = Object.values(rates).map((rate) => rate.toPrecision(4));
    this.#options.log(
      `step ${step}: global_step/sec: ${perSec}, images/sec: ${imagesPerSec}, ${waiting} s waiting for data`,
    );
    this.#examples = 0;
    this.#waited = 0;
  }
}
