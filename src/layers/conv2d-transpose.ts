import { ShapeError, UsageError } from '../core/errors.ts';
import { type ConfigOf, count, optional, pairOf, required, wholeNumber } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { conv2dTranspose, type Pair } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { type CallContext, knownSize, Layer, type LayerConfig, type Weight } from './layer.ts';
import { activated, kernelOptions, weightOptions } from './weight-options.ts';
import { checkImages, checkStrides, dataFormat, paddingKind, padsOf, sizeKind } from './window.ts';

const conv2dTransposeOptions = {
  /** Output channels. */
  filters: required(count),
  /** One number for both, or [height, width]. */
  kernelSize: required(sizeKind),
  /** By how much images grow. Default 1. */
  strides: optional(sizeKind, 1),
  /** Default 'valid'. */
  padding: optional(paddingKind, 'valid'),
  /**
   * Rows and columns at the end, below the strides: the output has (size − 1) · stride + n + outputPadding places, where n
   * is the kernel's size for 'valid', and its remainder by 2 for 'same'. Default: as many as make size · stride places for
   * 'same', or cover the stride for 'valid'.
   */
  outputPadding: optional(pairOf(wholeNumber)),
  ...dataFormat,
  /** Default 1. Above 1 only where the strides are 1. */
  dilationRate: optional(sizeKind, 1),
  ...kernelOptions,
};

export type Conv2DTransposeConfig = ConfigOf<typeof conv2dTransposeOptions> & LayerConfig;

/**
 * Transposed convolution: what takes the gradient of a convolution from its output back to its input, [batch, height,
 * width, channels] → [batch, height', width', filters].
 * https://keras.io/api/layers/convolution_layers/convolution2d_transpose/
 */
export class Conv2DTranspose extends Layer<typeof conv2dTransposeOptions> {
  static override readonly className: string = 'Conv2DTranspose';
  static override readonly options = conv2dTransposeOptions;
  #kernel!: Weight;
  #bias: Weight | undefined;

  constructor(config: Conv2DTransposeConfig) {
    super(config);
    const { strides, dilationRate, outputPadding } = this.options;
    checkStrides(this, strides, dilationRate);
    if (outputPadding?.some((amount, axis) => amount >= strides[axis]!)) {
      throw new UsageError(
        `layer '${this.name}': outputPadding must be below the strides, got [${outputPadding}] and [${strides}]`,
      );
    }
  }

  override build([shape]: readonly Shape[]): void {
    checkImages(shape);
    const channels = knownSize(shape, -1, 'the channels');
    const { filters, kernelSize, useBias } = this.options;
    const size = [...kernelSize, filters, channels];
    this.#kernel = this.addWeight('kernel', size, weightOptions('kernel', this.options));
    if (useBias) this.#bias = this.addWeight('bias', [filters], weightOptions('bias', this.options));
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const { kernelSize, strides, padding, dilationRate } = this.options;
    const size: Pair = [this.#outputSize(x.shape, 0), this.#outputSize(x.shape, 1)];
    const product = conv2dTranspose(x, context.read(this.#kernel), {
      size,
      strides,
      pads: padsOf(padding, [1, ...size, 1], kernelSize, strides, dilationRate),
      dilations: dilationRate,
    });
    return activated(this.#bias ? add(product, context.read(this.#bias)) : product, this.options, context);
  }

  /** Along height (0) or width (1): a size of which the convolution makes that of the input. */
  #outputSize(shape: Shape, axis: 0 | 1): number {
    const size = knownSize(shape, axis + 1, 'height and width');
    const { kernelSize, strides, padding, dilationRate, outputPadding } = this.options;
    const stride = strides[axis];
    const kernel = (kernelSize[axis] - 1) * dilationRate[axis] + 1;
    const least = padding === 'valid' ? kernel : kernel % 2;
    const others = (size - 1) * stride;
    if (!outputPadding) return others + (padding === 'valid' ? Math.max(kernel, stride) : stride);
    if (least + outputPadding[axis] > 0) return others + least + outputPadding[axis];
    throw new ShapeError(
      `an even kernel with padding 'same' needs an outputPadding of 1 at least, got [${outputPadding}]`,
    );
  }
}
