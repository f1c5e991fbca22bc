import { UsageError } from '../../core/errors.ts';
import {
  type ConfigOf,
  count,
  flag,
  listOf,
  type OptionsOf,
  optional,
  real,
  resolveOptions,
  wholeNumber,
} from '../../core/options.ts';
import type { StepProgress } from '../callback.ts';
import type { Logs } from '../trainable.ts';
import { RememberingCallback } from './base.ts';
import { anyNumber, speaking } from './options.ts';

const rate = real({ above: 0 });

const options = {
  /** The rate of the first step. Default 1e-6. */
  from: optional(rate, 1e-6),
  /** The rate of the last step. Default 10. */
  to: optional(rate, 10),
  /** From 2 on. Default 100. */
  steps: optional(count, 100),
  /** What is kept of the mean loss at each step, from 0 to below 1. Default 0.9. */
  smoothing: optional(real({ from: 0, below: 1 }), 0.9),
  /** At the end, brings back the weights and the rate of the beginning. Default true. */
  restoreWeights: optional(flag, true),
  ...speaking,
};

const memory = {
  /** Smoothed, of each step. */
  losses: optional(listOf(anyNumber), []),
  /** The running mean, which begins at 0. */
  mean: optional(anyNumber, 0),
  lowest: optional(anyNumber, Number.POSITIVE_INFINITY),
  /** Of the epoch so far. */
  examples: optional(wholeNumber, 0),
  lossSum: optional(anyNumber, 0),
  rateBefore: optional(anyNumber),
};

export type LearningRateFinderOptions = ConfigOf<typeof options>;

/** The smoothed loss after a step at a learning rate. */
export interface RatePoint {
  readonly learningRate: number;
  readonly loss: number;
}

/**
 * Finds a learning rate: it grows by the same factor from step to step, until the steps are done or the smoothed loss
 * has gone up to four times its lowest value, and then the training stops. After L. N. Smith, Cyclical learning rates
 * for training neural networks, WACV 2017, https://arxiv.org/abs/1506.01186, where the rate grows linearly.
 *
 * Give `fit` epochs enough for the steps. What the optimizer keeps beside the weights, such as momentum, is not
 * brought back: call `compile` before the training itself.
 *
 * @example
 * const finder = new LearningRateFinder({ from: 1e-5, to: 1 });
 * await model.fit(data, { epochs: 10, callbacks: [finder] });
 * model.compile({ optimizer: optimizers.adam({ learningRate: finder.suggestion ?? 1e-3 }), loss: 'mse' });
 */
export class LearningRateFinder extends RememberingCallback<typeof memory> {
  readonly #options: OptionsOf<typeof options>;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: LearningRateFinderOptions = {}) {
    super('LearningRateFinder', memory);
    this.#options = resolveOptions(options, config, this.where);
    const { from, to, steps } = this.#options;
    if (to <= from) throw new UsageError(`${this.where}: to must be above from, ${from}, got ${to}`);
    if (steps < 2) throw new UsageError(`${this.where}: steps must be from 2 on, got ${steps}`);
  }

  get curve(): readonly RatePoint[] {
    return this.memory.losses.map((loss, step) => ({ learningRate: this.#rateAt(step), loss }));
  }

  /**
   * The rate at which the loss falls fastest against the rate's logarithm, before its lowest value; undefined when it
   * has never fallen.
   */
  get suggestion(): number | undefined {
    const { losses, lowest } = this.memory;
    const reach = Math.max(1, Math.round(this.#options.steps / 20));
    const step = steepestDescent(losses.slice(0, losses.indexOf(lowest) + 1), reach);
    return step === undefined ? undefined : this.#rateAt(step);
  }

  protected override async begin(): Promise<void> {
    this.memory.rateBefore = this.model.learningRate;
    if (this.#options.restoreWeights) this.weights = await this.currentWeights();
  }

  override onEpochBegin(epoch: number, logs: Logs): void {
    super.onEpochBegin(epoch, logs);
    this.memory.examples = 0;
    this.memory.lossSum = 0;
  }

  /** @throws {UsageError} when the optimizer has a schedule */
  onTrainBatchBegin(_batch: number, _logs: Logs): void {
    this.model.learningRate = this.#rateAt(this.memory.losses.length);
  }

  onTrainBatchEnd(_batch: number, { loss }: Logs, { examples }: StepProgress): void {
    const { steps, smoothing } = this.#options;
    const { memory } = this;
    if (loss === undefined || memory.losses.length >= steps) return;
    // The logs have the mean of the epoch so far.
    const own = (loss * examples - memory.lossSum) / (examples - memory.examples);
    memory.examples = examples;
    memory.lossSum = loss * examples;
    if (Number.isFinite(own)) {
      memory.mean = smoothing * memory.mean + (1 - smoothing) * own;
      // What the zero at the beginning took away.
      const smoothed = memory.mean / (1 - smoothing ** (memory.losses.length + 1));
      memory.losses = [...memory.losses, smoothed];
      memory.lowest = Math.min(memory.lowest, smoothed);
      // A loss below zero counts by its size.
      if (smoothed - memory.lowest > 3 * Math.abs(memory.lowest)) this.model.stopTraining = true;
    } else this.model.stopTraining = true;
    if (memory.losses.length >= steps) this.model.stopTraining = true;
  }

  onTrainEnd(_logs: Logs): void {
    const { steps, verbose, print } = this.#options;
    const { losses, rateBefore } = this.memory;
    if (!this.model.stopTraining && losses.length < steps)
      print(
        `${this.where}: the training ended after ${losses.length} of ${steps} steps: give it more epochs`,
      );
    if (verbose) print(`${this.where}: ${losses.length} steps, suggested rate ${this.suggestion ?? 'none'}`);
    if (!this.weights) return;
    this.model.setWeights(this.weights);
    this.model.learningRate = rateBefore!;
  }

  #rateAt(step: number): number {
    const { from, to, steps } = this.#options;
    return from * (to / from) ** (step / (steps - 1));
  }
}

/**
 * @param reach steps to either side that a slope is taken over
 * @returns the step with the steepest slope down
 */
function steepestDescent(losses: readonly number[], reach: number): number | undefined {
  // What falls by less than a millionth of the loss is rounding.
  let [found, steepest]: [number | undefined, number] = [undefined, -1e-6 * Math.abs(losses[0] ?? 0)];
  for (const step of losses.keys()) {
    const [before, after] = [Math.max(0, step - reach), Math.min(losses.length - 1, step + reach)];
    const slope = (losses[after]! - losses[before]!) / (after - before);
    if (slope < steepest) [found, steepest] = [step, slope];
  }
  return found;
}
