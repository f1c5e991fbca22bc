/** Optimizers and learning rates: https://keras.io/api/optimizers/ */
export {
  type AdamOptions,
  type AdamWOptions,
  adam,
  adamW,
  type Optimizer,
  type OptimizerOptions,
  type SgdOptions,
  sgd,
} from '../optimizers/optimizers.ts';
export { type CosineDecayOptions, cosineDecay, type Schedule } from '../optimizers/schedules.ts';
