/** A training that can be left alone overnight: https://www.tensorflow.org/api_docs/python/tf/estimator */
export {
  Estimator,
  type EstimatorOptions,
  type EvalResult,
  type EvaluateOptions,
  type PredictOptions,
} from '../estimator/estimator.ts';
export type { EvaluationImages } from '../estimator/evaluation-images.ts';
export {
  BestExporter,
  type BestExporterOptions,
  type Exporter,
  type ExporterOptions,
  FinalExporter,
  LatestExporter,
} from '../estimator/exporters.ts';
export type { ExportOptions } from '../estimator/exporting.ts';
export type { InputFn } from '../estimator/input-fn.ts';
export { type ModelToEstimatorOptions, modelToEstimator } from '../estimator/model-to-estimator.ts';
export {
  OneDeviceStrategy,
  RunConfig,
  type RunConfigOptions,
  type SessionConfig,
} from '../estimator/run-config.ts';
export type { EstimatorSpec, Mode, ModelFn, ModelFnArgs } from '../estimator/spec.ts';
export { type EvalSpec, type TrainSpec, trainAndEvaluate } from '../estimator/train-and-evaluate.ts';
export type { TrainOptions } from '../estimator/training.ts';
export type { WarmStartSettings } from '../estimator/warm-start.ts';
