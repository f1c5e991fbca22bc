import type { OptionsOf, OptionTable } from '../core/options.ts';
import { type Key, RandomStream } from '../core/random.ts';
import { elementCount, type Tensor, tensor } from '../core/tensor.ts';

/** A row of the table: its options, and the values that they give a weight of some shape. */
export interface Row<T extends OptionTable> {
  readonly options: T;
  readonly draw: (config: OptionsOf<T>, shape: readonly number[], key: Key) => Tensor<'float32'>;
}

export function row<T extends OptionTable>(options: T, draw: Row<T>['draw']): Row<T> {
  return { options, draw };
}

export function filled(shape: readonly number[], value: number): Tensor<'float32'> {
  return tensor('float32', shape, new Float32Array(elementCount(shape)).fill(value));
}

/** One number after the other from the key's stream. */
export function drawn(
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

/** Standard normal, within two standard deviations: what lies beyond is drawn again. */
export function truncatedNormal(stream: RandomStream): number {
  for (;;) {
    const value = stream.normal();
    if (Math.abs(value) <= 2) return value;
  }
}
