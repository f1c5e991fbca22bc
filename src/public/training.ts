/** What training tells, and what it takes: https://keras.io/api/callbacks/ */
export type {
  Callback,
  CallbackState,
  EpochTimes,
  Learner,
  StepProgress,
  TrainingParams,
} from '../training/callback.ts';
export { BackupAndRestore, type BackupAndRestoreOptions } from '../training/callbacks/backup-and-restore.ts';
export { CSVLogger, type CSVLoggerOptions } from '../training/callbacks/csv-logger.ts';
export { EarlyStopping, type EarlyStoppingOptions } from '../training/callbacks/early-stopping.ts';
export { History } from '../training/callbacks/history.ts';
export { LambdaCallback, type LambdaCallbackOptions } from '../training/callbacks/lambda-callback.ts';
export {
  LearningRateFinder,
  type LearningRateFinderOptions,
} from '../training/callbacks/learning-rate-finder.ts';
export {
  LearningRateScheduler,
  type LearningRateSchedulerOptions,
} from '../training/callbacks/learning-rate-scheduler.ts';
export { ModelCheckpoint, type ModelCheckpointOptions } from '../training/callbacks/model-checkpoint.ts';
export { ProgbarLogger, type ProgbarLoggerOptions } from '../training/callbacks/progbar-logger.ts';
export {
  ReduceLROnPlateau,
  type ReduceLROnPlateauOptions,
} from '../training/callbacks/reduce-lr-on-plateau.ts';
export { callbacks } from '../training/callbacks/table.ts';
export { TerminateOnNaN, type TerminateOnNaNOptions } from '../training/callbacks/terminate-on-nan.ts';
export { type Checkpoint, readCheckpoint } from '../training/checkpoints/checkpoint-file.ts';
export type { CheckpointSaverListener } from '../training/checkpoints/checkpoint-keeper.ts';
export {
  type CheckpointEntry,
  CheckpointStore,
  type CheckpointStoreOptions,
} from '../training/checkpoints/checkpoint-store.ts';
export type { GraphBuilder, RunValues, SessionRunHook, TrainingSession } from '../training/hook.ts';
export {
  type EarlyStoppingHookOptions,
  type Evaluated,
  type MakeEarlyStoppingHookOptions,
  makeEarlyStoppingHook,
  stopIfHigherHook,
  stopIfLowerHook,
  stopIfNoDecreaseHook,
  stopIfNoIncreaseHook,
} from '../training/hooks/early-stopping.ts';
export { readEvalMetrics } from '../training/hooks/eval-metrics.ts';
export {
  type LoggedValues,
  LoggingTensorHook,
  type LoggingTensorHookOptions,
} from '../training/hooks/logging-tensor-hook.ts';
export { NanTensorHook, type NanTensorHookOptions } from '../training/hooks/nan-tensor-hook.ts';
export { ProfilerHook, type ProfilerHookOptions } from '../training/hooks/profiler-hook.ts';
export {
  type Elapsed,
  SecondOrStepTimer,
  type SecondOrStepTimerOptions,
} from '../training/hooks/second-or-step-timer.ts';
export { StepCounterHook, type StepCounterHookOptions } from '../training/hooks/step-counter-hook.ts';
export { StopAtStepHook, type StopAtStepHookOptions } from '../training/hooks/stop-at-step-hook.ts';
export { SummarySaverHook, type SummarySaverHookOptions } from '../training/hooks/summary-saver-hook.ts';
export { TimeHistory } from '../training/hooks/time-history.ts';
export {
  type ConfusionMatrix,
  confusionImage,
  confusionTable,
} from '../training/summaries/confusion-image.ts';
export { readScalars, type ScalarSummary } from '../training/summaries/event-folder.ts';
export { SummaryWriter, type SummaryWriterOptions } from '../training/summaries/summary-writer.ts';
export type { Batch, Examples, Fed, Logs } from '../training/trainable.ts';
