import {
  type ConfigOf,
  finite,
  type OptionsOf,
  optional,
  real,
  resolveOptions,
  wholeNumber,
} from '../../core/options.ts';
import type { Logs } from '../trainable.ts';
import { logLearningRate, RememberingCallback } from './base.ts';
import { Monitor } from './monitor.ts';
import { anyNumber, monitoring } from './options.ts';

const options = {
  ...monitoring,
  /** What the rate is multiplied by. Default 0.1. */
  factor: optional(real({ from: 0, below: 1 }), 0.1),
  /** Epochs without improvement after which the rate is reduced. Default 10. */
  patience: optional(wholeNumber, 10),
  /** A change of no more than this is no improvement. Default 0.0001. */
  minDelta: optional(finite, 1e-4),
  /** Epochs after a reduction that do not count for the patience. Default 0. */
  cooldown: optional(wholeNumber, 0),
  /** The rate goes no lower. Default 0. */
  minLr: optional(real({ from: 0 }), 0),
};

const memory = {
  wait: optional(wholeNumber, 0),
  cooldown: optional(wholeNumber, 0),
  best: optional(anyNumber),
};

export type ReduceLROnPlateauOptions = ConfigOf<typeof options>;

/**
 * Reduces the learning rate when a number of the logs no longer improves, and logs it as `learning_rate`.
 * https://keras.io/api/callbacks/reduce_lr_on_plateau/
 *
 * @example new ReduceLROnPlateau({ factor: 0.5, patience: 2, minLr: 1e-5 })
 */
export class ReduceLROnPlateau extends RememberingCallback<typeof memory> {
  readonly #options: OptionsOf<typeof options>;
  readonly #monitor: Monitor;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: ReduceLROnPlateauOptions = {}) {
    super('ReduceLROnPlateau', memory);
    this.#options = resolveOptions(options, config, this.where);
    this.#monitor = new Monitor(this.where, this.#options, this.#options.minDelta);
  }

  protected override begin(): void {
    this.#monitor.begin();
    // An optimizer with a schedule refuses a rate: now, and not after the patience.
    const { learningRate } = this.model;
    this.model.learningRate = learningRate;
  }

  onEpochEnd(epoch: number, logs: Logs): void {
    logLearningRate(logs, this.model);
    const current = this.#monitor.valueIn(logs);
    if (current === undefined) return;
    const { memory } = this;
    if (memory.cooldown > 0) {
      memory.cooldown--;
      memory.wait = 0;
    }
    if (this.#monitor.isImprovement(current, memory.best)) {
      memory.best = current;
      memory.wait = 0;
    } else if (memory.cooldown === 0) {
      memory.wait++;
      if (memory.wait >= this.#options.patience) this.#reduce(epoch);
    }
  }

  #reduce(epoch: number): void {
    const { factor, minLr, cooldown, verbose, print } = this.#options;
    const before = this.model.learningRate;
    if (before <= minLr) return;
    this.model.learningRate = Math.max(before * factor, minLr);
    if (verbose)
      print(`epoch ${epoch + 1}: learning rate reduced from ${before} to ${this.model.learningRate}`);
    this.memory.cooldown = cooldown;
    this.memory.wait = 0;
  }
}
