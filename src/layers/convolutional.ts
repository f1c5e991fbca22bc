import { ShapeError, UsageError } from '../core/errors.ts';
import { type ConfigOf, count, optional, required } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { conv2d } from '../ops/conv.ts';
import { type CallContext, knownSize, Layer, type LayerConfig, type Weight } from './layer.ts';
import { activated, kernelOptions, weightOptions } from './weight-options.ts';
import { checkImages, checkStrides, dataFormat, paddingKind, padsOf, sizeKind } from './window.ts';

const conv2dOptions = {
  /** Output channels. */
  filters: required(count),
  /** One number for both, or [height, width]. */
  kernelSize: required(sizeKind),
  /** Default 1. */
  strides: optional(sizeKind, 1),
  /** Default 'valid'. */
  padding: optional(paddingKind, 'valid'),
  ...dataFormat,
  /** Default 1. Above 1 only where the strides are 1. */
  dilationRate: optional(sizeKind, 1),
  /** Channels fall into this many groups that do not mix. Default 1. */
  groups: optional(count, 1),
  ...kernelOptions,
};

export type Conv2DConfig = ConfigOf<typeof conv2dOptions> & LayerConfig;

/**
 * 2D convolution, [batch, height, width, channels] → [batch, height', width', filters].
 * https://keras.io/api/layers/convolution_layers/convolution2d/
 */
export class Conv2D extends Layer<typeof conv2dOptions> {
  static override readonly className: string = 'Conv2D';
  static override readonly options = conv2dOptions;
  #kernel!: Weight;
  #bias: Weight | undefined;

  constructor(config: Conv2DConfig) {
    super(config);
    const { filters, groups, strides, dilationRate } = this.options;
    checkStrides(this, strides, dilationRate);
    if (filters % groups !== 0)
      throw new UsageError(`layer '${this.name}': ${filters} filters do not fall into ${groups} groups`);
  }

  override build([shape]: readonly Shape[]): void {
    checkImages(shape);
    const channels = knownSize(shape, -1, 'the channels');
    const { filters, groups, kernelSize, useBias } = this.options;
    if (channels % groups !== 0)
      throw new ShapeError(`${channels} channels do not fall into ${groups} groups`);
    this.#kernel = this.addWeight(
      'kernel',
      [...kernelSize, channels / groups, filters],
      weightOptions('kernel', this.options),
    );
    if (useBias) this.#bias = this.addWeight('bias', [filters], weightOptions('bias', this.options));
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const { kernelSize, strides, padding, dilationRate, groups } = this.options;
    const y = conv2d(x, context.read(this.#kernel), this.#bias && context.read(this.#bias), {
      strides,
      pads: padsOf(padding, x.shape, kernelSize, strides, dilationRate),
      dilations: dilationRate,
      groups,
    });
    return activated(y, this.options, context);
  }
}
