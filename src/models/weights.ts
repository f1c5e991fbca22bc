import { fromFloat16 } from '../core/float16.ts';
import { deriveKey } from '../core/random.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { initializers } from '../initializers/initializers.ts';
import type { Layer, Weight } from '../layers/layer.ts';
import { cast } from '../ops/elementwise.ts';

/** Gives values to the weights that have none, each from its own random numbers. */
export function initialize(layers: readonly Layer[], seed: number): void {
  for (const weight of layers.flatMap((layer) => layer.weights)) {
    weight.value ??= initializers[weight.initializer](
      weight.shape,
      deriveKey(seed, 'initializer', weight.path),
    );
  }
}

/** A weight's value in float32. */
export function asFloat32(value: Tensor): Tensor<'float32'> {
  if (value.dtype === 'float32') return value as Tensor<'float32'>;
  return tensor('float32', value.shape, fromFloat16(value.data as Uint16Array));
}

/** A weight as a constant of a graph. Half-precision ones stay so in memory and are widened on the device. */
export function constantWeight(weight: Weight): Value {
  const value = constant(weight.value!, weight.path);
  return value.dtype === 'float32' ? value : cast(value, { to: 'float32' });
}

let lastVersion = 0;
const versions = new WeakMap<Tensor, number>();

/** Changes whenever one of the layers' weights has got another value. */
export function versionOf(layers: Iterable<Layer>): string {
  const parts: number[] = [];
  for (const { value } of [...layers].flatMap((layer) => layer.weights)) {
    if (!value) continue;
    if (!versions.has(value)) versions.set(value, ++lastVersion);
    parts.push(versions.get(value)!);
  }
  return parts.join(' ');
}
