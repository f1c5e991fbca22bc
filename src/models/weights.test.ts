import { expect, test } from 'vitest';
import { toFloat16 } from '../core/float16.ts';
import { floats, tensor } from '../core/tensor.ts';
import { isConstant } from '../graph/leaves.ts';
import { dense, input } from '../layers/layers.ts';
import { constantWeight } from './contexts.ts';
import type { Model } from './model.ts';
import { Sequential } from './sequential.ts';
import { asFloat32, initialize, versionOf } from './weights.ts';

/** A layer for each name, one on top of another. */
function stack(...names: string[]): Sequential {
  return new Sequential({
    layers: [input({ shape: [8] }), ...names.map((name) => dense({ name, units: 8 }))],
  });
}

function kernelOf(model: Model, name: string): Float32Array {
  return model.getLayer(name).weights[0]!.value!.data as Float32Array;
}

test('each weight begins by a stream of its own, whatever other layers there are', () => {
  const [alone, both] = [stack('a'), stack('b', 'a')];
  initialize(alone.network, 1);
  initialize(both.network, 1);
  expect(kernelOf(both, 'a')).toEqual(kernelOf(alone, 'a'));
  expect(kernelOf(both, 'a')).not.toEqual(kernelOf(both, 'b'));
  const other = stack('a');
  initialize(other.network, 2);
  expect(kernelOf(other, 'a')).not.toEqual(kernelOf(alone, 'a'));
});

test('a weight that has a value keeps it', () => {
  const made = stack('a');
  const kernel = floats(new Float32Array(64).fill(3), [8, 8]);
  made.weights[0]!.value = kernel;
  initialize(made.network, 1);
  expect(made.weights.map(({ value }) => value)).toEqual([kernel, floats(new Float32Array(8))]);
});

test('half precision is widened exactly, in a graph by the device', () => {
  const values = Float32Array.of(1, -0.5, 2 ** -24, 65_504);
  const half = tensor('float16', [4], toFloat16(values));
  expect(asFloat32(half)).toEqual(floats(values));
  const single = floats(values);
  expect(asFloat32(single)).toBe(single);
  const { network, weights } = stack('a');
  const constant = (value: typeof half | typeof single) => constantWeight({ ...weights[0]!, value }, network);
  expect(isConstant(constant(single))).toBe(true);
  const widened = constant(half);
  expect([widened.op.opType, widened.dtype, widened.inputs[0]!.dtype]).toEqual([
    'Cast',
    'float32',
    'float16',
  ]);
});

test('the version of weights changes with any value, and with nothing else', () => {
  const { network, weights } = stack('a', 'b');
  initialize(network, 1);
  const version = versionOf(weights);
  expect(versionOf(weights)).toBe(version);
  const before = weights[3]!.value;
  weights[3]!.value = floats(new Float32Array(8));
  expect(versionOf(weights)).not.toBe(version);
  weights[3]!.value = before;
  expect(versionOf(weights)).toBe(version);
});
