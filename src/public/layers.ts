/** Layers by function (`dense({ units: 4 })`), and what a layer of one's own is made of: https://keras.io/api/layers/ */
export type { Activation } from '../activations/activations.ts';
export { type CustomObjects, registerCustomObjects } from '../core/custom-objects.ts';
export * as options from '../core/options.ts';
export type {
  ELUConfig,
  LeakyReLUConfig,
  PReLUConfig,
  ReLUConfig,
  SoftmaxConfig,
} from '../layers/activations.ts';
export type { Normalization, NormalizationConfig } from '../layers/adapt.ts';
export type { BatchNormalizationConfig } from '../layers/batch-normalization.ts';
export type { Conv2DTransposeConfig } from '../layers/conv2d-transpose.ts';
export type { Conv2D, Conv2DConfig } from '../layers/convolutional.ts';
export type { ActivationConfig, Dense, DenseConfig, LogarithmConfig } from '../layers/core.ts';
export type { DepthwiseConv2DConfig } from '../layers/depthwise.ts';
export type { InputConfig } from '../layers/input.ts';
export {
  type ApplyOptions,
  type CallContext,
  knownSize,
  Layer,
  type LayerConfig,
  type Weight,
  type WeightOptions,
} from '../layers/layer.ts';
export {
  activation,
  activityRegularization,
  add,
  average,
  averagePooling2d,
  batchNormalization,
  centerCrop,
  concatenate,
  conv2d,
  conv2dTranspose,
  cropping2d,
  dense,
  depthwiseConv2d,
  dropout,
  elu,
  flatten,
  gaussianDropout,
  gaussianNoise,
  globalAveragePooling2d,
  globalMaxPooling2d,
  groupNormalization,
  identity,
  input,
  layerNormalization,
  leakyReLU,
  logarithm,
  maximum,
  maxPooling2d,
  minimum,
  multiply,
  normalization,
  permute,
  prelu,
  preprocessing,
  randomBrightness,
  randomContrast,
  randomCrop,
  randomFlip,
  randomRotation,
  randomTranslation,
  randomZoom,
  reLU,
  repeatVector,
  rescaling,
  reshape,
  resizing,
  separableConv2d,
  softmax,
  spatialDropout2d,
  subtract,
  unitNormalization,
  upSampling2d,
  zeroPadding2d,
} from '../layers/layers.ts';
export type { ConcatenateConfig } from '../layers/merging.ts';
export type {
  GroupNormalizationConfig,
  LayerNormalizationConfig,
  UnitNormalizationConfig,
} from '../layers/normalization.ts';
export type { GlobalPooling2DConfig, Pooling2DConfig } from '../layers/pooling.ts';
export type { PixelScaleName, PreprocessingConfig } from '../layers/preprocessing.ts';
export type {
  RandomBrightnessConfig,
  RandomContrastConfig,
  RandomCropConfig,
  RandomFlipConfig,
} from '../layers/random-images.ts';
export type {
  RandomRotationConfig,
  RandomTranslationConfig,
  RandomZoomConfig,
} from '../layers/random-warps.ts';
export type {
  ActivityRegularizationConfig,
  DropoutConfig,
  GaussianDropoutConfig,
  GaussianNoiseConfig,
  SpatialDropout2DConfig,
} from '../layers/regularization.ts';
export type { RescalingConfig } from '../layers/rescaling.ts';
export type {
  Cropping2DConfig,
  FlattenConfig,
  PermuteConfig,
  RepeatVectorConfig,
  ReshapeConfig,
  UpSampling2DConfig,
  ZeroPadding2DConfig,
} from '../layers/reshaping.ts';
export type { CenterCropConfig, ResizingConfig } from '../layers/resizing.ts';
export type { SeparableConv2DConfig } from '../layers/separable.ts';
export { Node, SymbolicTensor } from '../layers/symbolic.ts';
