/** What training tells, and what it takes: https://keras.io/api/callbacks/ */
export type {
  Callback,
  CallbackState,
  EpochTimes,
  Learner,
  StepProgress,
  TrainingParams,
} from '../training/callback.ts';
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
export type { Batch, Examples, Fed, Logs } from '../training/trainable.ts';
