import { type ConfigOf, count, optional, required } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { type ConvAttributes, conv2d } from '../ops/conv.ts';
import { reshape } from '../ops/shaping.ts';
import { type CallContext, knownSize, Layer, type LayerConfig, type Weight } from './layer.ts';
import { activated, biasOptions, depthwiseOptions, weightOptions } from './weight-options.ts';
import { checkImages, dataFormat, paddingKind, padsOf, sizeKind } from './window.ts';

const depthwiseConv2dOptions = {
  /** One number for both, or [height, width]. */
  kernelSize: required(sizeKind),
  /** Default 1. */
  strides: optional(sizeKind, 1),
  /** Default 'valid'. */
  padding: optional(paddingKind, 'valid'),
  /** Output channels of each input channel. Default 1. */
  depthMultiplier: optional(count, 1),
  ...dataFormat,
  /** Default 1. */
  dilationRate: optional(sizeKind, 1),
  ...biasOptions,
  ...depthwiseOptions,
};

export type DepthwiseConv2DConfig = ConfigOf<typeof depthwiseConv2dOptions> & LayerConfig;

/**
 * A convolution of each channel alone, [batch, height, width, channels] → [batch, height', width', channels ·
 * depthMultiplier]. https://keras.io/api/layers/convolution_layers/depthwise_convolution2d/
 */
export class DepthwiseConv2D extends Layer<typeof depthwiseConv2dOptions> {
  static override readonly className: string = 'DepthwiseConv2D';
  static override readonly options = depthwiseConv2dOptions;
  #kernel!: Weight;
  #bias: Weight | undefined;

  override build([shape]: readonly Shape[]): void {
    checkImages(shape);
    const channels = knownSize(shape, -1, 'the channels');
    const { kernelSize, depthMultiplier, useBias } = this.options;
    const size = [...kernelSize, channels, depthMultiplier];
    this.#kernel = this.addWeight('kernel', size, weightOptions('depthwise', this.options));
    if (!useBias) return;
    this.#bias = this.addWeight('bias', [channels * depthMultiplier], weightOptions('bias', this.options));
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const { kernelSize, strides, padding, dilationRate } = this.options;
    const bias = this.#bias && context.read(this.#bias);
    const y = depthwiseConv2d(x, context.read(this.#kernel), bias, {
      strides,
      pads: padsOf(padding, x.shape, kernelSize, strides, dilationRate),
      dilations: dilationRate,
    });
    return activated(y, this.options, context);
  }
}

/** Each channel by its own kernels, [height, width, channels, multiplier]: a group for each. */
export function depthwiseConv2d(
  x: Value,
  kernel: Value,
  bias: Value | undefined,
  attributes: Omit<ConvAttributes, 'groups'>,
): Value {
  const [height, width, channels, multiplier] = kernel.shape as [number, number, number, number];
  const grouped = reshape(kernel, { shape: [height, width, 1, channels * multiplier] });
  return conv2d(x, grouped, bias, { ...attributes, groups: channels });
}
