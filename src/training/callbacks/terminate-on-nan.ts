import { ComputeError } from '../../core/errors.ts';
import { type ConfigOf, flag, type OptionsOf, optional, resolveOptions } from '../../core/options.ts';
import type { Logs } from '../trainable.ts';
import { LearnerCallback } from './base.ts';
import { speaking } from './options.ts';

const options = {
  /** Ends with an error, which `fit` throws, and other callbacks are told no end. Default false. */
  raiseError: optional(flag, false),
  print: speaking.print,
};

export type TerminateOnNaNOptions = ConfigOf<typeof options>;

/** Ends a training when its loss is NaN or infinite. https://keras.io/api/callbacks/terminate_on_nan/ */
export class TerminateOnNaN extends LearnerCallback {
  readonly #options: OptionsOf<typeof options>;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: TerminateOnNaNOptions = {}) {
    super();
    this.#options = resolveOptions(options, config, 'TerminateOnNaN');
  }

  /** @throws {ComputeError} with `raiseError`, when the loss is no finite number */
  onTrainBatchEnd(batch: number, { loss }: Logs): void {
    if (loss === undefined || Number.isFinite(loss)) return;
    const found = `TerminateOnNaN: the loss is ${loss} at batch ${batch + 1}`;
    if (this.#options.raiseError)
      throw new ComputeError(`${found}: training has diverged; try a smaller learning rate`);
    this.#options.print(`${found}, training stops`);
    this.model.stopTraining = true;
  }
}
