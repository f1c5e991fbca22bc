import type { Tensor } from '../core/tensor.ts';
import type { Keeper } from './keeper.ts';
import type { Logs } from './trainable.ts';

/** What callbacks see of the model that is trained. */
export interface Learner {
  readonly name: string;
  /** Ends the training after the step or epoch that is running. */
  stopTraining: boolean;
  /**
   * The optimizer's rate at the next step.
   *
   * @throws {UsageError} when it is set and the optimizer has a schedule
   */
  learningRate: number;
  /** Brings the weights to the layers, where `getWeights` and saving find them: while training, the device has them. */
  syncWeights(): Promise<void>;
  getWeights(): Tensor[];
  /** The next step begins with these. */
  setWeights(values: readonly Tensor[]): void;
  save(path: string, options?: { readonly overwrite?: boolean }): Promise<void>;
  saveWeights(path: string): Promise<void>;
}

/** How far a training is. */
export interface StepProgress {
  /** From 0 on. */
  readonly epoch: number;
  /** Steps of the whole training so far. */
  readonly step: number;
  /** Examples of this epoch so far. */
  readonly examples: number;
}

/** Where the time of an epoch went, in seconds. */
export interface EpochTimes {
  /** Until the next batch was ready: read, and through the frozen layers where they are not kept. */
  readonly waiting: number;
  /** Steps. */
  readonly computing: number;
  /** All else: validation, callbacks. */
  readonly other: number;
}

/** What is known of a training before it begins. */
export interface TrainingParams {
  readonly epochs: number;
  /** Steps of an epoch, where that is known. */
  readonly steps: number | undefined;
}

/** What a callback goes on from: plain JSON, and tensors by name. */
export interface CallbackState {
  readonly values: Readonly<Record<string, unknown>>;
  readonly tensors?: Readonly<Record<string, Tensor>>;
}

type Told = void | Promise<void>;

/**
 * What a training tells while it runs, by Keras' names: https://keras.io/api/callbacks/base_callback/
 *
 * Epochs and batches count from 0. The training waits for what a callback promises.
 */
export interface Callback {
  /** Comes first. */
  setModel?(model: Learner): void;
  setParams?(params: TrainingParams): void;
  onTrainBegin?(logs: Logs): Told;
  /** With the logs of the last epoch. */
  onTrainEnd?(logs: Logs): Told;
  onEpochBegin?(epoch: number, logs: Logs): Told;
  /** With the epoch's means, `val_…` of validation data, and where the time went. */
  onEpochEnd?(epoch: number, logs: Logs, times: EpochTimes): Told;
  onTrainBatchBegin?(batch: number, logs: Logs): Told;
  /** After a step: the means of the epoch so far. */
  onTrainBatchEnd?(batch: number, logs: Logs, progress: StepProgress): Told;
  onTestBegin?(logs: Logs): Told;
  onTestEnd?(logs: Logs): Told;
  onTestBatchBegin?(batch: number, logs: Logs): Told;
  onTestBatchEnd?(batch: number, logs: Logs): Told;
  onPredictBegin?(logs: Logs): Told;
  onPredictEnd?(logs: Logs): Told;
  onPredictBatchBegin?(batch: number, logs: Logs): Told;
  onPredictBatchEnd?(batch: number, logs: Logs): Told;
  /** Saves the training while it runs, and takes up an earlier one. One callback at most may have it. */
  readonly keeper?: Keeper;
  /** For checkpoints: what the callback has seen so far. */
  getState?(): CallbackState;
  setState?(state: CallbackState): void;
}
