import { constraintKind } from '../constraints/constraints.ts';
import { type ConfigOf, count, optional, required } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { initializerKind } from '../initializers/initializers.ts';
import { conv2d } from '../ops/conv.ts';
import { regularizerKind } from '../regularizers/regularizers.ts';
import { depthwiseConv2d } from './depthwise.ts';
import { type CallContext, knownSize, Layer, type LayerConfig, type Weight } from './layer.ts';
import { activated, biasOptions, depthwiseOptions, weightOptions } from './weight-options.ts';
import { checkImages, dataFormat, paddingKind, padsOf, sizeKind } from './window.ts';

const separableConv2dOptions = {
  /** Output channels. */
  filters: required(count),
  /** Of the depthwise part; one number for both, or [height, width]. */
  kernelSize: required(sizeKind),
  /** Of the depthwise part. Default 1. */
  strides: optional(sizeKind, 1),
  /** Default 'valid'. */
  padding: optional(paddingKind, 'valid'),
  ...dataFormat,
  /** Of the depthwise part. Default 1. */
  dilationRate: optional(sizeKind, 1),
  /** How many channels the depthwise part makes of each. Default 1. */
  depthMultiplier: optional(count, 1),
  ...biasOptions,
  ...depthwiseOptions,
  /** Default 'glorotUniform'. */
  pointwiseInitializer: optional(initializerKind, 'glorotUniform'),
  /** Default none. */
  pointwiseRegularizer: optional(regularizerKind),
  /** Default none. */
  pointwiseConstraint: optional(constraintKind),
};

export type SeparableConv2DConfig = ConfigOf<typeof separableConv2dOptions> & LayerConfig;

/**
 * A convolution of each channel alone, then one of 1 × 1 that mixes them, [batch, height, width, channels] → [batch,
 * height', width', filters]. https://keras.io/api/layers/convolution_layers/separable_convolution2d/
 */
export class SeparableConv2D extends Layer<typeof separableConv2dOptions> {
  static override readonly className: string = 'SeparableConv2D';
  static override readonly options = separableConv2dOptions;
  #depthwise!: Weight;
  #pointwise!: Weight;
  #bias: Weight | undefined;

  override build([shape]: readonly Shape[]): void {
    checkImages(shape);
    const channels = knownSize(shape, -1, 'the channels');
    const { filters, kernelSize, depthMultiplier, useBias } = this.options;
    this.#depthwise = this.addWeight(
      'depthwise_kernel',
      [...kernelSize, channels, depthMultiplier],
      weightOptions('depthwise', this.options),
    );
    this.#pointwise = this.addWeight(
      'pointwise_kernel',
      [1, 1, channels * depthMultiplier, filters],
      weightOptions('pointwise', this.options),
    );
    if (useBias) this.#bias = this.addWeight('bias', [filters], weightOptions('bias', this.options));
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const { kernelSize, strides, padding, dilationRate } = this.options;
    const apart = depthwiseConv2d(x, context.read(this.#depthwise), undefined, {
      strides,
      pads: padsOf(padding, x.shape, kernelSize, strides, dilationRate),
      dilations: dilationRate,
    });
    const y = conv2d(apart, context.read(this.#pointwise), this.#bias && context.read(this.#bias));
    return activated(y, this.options, context);
  }
}
