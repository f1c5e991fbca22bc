import { UsageError } from '../core/errors.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import type { Channels, Pixels } from './pixels.ts';

/**
 * Pixels as a tensor [height, width, channels], over the same memory: uint8 or float32. Of 16 bits, for which there is
 * no dtype, a copy in int32.
 */
export function pixelsTensor({
  dtype,
  data,
  height,
  width,
  channels,
}: Pixels): Tensor<'uint8' | 'float32' | 'int32'> {
  const shape = [height, width, channels];
  if (dtype === 'uint16') return tensor('int32', shape, Int32Array.from(data));
  return tensor(dtype as 'uint8', shape, data as Uint8Array<ArrayBuffer>);
}

/**
 * Pixels over a tensor's memory, to do operations on.
 *
 * @throws {UsageError} when it is not [height, width, channels] of 1, 3 or 4 channels
 */
export function pixelsOfTensor({
  dtype,
  data,
  shape,
}: Tensor<'uint8' | 'float32'>): Pixels<'uint8' | 'float32'> {
  const [height, width, channels] = shape;
  if (shape.length !== 3 || ![1, 3, 4].includes(channels!)) {
    throw new UsageError(`an image must be [height, width, 1, 3 or 4 channels], got [${shape.join(', ')}]`);
  }
  return { dtype, data, height, width, channels: channels as Channels } as Pixels<'uint8' | 'float32'>;
}
