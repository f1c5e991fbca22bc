import { ShapeError, UsageError } from '../core/errors.ts';
import { count, oneOf, only, optional, type Pair, pairOf } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Pads } from '../ops/conv.ts';
import { knownSize } from './layer.ts';

export const sizeKind = pairOf(count);
export const paddingKind = oneOf(['valid', 'same']);
export type Padding = 'valid' | 'same';

/** The one layout there is; Keras writes `channels_last`. */
export const dataFormat = {
  /** Images are channels last everywhere. */
  dataFormat: optional(only('channelsLast', 'channels_last'), 'channelsLast'),
};

/** 'same' as TensorFlow pads: the output has ⌈size / stride⌉ places, an odd row of zeros goes to the end. */
export function padsOf(padding: Padding, shape: Shape, kernel: Pair, strides: Pair, dilations: Pair): Pads {
  if (padding === 'valid') return [0, 0, 0, 0];
  const along = (axis: 0 | 1): [number, number] => {
    const size = knownSize(shape, axis + 1, 'height and width');
    const reach = dilations[axis] * (kernel[axis] - 1) + 1;
    const total = Math.max(0, (Math.ceil(size / strides[axis]) - 1) * strides[axis] + reach - size);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  const [[top, bottom], [left, right]] = [along(0), along(1)];
  return [top, left, bottom, right];
}

/** @throws {ShapeError} for what is no batch of images */
export function checkImages(shape: Shape | undefined): void {
  if (shape?.length !== 4) throw new ShapeError('images [batch, height, width, channels] are needed');
}

/**
 * As in Keras, a convolution has strides or a dilation.
 *
 * @throws {UsageError} when both are above 1
 */
export function checkStrides({ name }: { readonly name: string }, strides: Pair, dilationRate: Pair): void {
  if (Math.max(...strides) === 1 || Math.max(...dilationRate) === 1) return;
  throw new UsageError(
    `layer '${name}': strides above 1 and a dilationRate above 1 exclude each other, got [${strides}] and [${dilationRate}]`,
  );
}
