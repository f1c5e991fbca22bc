import {
  AveragePooling2D,
  Conv2D,
  type Conv2DConfig,
  GlobalAveragePooling2D,
  MaxPooling2D,
  type Pooling2DConfig,
} from './convolutional.ts';
import {
  type ActivationConfig,
  ActivationLayer,
  Concatenate,
  type ConcatenateConfig,
  Dense,
  type DenseConfig,
  Dropout,
  type DropoutConfig,
  Flatten,
  type InputConfig,
  InputLayer,
  Logarithm,
  type LogarithmConfig,
  Normalization,
} from './core.ts';
import type { Layer, LayerConfig, SymbolicTensor } from './layer.ts';
import { Preprocessing, type PreprocessingConfig } from './preprocessing.ts';

/** Where data enters a model: `layers.input({ shape: [224, 224, 3], dtype: 'uint8' })`. */
export function input(config: InputConfig): SymbolicTensor {
  return new InputLayer(config).output;
}

export const conv2d = (config: Conv2DConfig): Conv2D => new Conv2D(config);
export const maxPooling2d = (config?: Pooling2DConfig): MaxPooling2D => new MaxPooling2D(config);
export const averagePooling2d = (config?: Pooling2DConfig): AveragePooling2D => new AveragePooling2D(config);
export const globalAveragePooling2d = (config: LayerConfig = {}): GlobalAveragePooling2D =>
  new GlobalAveragePooling2D(config);
export const concatenate = (config?: ConcatenateConfig): Concatenate => new Concatenate(config);
export const normalization = (config: LayerConfig = {}): Normalization => new Normalization(config);
export const logarithm = (config?: LogarithmConfig): Logarithm => new Logarithm(config);
export const flatten = (config: LayerConfig = {}): Flatten => new Flatten(config);
export const dense = (config: DenseConfig): Dense => new Dense(config);
export const dropout = (config: DropoutConfig): Dropout => new Dropout(config);
export const activation = (config: ActivationConfig): ActivationLayer => new ActivationLayer(config);
export const preprocessing = (config: PreprocessingConfig): Preprocessing => new Preprocessing(config);

/** Layers by class name, as a saved topology has them; `LayerConfig` stands for each one's own options. */
export const layerClasses: Readonly<Record<string, new (config: never) => Layer>> = {
  InputLayer,
  Conv2D,
  MaxPooling2D,
  AveragePooling2D,
  GlobalAveragePooling2D,
  Concatenate,
  Normalization,
  Logarithm,
  Flatten,
  Dense,
  Dropout,
  Activation: ActivationLayer,
  Preprocessing,
};
