import { UsageError } from '../../core/errors.ts';
import { makeParentFolder } from '../../core/files.ts';
import {
  type ConfigOf,
  count,
  either,
  finite,
  flag,
  type OptionsOf,
  oneOf,
  optional,
  required,
  resolveOptions,
  text,
  wholeNumber,
} from '../../core/options.ts';
import type { StepProgress } from '../callback.ts';
import type { Logs } from '../trainable.ts';
import { RememberingCallback } from './base.ts';
import { type FilePath, parseFilePath } from './file-path.ts';
import { Monitor } from './monitor.ts';
import { anyNumber, monitoring } from './options.ts';

const options = {
  /**
   * A folder for the model, or a file `….safetensors` for its weights. `{epoch:02d}` and `{val_loss:.2f}` stand for
   * numbers, in the formats of Python (d, f, e, %): the epoch and, with `saveFreq` in batches, `{batch}`, both counted
   * from 1, and what the logs have.
   */
  filepath: required(text),
  ...monitoring,
  /** Saves only when what is monitored has improved. Default false. */
  saveBestOnly: optional(flag, false),
  /** Saves weights alone. Default false. */
  saveWeightsOnly: optional(flag, false),
  /** `epoch`: after each epoch; a number: after so many batches. Default `epoch`. */
  saveFreq: optional(either(count, oneOf(['epoch'])), 'epoch'),
  /** With `saveBestOnly`, what is to be improved on first. */
  initialValueThreshold: optional(finite),
};

const memory = { best: optional(anyNumber), batches: optional(wholeNumber, 0) };

export type ModelCheckpointOptions = ConfigOf<typeof options>;

/**
 * Saves the model, or its weights, while it is trained. What is there already is replaced.
 * https://keras.io/api/callbacks/model_checkpoint/
 *
 * With `saveBestOnly`, what was best in one training is to be improved on in the next; where the logs lack what is
 * monitored, everything is saved. Any number improves on NaN.
 *
 * @example new ModelCheckpoint({ filepath: 'runs/{epoch:02d}-{val_loss:.2f}', saveBestOnly: true })
 */
export class ModelCheckpoint extends RememberingCallback<typeof memory> {
  readonly #options: OptionsOf<typeof options>;
  readonly #filepath: FilePath;
  readonly #monitor: Monitor | undefined;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: ModelCheckpointOptions) {
    super('ModelCheckpoint', memory);
    this.#options = resolveOptions(options, config, this.where);
    const { filepath, saveWeightsOnly, saveBestOnly, initialValueThreshold } = this.#options;
    checkEnding(filepath, saveWeightsOnly);
    this.#filepath = parseFilePath(filepath, this.where);
    this.#monitor = saveBestOnly ? new Monitor(this.where, this.#options) : undefined;
    this.memory.best = initialValueThreshold;
  }

  /** The best value so far, with `saveBestOnly`. */
  get best(): number | undefined {
    return this.memory.best;
  }

  /** Forgets nothing, as in Keras: a training that goes on replaces the best model by a better one alone. */
  override async onTrainBegin(_logs: Logs): Promise<void> {
    this.#monitor?.begin();
  }

  async onTrainBatchEnd(batch: number, logs: Logs, { epoch }: StepProgress): Promise<void> {
    const { saveFreq } = this.#options;
    if (saveFreq === 'epoch' || ++this.memory.batches < saveFreq) return;
    this.memory.batches = 0;
    await this.#save(epoch, logs, { batch: batch + 1 });
  }

  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    if (this.#options.saveFreq === 'epoch') await this.#save(epoch, logs, {});
  }

  async #save(epoch: number, logs: Logs, counts: { readonly batch?: number }): Promise<void> {
    const path = this.#filepath.fill({ epoch: epoch + 1, ...counts, ...logs });
    const { verbose, print, saveWeightsOnly, monitor } = this.#options;
    const current = this.#monitor?.valueIn(logs);
    if (current !== undefined) {
      const { best } = this.memory;
      if (!this.#monitor!.isImprovement(current, best)) {
        if (verbose) print(`epoch ${epoch + 1}: ${monitor} ${current} is no better than ${best}`);
        return;
      }
      this.memory.best = current;
    }
    await makeParentFolder(path);
    await this.model.syncWeights();
    if (saveWeightsOnly) await this.model.saveWeights(path);
    else await this.model.save(path, { overwrite: true });
    const why = current === undefined ? '' : `, with ${monitor} ${current}`;
    if (verbose) print(`epoch ${epoch + 1}: saved ${path}${why}`);
  }
}

function checkEnding(filepath: string, saveWeightsOnly: boolean): void {
  if (saveWeightsOnly && !filepath.endsWith('.safetensors'))
    throw new UsageError(
      `ModelCheckpoint: with saveWeightsOnly, filepath must end in .safetensors, got '${filepath}'`,
    );
  if (!saveWeightsOnly && /\.(safetensors|keras|h5)$/.test(filepath)) {
    throw new UsageError(
      `ModelCheckpoint: filepath must be a folder's, which a model is saved as, got '${filepath}'; leave out its ending, or pass saveWeightsOnly for a .safetensors file`,
    );
  }
}
