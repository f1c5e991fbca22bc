import { fromFloat16 } from '../core/float16.ts';
import { deriveKey } from '../core/random.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { drawInitial } from '../initializers/initializers.ts';
import type { Weight } from '../layers/layer.ts';
import type { Network } from './network.ts';

/** Gives values to the weights that have none, each from its own random numbers. */
export function initialize({ weightNames }: Network, seed: number): void {
  for (const [weight, name] of weightNames)
    weight.value ??= drawInitial(weight.initializer, weight.shape, deriveKey(seed, 'initializer', name));
}

/** A weight's value in float32. */
export function asFloat32(value: Tensor): Tensor<'float32'> {
  if (value.dtype === 'float32') return value as Tensor<'float32'>;
  return tensor('float32', value.shape, fromFloat16(value.data as Uint16Array));
}

let lastVersion = 0;
const versions = new WeakMap<Tensor, number>();

/** Changes whenever one of the weights has got another value. */
export function versionOf(weights: Iterable<Weight>): string {
  const parts: number[] = [];
  for (const { value } of weights) {
    if (!value) continue;
    if (!versions.has(value)) versions.set(value, ++lastVersion);
    parts.push(versions.get(value)!);
  }
  return parts.join(' ');
}
