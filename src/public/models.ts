/** Models: layers that are trained together. https://keras.io/api/models/ */

export { type CloneOptions, cloneModel, sameLayer } from '../models/clone.ts';
export type { BatchElement, ExamplesElement } from '../models/elements.ts';
export {
  type DeserializeOptions,
  deserializeLayer,
  type FromJsonOptions,
  modelFromJSON,
} from '../models/from-keras.ts';
export { Functional, type FunctionalConfig, model } from '../models/functional.ts';
export { type LoadModelOptions, loadModel } from '../models/loading.ts';
export { type MermaidOptions, toMermaid } from '../models/mermaid.ts';
export { Model } from '../models/model.ts';
export type {
  CompileOptions,
  EvaluateArraysOptions,
  EvaluateOptions,
  FeatureOptions,
  FitArraysOptions,
  FitOptions,
  ModelOptions,
  OnBatchOptions,
  PredictOptions,
} from '../models/model-options.ts';
export { type PortableOptions, toPortableOnnx } from '../models/portable.ts';
export type { SaveOptions } from '../models/saving.ts';
export { Sequential, type SequentialConfig, sequential } from '../models/sequential.ts';
export type { OptimizerState } from '../models/session.ts';
export type { SummaryOptions } from '../models/summary.ts';
export { type KerasObject, serializeLayer } from '../models/to-keras.ts';
export { assignWeights, type LoadWeightsOptions, readWeights, weightsOf } from '../models/weight-files.ts';
