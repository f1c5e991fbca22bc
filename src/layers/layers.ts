import {
  ELU,
  type ELUConfig,
  LeakyReLU,
  type LeakyReLUConfig,
  PReLU,
  type PReLUConfig,
  ReLU,
  type ReLUConfig,
  Softmax,
  type SoftmaxConfig,
} from './activations.ts';
import { Normalization, type NormalizationConfig } from './adapt.ts';
import { BatchNormalization, type BatchNormalizationConfig } from './batch-normalization.ts';
import { Conv2DTranspose, type Conv2DTransposeConfig } from './conv2d-transpose.ts';
import { Conv2D, type Conv2DConfig } from './convolutional.ts';
import {
  type ActivationConfig,
  ActivationLayer,
  Dense,
  type DenseConfig,
  Identity,
  Logarithm,
  type LogarithmConfig,
} from './core.ts';
import { DepthwiseConv2D, type DepthwiseConv2DConfig } from './depthwise.ts';
import { type InputConfig, InputLayer } from './input.ts';
import type { Layer, LayerConfig } from './layer.ts';
import {
  Add,
  Average,
  Concatenate,
  type ConcatenateConfig,
  Maximum,
  Minimum,
  Multiply,
  Subtract,
} from './merging.ts';
import {
  GroupNormalization,
  type GroupNormalizationConfig,
  LayerNormalization,
  type LayerNormalizationConfig,
  UnitNormalization,
  type UnitNormalizationConfig,
} from './normalization.ts';
import {
  AveragePooling2D,
  GlobalAveragePooling2D,
  GlobalMaxPooling2D,
  type GlobalPooling2DConfig,
  MaxPooling2D,
  type Pooling2DConfig,
} from './pooling.ts';
import { Preprocessing, type PreprocessingConfig } from './preprocessing.ts';
import {
  RandomBrightness,
  type RandomBrightnessConfig,
  RandomContrast,
  type RandomContrastConfig,
  RandomCrop,
  type RandomCropConfig,
  RandomFlip,
  type RandomFlipConfig,
} from './random-images.ts';
import {
  RandomRotation,
  type RandomRotationConfig,
  RandomTranslation,
  type RandomTranslationConfig,
  RandomZoom,
  type RandomZoomConfig,
} from './random-warps.ts';
import {
  ActivityRegularization,
  type ActivityRegularizationConfig,
  Dropout,
  type DropoutConfig,
  GaussianDropout,
  type GaussianDropoutConfig,
  GaussianNoise,
  type GaussianNoiseConfig,
  SpatialDropout2D,
  type SpatialDropout2DConfig,
} from './regularization.ts';
import { Rescaling, type RescalingConfig } from './rescaling.ts';
import {
  Cropping2D,
  type Cropping2DConfig,
  Flatten,
  type FlattenConfig,
  Permute,
  type PermuteConfig,
  RepeatVector,
  type RepeatVectorConfig,
  Reshape,
  type ReshapeConfig,
  UpSampling2D,
  type UpSampling2DConfig,
  ZeroPadding2D,
  type ZeroPadding2DConfig,
} from './reshaping.ts';
import { CenterCrop, type CenterCropConfig, Resizing, type ResizingConfig } from './resizing.ts';
import { SeparableConv2D, type SeparableConv2DConfig } from './separable.ts';
import type { SymbolicTensor } from './symbolic.ts';

/** Where data enters a model: `layers.input({ shape: [224, 224, 3], dtype: 'uint8' })`. */
export function input(config: InputConfig): SymbolicTensor {
  return new InputLayer(config).output;
}

export const conv2d = (config: Conv2DConfig): Conv2D => new Conv2D(config);
export const depthwiseConv2d = (config: DepthwiseConv2DConfig): DepthwiseConv2D =>
  new DepthwiseConv2D(config);
export const separableConv2d = (config: SeparableConv2DConfig): SeparableConv2D =>
  new SeparableConv2D(config);
export const conv2dTranspose = (config: Conv2DTransposeConfig): Conv2DTranspose =>
  new Conv2DTranspose(config);
export const maxPooling2d = (config: Pooling2DConfig = {}): MaxPooling2D => new MaxPooling2D(config);
export const averagePooling2d = (config: Pooling2DConfig = {}): AveragePooling2D =>
  new AveragePooling2D(config);
export const globalMaxPooling2d = (config: GlobalPooling2DConfig = {}): GlobalMaxPooling2D =>
  new GlobalMaxPooling2D(config);
export const globalAveragePooling2d = (config: GlobalPooling2DConfig = {}): GlobalAveragePooling2D =>
  new GlobalAveragePooling2D(config);
export const batchNormalization = (config: BatchNormalizationConfig = {}): BatchNormalization =>
  new BatchNormalization(config);
export const layerNormalization = (config: LayerNormalizationConfig = {}): LayerNormalization =>
  new LayerNormalization(config);
export const groupNormalization = (config: GroupNormalizationConfig = {}): GroupNormalization =>
  new GroupNormalization(config);
export const unitNormalization = (config: UnitNormalizationConfig = {}): UnitNormalization =>
  new UnitNormalization(config);
export const add = (config: LayerConfig = {}): Add => new Add(config);
export const subtract = (config: LayerConfig = {}): Subtract => new Subtract(config);
export const multiply = (config: LayerConfig = {}): Multiply => new Multiply(config);
export const average = (config: LayerConfig = {}): Average => new Average(config);
export const maximum = (config: LayerConfig = {}): Maximum => new Maximum(config);
export const minimum = (config: LayerConfig = {}): Minimum => new Minimum(config);
export const concatenate = (config: ConcatenateConfig = {}): Concatenate => new Concatenate(config);
export const normalization = (config: NormalizationConfig = {}): Normalization => new Normalization(config);
export const logarithm = (config: LogarithmConfig = {}): Logarithm => new Logarithm(config);
export const flatten = (config: FlattenConfig = {}): Flatten => new Flatten(config);
export const reshape = (config: ReshapeConfig): Reshape => new Reshape(config);
export const permute = (config: PermuteConfig): Permute => new Permute(config);
export const repeatVector = (config: RepeatVectorConfig): RepeatVector => new RepeatVector(config);
export const zeroPadding2d = (config: ZeroPadding2DConfig = {}): ZeroPadding2D => new ZeroPadding2D(config);
export const cropping2d = (config: Cropping2DConfig = {}): Cropping2D => new Cropping2D(config);
export const upSampling2d = (config: UpSampling2DConfig = {}): UpSampling2D => new UpSampling2D(config);
export const dense = (config: DenseConfig): Dense => new Dense(config);
export const dropout = (config: DropoutConfig): Dropout => new Dropout(config);
export const spatialDropout2d = (config: SpatialDropout2DConfig): SpatialDropout2D =>
  new SpatialDropout2D(config);
export const gaussianDropout = (config: GaussianDropoutConfig): GaussianDropout =>
  new GaussianDropout(config);
export const gaussianNoise = (config: GaussianNoiseConfig): GaussianNoise => new GaussianNoise(config);
export const activityRegularization = (config: ActivityRegularizationConfig = {}): ActivityRegularization =>
  new ActivityRegularization(config);
export const identity = (config: LayerConfig = {}): Identity => new Identity(config);
export const activation = (config: ActivationConfig): ActivationLayer => new ActivationLayer(config);
export const reLU = (config: ReLUConfig = {}): ReLU => new ReLU(config);
export const leakyReLU = (config: LeakyReLUConfig = {}): LeakyReLU => new LeakyReLU(config);
export const prelu = (config: PReLUConfig = {}): PReLU => new PReLU(config);
export const elu = (config: ELUConfig = {}): ELU => new ELU(config);
export const softmax = (config: SoftmaxConfig = {}): Softmax => new Softmax(config);
export const preprocessing = (config: PreprocessingConfig): Preprocessing => new Preprocessing(config);
export const rescaling = (config: RescalingConfig): Rescaling => new Rescaling(config);
export const resizing = (config: ResizingConfig): Resizing => new Resizing(config);
export const centerCrop = (config: CenterCropConfig): CenterCrop => new CenterCrop(config);
export const randomFlip = (config: RandomFlipConfig = {}): RandomFlip => new RandomFlip(config);
export const randomRotation = (config: RandomRotationConfig): RandomRotation => new RandomRotation(config);
export const randomTranslation = (config: RandomTranslationConfig): RandomTranslation =>
  new RandomTranslation(config);
export const randomZoom = (config: RandomZoomConfig): RandomZoom => new RandomZoom(config);
export const randomCrop = (config: RandomCropConfig): RandomCrop => new RandomCrop(config);
export const randomContrast = (config: RandomContrastConfig): RandomContrast => new RandomContrast(config);
export const randomBrightness = (config: RandomBrightnessConfig): RandomBrightness =>
  new RandomBrightness(config);

const classes: readonly (typeof Layer)[] = [
  InputLayer,
  Conv2D,
  DepthwiseConv2D,
  SeparableConv2D,
  Conv2DTranspose,
  MaxPooling2D,
  AveragePooling2D,
  GlobalMaxPooling2D,
  GlobalAveragePooling2D,
  BatchNormalization,
  LayerNormalization,
  GroupNormalization,
  UnitNormalization,
  Add,
  Subtract,
  Multiply,
  Average,
  Maximum,
  Minimum,
  Concatenate,
  Normalization,
  Logarithm,
  Flatten,
  Reshape,
  Permute,
  RepeatVector,
  ZeroPadding2D,
  Cropping2D,
  UpSampling2D,
  Dense,
  Dropout,
  SpatialDropout2D,
  GaussianDropout,
  GaussianNoise,
  ActivityRegularization,
  Identity,
  ActivationLayer,
  ReLU,
  LeakyReLU,
  PReLU,
  ELU,
  Softmax,
  Preprocessing,
  Rescaling,
  Resizing,
  CenterCrop,
  RandomFlip,
  RandomRotation,
  RandomTranslation,
  RandomZoom,
  RandomCrop,
  RandomContrast,
  RandomBrightness,
] as never;

/** Layers by class name, as saved models name them. */
export const layerClasses: ReadonlyMap<string, typeof Layer> = new Map(
  classes.map((layerClass) => [layerClass.className, layerClass]),
);
