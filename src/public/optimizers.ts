/** Optimizers and learning rates: https://keras.io/api/optimizers/ */
export {
  type LearningRate,
  learningRateAt,
  type Schedule,
  type ScheduleFunction,
} from '../optimizers/learning-rate.ts';
export {
  type OptimizedWeight,
  type Optimizer,
  type SharedConfig,
  type Slot,
  type Update,
  type UpdateContext,
  usesAveragesAtEnd,
} from '../optimizers/optimizer.ts';
export {
  type AdadeltaOptions,
  type AdafactorOptions,
  type AdagradOptions,
  type AdamaxOptions,
  type AdamOptions,
  type AdamWOptions,
  adadelta,
  adafactor,
  adagrad,
  adam,
  adamax,
  adamW,
  type FtrlOptions,
  ftrl,
  type LionOptions,
  lion,
  type MuonOptions,
  muon,
  type NadamOptions,
  nadam,
  type OptimizerName,
  optimizerOf,
  type RmspropOptions,
  rmsprop,
  type SgdOptions,
  sgd,
} from '../optimizers/optimizers.ts';
export { schedules } from '../optimizers/schedules.ts';
export { deserializeOptimizer, type OptimizerJson, serializeOptimizer } from '../optimizers/serializing.ts';
