import { type Key, RandomStream } from '../core/random.ts';
import { elementCount, type Tensor, tensor, zeros as zeroTensor } from '../core/tensor.ts';

/** How a weight begins: its shape and a key of its own in, its values out. */
export type Initializer = (shape: readonly number[], key: Key) => Tensor<'float32'>;

/** Inputs and outputs that meet in one weight, as Keras counts them: a kernel's field multiplies both. */
export function computeFans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  if (shape.length < 2) return { fanIn: shape[0] ?? 1, fanOut: shape[0] ?? 1 };
  const field = elementCount(shape.slice(0, -2));
  return { fanIn: shape.at(-2)! * field, fanOut: shape.at(-1)! * field };
}

function drawn(
  shape: readonly number[],
  key: Key,
  draw: (stream: RandomStream) => number,
): Tensor<'float32'> {
  const stream = new RandomStream(key);
  return tensor(
    'float32',
    shape,
    Float32Array.from({ length: elementCount(shape) }, () => draw(stream)),
  );
}

/** Initializers by Keras' names, https://keras.io/api/layers/initializers/ */
export const initializers = {
  zeros: (shape) => zeroTensor('float32', shape),
  ones: (shape) => tensor('float32', shape, new Float32Array(elementCount(shape)).fill(1)),
  /** Uniform within ±√(6 / (fan in + fan out)): Glorot and Bengio, AISTATS 2010. */
  glorotUniform: (shape, key) => {
    const { fanIn, fanOut } = computeFans(shape);
    const limit = Math.sqrt(6 / (fanIn + fanOut));
    return drawn(shape, key, (stream) => stream.uniform(-limit, limit));
  },
  /** Uniform within ±√(6 / fan in): He et al., ICCV 2015. */
  heUniform: (shape, key) => {
    const limit = Math.sqrt(6 / computeFans(shape).fanIn);
    return drawn(shape, key, (stream) => stream.uniform(-limit, limit));
  },
} satisfies Record<string, Initializer>;

export type InitializerName = keyof typeof initializers;
