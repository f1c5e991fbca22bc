import { UsageError } from '../../core/errors.ts';
import { type ConfigOf, type OptionsOf, required, resolveOptions } from '../../core/options.ts';
import type { Logs } from '../trainable.ts';
import { LearnerCallback, logLearningRate } from './base.ts';
import { functionKind, speaking } from './options.ts';

/** The rate of an epoch, counted from 0, from the rate so far. */
export type EpochSchedule = (epoch: number, learningRate: number) => number | Promise<number>;

const options = {
  schedule: required(functionKind<EpochSchedule>('(epoch, learningRate) => rate')),
  ...speaking,
};

export type LearningRateSchedulerOptions = ConfigOf<typeof options>;

/**
 * Sets the learning rate at the beginning of each epoch, and logs it as `learning_rate`.
 * https://keras.io/api/callbacks/learning_rate_scheduler/
 *
 * @example new LearningRateScheduler({ schedule: (epoch, rate) => (epoch < 10 ? rate : rate * Math.exp(-0.1)) })
 */
export class LearningRateScheduler extends LearnerCallback {
  readonly #options: OptionsOf<typeof options>;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: LearningRateSchedulerOptions) {
    super();
    this.#options = resolveOptions(options, config, 'LearningRateScheduler');
  }

  /** @throws {UsageError} when `schedule` gives no rate, or the optimizer has a schedule of its own */
  async onEpochBegin(epoch: number, _logs: Logs): Promise<void> {
    const { schedule, verbose, print } = this.#options;
    const rate: unknown = await schedule(epoch, this.model.learningRate);
    if (typeof rate !== 'number' || !(rate >= 0 && rate < Number.POSITIVE_INFINITY)) {
      throw new UsageError(
        `LearningRateScheduler: schedule must give a number from 0 on, got ${String(rate)} for epoch ${epoch}`,
      );
    }
    this.model.learningRate = rate;
    if (verbose) print(`epoch ${epoch + 1}: learning rate ${rate}`);
  }

  onEpochEnd(_epoch: number, logs: Logs): void {
    logLearningRate(logs, this.model);
  }
}
