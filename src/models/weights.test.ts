import { expect, test } from 'vitest';
import { toFloat16 } from '../core/float16.ts';
import { floats, tensor } from '../core/tensor.ts';
import { isConstant } from '../graph/leaves.ts';
import type { Layer } from '../layers/layer.ts';
import { dense, input } from '../layers/layers.ts';
import { asFloat32, constantWeight, initialize, versionOf } from './weights.ts';

function layer(name: string): Layer {
  const made = dense({ name, units: 8 });
  made.apply(input({ shape: [8] }));
  return made;
}

const kernelOf = ({ weights }: Layer) => weights[0]!.value!.data as Float32Array;

test('each weight begins by a stream of its own, whatever other layers there are', () => {
  const [alone, a, b] = [layer('a'), layer('a'), layer('b')];
  initialize([alone], 1);
  initialize([b, a], 1);
  expect(kernelOf(a)).toEqual(kernelOf(alone));
  expect(kernelOf(a)).not.toEqual(kernelOf(b));
  const other = layer('a');
  initialize([other], 2);
  expect(kernelOf(other)).not.toEqual(kernelOf(a));
});

test('a weight that has a value keeps it', () => {
  const made = layer('a');
  const kernel = floats(new Float32Array(64).fill(3), [8, 8]);
  made.weights[0]!.value = kernel;
  initialize([made], 1);
  expect(made.weights.map(({ value }) => value)).toEqual([kernel, floats(new Float32Array(8))]);
});

test('half precision is widened exactly, in a graph by the device', () => {
  const values = Float32Array.of(1, -0.5, 2 ** -24, 65_504);
  const half = tensor('float16', [4], toFloat16(values));
  expect(asFloat32(half)).toEqual(floats(values));
  const single = floats(values);
  expect(asFloat32(single)).toBe(single);
  const [weight] = layer('a').weights;
  const constant = (value: typeof half | typeof single) => constantWeight({ ...weight!, value });
  expect(isConstant(constant(single))).toBe(true);
  const widened = constant(half);
  expect([widened.op.opType, widened.dtype, widened.inputs[0]!.dtype]).toEqual([
    'Cast',
    'float32',
    'float16',
  ]);
});

test('the version of layers changes with any value, and with nothing else', () => {
  const [a, b] = [layer('a'), layer('b')];
  initialize([a, b], 1);
  const version = versionOf([a, b]);
  expect(versionOf([a, b])).toBe(version);
  b.trainable = false;
  expect(versionOf([a, b])).toBe(version);
  const before = b.weights[1]!.value;
  b.weights[1]!.value = floats(new Float32Array(8));
  expect(versionOf([a, b])).not.toBe(version);
  b.weights[1]!.value = before;
  expect(versionOf([a, b])).toBe(version);
});
