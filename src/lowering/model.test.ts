import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { UsageError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { decodeModel } from '../onnx/decode.ts';
import { add, cast, mul, relu } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reduceMean } from '../ops/reduce.ts';
import { toModel, toOnnx } from './model.ts';

const device = useDevice();
const x = input('x', ['batch', 3]);
const weights = constant(floats([1, 2, 3, 4, 5, 6], [3, 2]), 'dense/kernel');
const y = relu(matMul(x, weights));
const model = (outputs: Record<string, Value>) => toModel({ name: 'test', outputs });

describe('a graph as an ONNX model', () => {
  test('has the inputs it depends on, its outputs in order, and weights by their names', () => {
    input('unused', [1]);
    const { graph, opsets } = model({ logits: y, mean: reduceMean(y, { axes: [0] }) });
    expect(graph.inputs).toEqual([{ name: 'x', dtype: 'float32', shape: ['batch', 3] }]);
    expect(graph.outputs).toEqual([
      { name: 'logits', dtype: 'float32', shape: ['batch', 2] },
      { name: 'mean', dtype: 'float32', shape: [2] },
    ]);
    expect(graph.initializers?.['dense/kernel']).toBe(weights.attributes.value);
    expect(graph.nodes.map(({ opType }) => opType)).toEqual(['MatMul', 'Relu', 'ReduceMean']);
    expect(opsets).toEqual({ '': 18 });
  });

  test('comes back from its bytes, with its notes', () => {
    const options = { metadata: { classes: 'CNV, DME' } };
    const read = decodeModel(toOnnx({ name: 'test', outputs: { y } }, options));
    expect(read).toMatchObject(JSON.parse(JSON.stringify({ producerName: 'fovea', ...options })));
    expect(read.graph).toMatchObject({ name: 'test', inputs: [{ shape: ['batch', 3] }] });
    expect(read.graph.initializers?.['dense/kernel']?.data).toEqual(floats([1, 2, 3, 4, 5, 6]).data);
  });

  test('names ONNX Runtime’s own operators only where it is to train', () => {
    const outputs = { y: matMul(x, x, { transposeB: true }) };
    expect(toModel({ name: 'test', outputs }, { purpose: 'training' }).opsets).toEqual({
      '': 18,
      'com.microsoft': 1,
    });
    expect(model(outputs).opsets).toEqual({ '': 18 });
    expect(model(outputs).graph.nodes.map(({ opType }) => opType)).toEqual(['Transpose', 'MatMul']);
  });

  test('writes a dtype as ONNX’s number of it', () => {
    expect(model({ y: cast(x, { to: 'float16' }) }).graph.nodes[0]!.attributes).toEqual({ to: { int: 10 } });
  });

  test.each<[string, Record<string, Value>, string]>([
    ['inputs', { y: add(x, input('x', [3])) }, "'x'"],
    ['weights', { y: add(mul(x, constant(floats([1]), 'w')), constant(floats([1]), 'w')) }, "'w'"],
    ['an input and an output', { x: y }, "'x'"],
    ['weights and an output', { 'dense/kernel': y }, "'dense/kernel'"],
  ])('refuses two %s of one name', (_, outputs, name) => {
    expect(() => model(outputs)).toThrow(UsageError);
    expect(() => model(outputs)).toThrow(`graph 'test': two inputs, constants or outputs are called ${name}`);
  });
});

test('a graph may return its inputs and constants, and one value twice', async () => {
  const { run } = device;
  const feeds = { x: floats([1, 2, 3], [1, 3]) };
  const results = await run({ a: x, b: weights, c: y, d: y }, feeds);
  expect(results.a).toEqual(feeds.x);
  expect(results.b).toEqual(weights.attributes.value);
  expect(results.c).toEqual(floats([22, 28], [1, 2]));
  expect(results.d).toEqual(results.c);
});
