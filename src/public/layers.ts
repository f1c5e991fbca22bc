/** Layers by function (`dense({ units: 4 })`), and what a layer of one's own is made of: https://keras.io/api/layers/ */
export type { Activation } from '../activations/activations.ts';
export type {
  Conv2D,
  Conv2DConfig,
  Padding,
  Pooling2DConfig,
} from '../layers/convolutional.ts';
export type {
  ActivationConfig,
  ConcatenateConfig,
  Dense,
  DenseConfig,
  DropoutConfig,
  InputConfig,
  Normalization,
} from '../layers/core.ts';
export {
  type CallContext,
  Layer,
  type LayerConfig,
  type SymbolicTensor,
  type Weight,
} from '../layers/layer.ts';
export {
  activation,
  averagePooling2d,
  concatenate,
  conv2d,
  dense,
  dropout,
  flatten,
  globalAveragePooling2d,
  input,
  maxPooling2d,
  normalization,
  preprocessing,
} from '../layers/layers.ts';
export type { PixelScaleName, PreprocessingConfig } from '../layers/preprocessing.ts';
