/** The whole library by one name; each part is also a path of its own, such as `fovea/layers`. */
export { activations } from './activations/activations.ts';
export { gradient } from './autodiff/gradient.ts';
export * as constraints from './constraints/constraints.ts';
export {
  ComputeError,
  DataError,
  FoveaError,
  ShapeError,
  SystemError,
  UsageError,
} from './core/errors.ts';
export { floats, scalar, type Tensor, tensor, zeros } from './core/tensor.ts';
export { initializers } from './initializers/initializers.ts';
export { losses } from './losses/losses.ts';
export { metrics } from './metrics/metrics.ts';
export * as applications from './public/applications.ts';
export { Dataset } from './public/data.ts';
export * as datasets from './public/datasets.ts';
export {
  Estimator,
  modelToEstimator,
  OneDeviceStrategy,
  RunConfig,
  trainAndEvaluate,
} from './public/estimator.ts';
export * as graph from './public/graph.ts';
export * as images from './public/images.ts';
export * as layers from './public/layers.ts';
export {
  cloneModel,
  Functional,
  loadModel,
  Model,
  model,
  modelFromJSON,
  Sequential,
  sequential,
} from './public/models.ts';
export * as oct from './public/oct.ts';
export * as ops from './public/ops.ts';
export * as optimizers from './public/optimizers.ts';
export { Device, Program } from './public/runtime.ts';
export * as training from './public/training.ts';
export {
  type Batch,
  type Callback,
  callbacks,
  History,
  type Logs,
  type SessionRunHook,
  TimeHistory,
} from './public/training.ts';
export * as utils from './public/utils.ts';
export * as regularizers from './regularizers/regularizers.ts';
