import type { Logs } from './trainable.ts';

/** What a training tells while it runs, by Keras' names: https://keras.io/api/callbacks/base_callback/ */
export interface Callback {
  onTrainBegin?(): void | Promise<void>;
  /** Epochs count from 1. */
  onEpochBegin?(epoch: number): void | Promise<void>;
  /** After a step: the means of the epoch so far. */
  onTrainBatchEnd?(progress: StepProgress, logs: Logs): void | Promise<void>;
  onEpochEnd?(epoch: number, logs: Logs): void | Promise<void>;
  onTrainEnd?(): void | Promise<void>;
}

export interface StepProgress {
  readonly epoch: number;
  /** Steps of the whole training so far. */
  readonly step: number;
  /** Examples of this epoch so far. */
  readonly examples: number;
}

/** What a training was like, epoch by epoch. https://keras.io/api/callbacks/history/ */
export class History implements Callback {
  readonly epochs: Logs[] = [];
  /** Whether it was ended by a signal before its last epoch. */
  interrupted = false;

  onEpochEnd(_epoch: number, logs: Logs): void {
    this.epochs.push(logs);
  }
}
