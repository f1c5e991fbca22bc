import {
  type ConfigOf,
  finite,
  flag,
  type OptionsOf,
  optional,
  resolveOptions,
  wholeNumber,
} from '../../core/options.ts';
import type { Logs } from '../trainable.ts';
import { RememberingCallback } from './base.ts';
import { Monitor } from './monitor.ts';
import { anyNumber, monitoring } from './options.ts';

const options = {
  ...monitoring,
  /** A change of no more than this is no improvement. Default 0. */
  minDelta: optional(finite, 0),
  /** Epochs without improvement after which the training ends. Default 0. */
  patience: optional(wholeNumber, 0),
  /** The patience begins anew only when this is improved on too. */
  baseline: optional(finite),
  /** At the end, brings back the weights of the best epoch. Default false. */
  restoreBestWeights: optional(flag, false),
  /** Epochs before this one, counted from 0, are not looked at. Default 0. */
  startFromEpoch: optional(wholeNumber, 0),
};

const memory = {
  wait: optional(wholeNumber, 0),
  stoppedEpoch: optional(wholeNumber, 0),
  best: optional(anyNumber),
  bestEpoch: optional(wholeNumber, 0),
};

export type EarlyStoppingOptions = ConfigOf<typeof options>;

/**
 * Ends a training when a number of its logs no longer improves. https://keras.io/api/callbacks/early_stopping/
 *
 * NaN is no improvement, and any number improves on NaN.
 *
 * @example new EarlyStopping({ monitor: 'val_accuracy', patience: 3, restoreBestWeights: true })
 */
export class EarlyStopping extends RememberingCallback<typeof memory> {
  readonly #options: OptionsOf<typeof options>;
  readonly #monitor: Monitor;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: EarlyStoppingOptions = {}) {
    super('EarlyStopping', memory);
    this.#options = resolveOptions(options, config, this.where);
    this.#monitor = new Monitor(this.where, this.#options, this.#options.minDelta);
  }

  /** The best value so far. */
  get best(): number | undefined {
    return this.memory.best;
  }

  /** The epoch that had it, from 0 on. */
  get bestEpoch(): number {
    return this.memory.bestEpoch;
  }

  /** The epoch after which this callback ended the training; 0: it did not. */
  get stoppedEpoch(): number {
    return this.memory.stoppedEpoch;
  }

  protected override begin(): void {
    this.#monitor.begin();
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const { patience, baseline, restoreBestWeights, startFromEpoch } = this.#options;
    const current = this.#monitor.valueIn(logs);
    if (current === undefined || epoch < startFromEpoch) return;
    this.memory.wait++;
    if (this.#monitor.isImprovement(current, this.memory.best)) {
      this.memory.best = current;
      this.memory.bestEpoch = epoch;
      if (restoreBestWeights) this.weights = await this.currentWeights();
      if (baseline === undefined || this.#monitor.isImprovement(current, baseline)) this.memory.wait = 0;
    } else if (this.memory.wait >= patience) {
      this.memory.stoppedEpoch = epoch;
      this.model.stopTraining = true;
    }
  }

  onTrainEnd(_logs: Logs): void {
    const { stoppedEpoch, wait, best, bestEpoch } = this.memory;
    const { verbose, print, monitor } = this.#options;
    if (stoppedEpoch > 0 && verbose)
      print(`epoch ${stoppedEpoch + 1}: ${monitor} has not improved for ${wait} epochs, training stops`);
    if (!this.weights) return;
    if (verbose) print(`weights are those of epoch ${bestEpoch + 1} again, with ${monitor} ${best}`);
    this.model.setWeights(this.weights);
  }
}
