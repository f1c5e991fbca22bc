import { deriveKey, RandomStream } from '../../src/core/random.ts';
import { elementCount, floats, type Tensor } from '../../src/core/tensor.ts';

export function randomStream(...path: (string | number)[]): RandomStream {
  return new RandomStream(deriveKey(7, ...path));
}

/** Numbers uniform in [low, high). */
export function uniform(
  stream: RandomStream,
  shape: readonly number[],
  low = -1,
  high = 1,
): Tensor<'float32'> {
  return floats(
    Float32Array.from({ length: elementCount(shape) }, () => stream.uniform(low, high)),
    shape,
  );
}

/** Numbers a quarter apart and an eighth or more from zero, in random order: away from ties and from kinks at zero. */
export function spaced(stream: RandomStream, shape: readonly number[]): Tensor<'float32'> {
  const order = stream.permutation(elementCount(shape));
  const middle = Math.floor(order.length / 2) - 0.5;
  return floats(
    Float32Array.from(order, (place) => (place - middle) / 4),
    shape,
  );
}

/** A key of Threefry as a graph takes it. */
export function keyTensor(...path: (string | number)[]): Tensor<'uint32'> {
  return { dtype: 'uint32', shape: [2], data: Uint32Array.from(deriveKey(7, ...path)) };
}
