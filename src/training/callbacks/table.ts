import { BackupAndRestore, type BackupAndRestoreOptions } from './backup-and-restore.ts';
import { CSVLogger, type CSVLoggerOptions } from './csv-logger.ts';
import { EarlyStopping, type EarlyStoppingOptions } from './early-stopping.ts';
import { LambdaCallback, type LambdaCallbackOptions } from './lambda-callback.ts';
import { LearningRateFinder, type LearningRateFinderOptions } from './learning-rate-finder.ts';
import { LearningRateScheduler, type LearningRateSchedulerOptions } from './learning-rate-scheduler.ts';
import { ModelCheckpoint, type ModelCheckpointOptions } from './model-checkpoint.ts';
import { ProgbarLogger, type ProgbarLoggerOptions } from './progbar-logger.ts';
import { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './reduce-lr-on-plateau.ts';
import { TerminateOnNaN, type TerminateOnNaNOptions } from './terminate-on-nan.ts';

/**
 * Callbacks by function, https://keras.io/api/callbacks/
 *
 * @example model.fit(data, { epochs: 50, callbacks: [callbacks.earlyStopping({ patience: 3 })] })
 */
export const callbacks = {
  backupAndRestore: (options: BackupAndRestoreOptions) => new BackupAndRestore(options),
  csvLogger: (options: CSVLoggerOptions) => new CSVLogger(options),
  earlyStopping: (options?: EarlyStoppingOptions) => new EarlyStopping(options),
  lambdaCallback: (functions: LambdaCallbackOptions) => new LambdaCallback(functions),
  learningRateFinder: (options?: LearningRateFinderOptions) => new LearningRateFinder(options),
  learningRateScheduler: (options: LearningRateSchedulerOptions) => new LearningRateScheduler(options),
  modelCheckpoint: (options: ModelCheckpointOptions) => new ModelCheckpoint(options),
  progbarLogger: (options?: ProgbarLoggerOptions) => new ProgbarLogger(options),
  reduceLROnPlateau: (options?: ReduceLROnPlateauOptions) => new ReduceLROnPlateau(options),
  terminateOnNaN: (options?: TerminateOnNaNOptions) => new TerminateOnNaN(options),
};
