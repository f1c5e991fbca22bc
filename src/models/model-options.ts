import { type ConfigOf, count, optional, wholeNumber } from '../core/options.ts';
import type { Dataset } from '../data/dataset.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { LossName } from '../losses/losses.ts';
import type { MetricName } from '../metrics/metrics.ts';
import type { Optimizer } from '../optimizers/optimizers.ts';
import type { Callback } from '../training/callbacks.ts';
import type { Batch } from '../training/trainable.ts';

export const modelOptions = {
  /** Threads that compute. Default: one for each core. */
  threads: optional(count),
  /** Bytes of frozen layers' outputs that are kept in memory. Default 1 GiB. */
  featureLimit: optional(wholeNumber, 2 ** 30),
};

export type ModelOptions = ConfigOf<typeof modelOptions>;

export interface CompileOptions {
  readonly optimizer: Optimizer;
  readonly loss: LossName;
  /** Default none. */
  readonly metrics?: readonly MetricName[];
  /** Of every random number: initial weights, dropout. Default 0. */
  readonly seed?: number;
  /** Goes on from what the optimizer has kept, such as a loaded model's state, instead of starting anew. Default false. */
  readonly resume?: boolean;
}

export interface FitOptions {
  /** Default 1. */
  readonly epochs?: number;
  /** Tested on after each epoch: `val_loss`, `val_accuracy`. */
  readonly validationData?: Dataset<Batch>;
  /** A factor of the loss for each class, by its index. */
  readonly classWeight?: ArrayLike<number>;
  readonly callbacks?: readonly Callback[];
  /** Ends the training after the step that is running; what is learned is kept. */
  readonly signal?: AbortSignal;
}

export interface FeatureOptions {
  /** Other tensors of this model to compute in the same pass and keep for later. */
  readonly keep?: readonly SymbolicTensor[];
  /** Called after each batch with the examples so far. */
  readonly onProgress?: (examples: number) => void;
  readonly signal?: AbortSignal;
}

/** The options of each call, to refuse others. */
export const optionNames = {
  compile: ['optimizer', 'loss', 'metrics', 'seed', 'resume'],
  fit: ['epochs', 'validationData', 'classWeight', 'callbacks', 'signal'],
};
