import { UsageError } from '../../core/errors.ts';
import { type ConfigOf, flag, type OptionsOf, optional, resolveOptions, text } from '../../core/options.ts';
import { speaking } from '../callbacks/options.ts';
import type { RunValues, SessionRunHook, TrainingSession } from '../hook.ts';
import { DivergedError } from '../loop.ts';

const options = {
  /** The name in the logs. Default `loss`. */
  lossTensor: optional(text, 'loss'),
  /** Ends the training with an error; otherwise after the step, with a line. Default true. */
  failOnNanLoss: optional(flag, true),
  /** Takes the line. Default: to standard error. */
  log: speaking.print,
};

export type NanTensorHookOptions = ConfigOf<typeof options>;

/**
 * Ends a training when its loss is no longer a finite number.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/NanTensorHook
 *
 * Without it, a training ends so with an error too; with `failOnNanLoss: false`, it ends as one that was stopped.
 *
 * @example new NanTensorHook({ failOnNanLoss: false })
 */
export class NanTensorHook implements SessionRunHook {
  readonly #options: OptionsOf<typeof options>;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: NanTensorHookOptions = {}) {
    this.#options = resolveOptions(options, config, 'NanTensorHook');
  }

  /** @throws {DivergedError} when the loss is not finite, unless `failOnNanLoss` is false */
  afterRun(session: TrainingSession, { logs }: RunValues): void {
    const { lossTensor, failOnNanLoss, log } = this.#options;
    const loss = logs[lossTensor];
    if (loss === undefined) {
      throw new UsageError(
        `NanTensorHook: the logs have no number '${lossTensor}'; they have ${Object.keys(logs).join(', ')}`,
      );
    }
    if (Number.isFinite(loss)) return;
    const found = `NanTensorHook: ${lossTensor} is ${loss} at step ${session.step}`;
    if (failOnNanLoss)
      throw new DivergedError(`${found}: training has diverged; try a smaller learning rate`);
    log(`${found}, training stops`);
    session.requestStop();
  }
}
