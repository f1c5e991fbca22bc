import { Model, type ModelConfig, type ModelOptions } from '../models/model.ts';

/** Models: layers between an input and an output. https://keras.io/api/models/model/ */
export {
  type CompileOptions,
  type FeatureOptions,
  type FitOptions,
  Model,
  type ModelConfig,
  type ModelOptions,
} from '../models/model.ts';
export { modelFromTopology, type Topology, toPortableOnnx, topologyOf, weightsOf } from '../models/saving.ts';
export { assignWeights, readWeights } from '../models/weight-files.ts';

/**
 * A functional model.
 *
 * @throws {UsageError} when the output depends on another input, or two layers have one name
 * @example
 * const pixels = layers.input({ shape: [28, 28, 1] });
 * const outputs = layers.dense({ units: 10, activation: 'softmax' }).apply(layers.flatten().apply(pixels));
 * const net = model({ inputs: pixels, outputs });
 */
export function model(config: ModelConfig, options?: ModelOptions): Model {
  return new Model(config, options);
}
