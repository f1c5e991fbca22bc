import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { callLayer } from '../../test/support/layer-call.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Normalization, NormalizationConfig } from './adapt.ts';
import * as layers from './layers.ts';

const { run } = useDevice();

async function outputOf(layer: Normalization, x: Tensor): Promise<number[]> {
  const inputs = [input('x', ['batch', ...x.shape.slice(1)], x.dtype)];
  const { y } = callLayer(layer, inputs, ({ value }) => constant(value!));
  expect(y.dtype).toBe('float32');
  return [...((await run({ y }, { x })).y!.data as Float32Array)];
}

function adapted(data: Tensor<'float32'>, config: NormalizationConfig = {}): Normalization {
  const layer = layers.normalization(config);
  layer.apply(layers.input({ shape: data.shape.slice(1) }));
  layer.adapt(data);
  return layer;
}

const numbersOf = (layer: Normalization, index: number) => [
  ...(layer.weights[index]!.value!.data as Float32Array),
];

describe('adapt', () => {
  test('takes mean and variance of the channels, and only centres a constant one', async () => {
    const layer = adapted(floats([1, 10, 7, 3, 20, 7, 5, 60, 7], [3, 3]));
    expect(numbersOf(layer, 0)).toEqual([3, 30, 7]);
    [8 / 3, 1400 / 3, 1].forEach((expected, i) => {
      expect(numbersOf(layer, 1)[i]).toBeCloseTo(expected, 4);
    });
    const found = await outputOf(layer, floats([5, 10, 8], [1, 3]));
    [2 / Math.sqrt(8 / 3), -20 / Math.sqrt(1400 / 3), 1].forEach((expected, i) => {
      expect(found[i]).toBeCloseTo(expected, 5);
    });
  });

  test('takes the same from parts as from the whole', async () => {
    const rows = uniform(randomStream('normalization'), [20, 3]);
    const whole = adapted(rows);
    const inParts = adapted(floats([0, 0, 0], [1, 3]));
    await inParts.adaptAll(
      (async function* () {
        for (const [from, to] of [
          [0, 7],
          [7, 8],
          [8, 20],
        ] as const) {
          yield floats(rows.data.subarray(3 * from, 3 * to), [to - from, 3]);
        }
      })(),
    );
    expect(inParts.weights.map(({ value }) => value)).toEqual(whole.weights.map(({ value }) => value));
  });

  test.each([
    [[1], [3]],
    [[-1], [2]],
    [
      [1, 3],
      [3, 2],
    ],
    [
      [-1, 1],
      [3, 2],
    ],
    [[], []],
    [
      [1, 2, 3],
      [3, 4, 2],
    ],
  ])('along the axes %j what comes out has the mean 0 and the variance 1', async (axis, shape) => {
    const data = uniform(randomStream('axes', axis.join()), [5, 3, 4, 2], -3, 9);
    const layer = adapted(data, { axis });
    expect(layer.weights.map((weight) => [...weight.shape])).toEqual([shape, shape, []]);
    const found = await outputOf(layer, data);
    const kept = axis.map((each) => (each + 4) % 4);
    const groups = new Map<string, number[]>();
    found.forEach((value, i) => {
      const at = [Math.floor(i / 24), Math.floor(i / 8) % 3, Math.floor(i / 2) % 4, i % 2];
      const key = kept.map((each) => at[each]).join();
      groups.set(key, [...(groups.get(key) ?? []), value]);
    });
    expect(groups.size).toBe(shape.reduce((a, b) => a * b, 1));
    for (const values of groups.values()) {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean).toBeCloseTo(0, 4);
      expect(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length).toBeCloseTo(1, 4);
    }
  });

  test('may come before the layer is called on anything', async () => {
    const layer = layers.normalization();
    layer.adapt(floats([0, 7, 2, 9, 0, 7, 2, 9], [4, 2]));
    expect(await outputOf(layer, floats([0, 9, 3, 8], [2, 2]))).toEqual([-1, 1, 2, 0]);
  });

  test('refuses data of other sizes, and none', () => {
    const layer = adapted(floats([1, 2], [1, 2]));
    for (const wrong of [floats([1, 2, 3], [1, 3]), floats([], [0, 2]), floats([1, 2], [2])]) {
      expect(() => layer.adapt(wrong)).toThrow(ShapeError);
      expect(() => layer.adapt(wrong)).toThrow(`layer '${layer.name}': adapt needs [rows, 2], got [`);
    }
    const rows = adapted(floats(new Float32Array(24), [1, 2, 3, 4]), { axis: [1, 3] });
    expect(() => rows.adapt(floats(new Float32Array(24), [1, 3, 2, 4]))).toThrow(
      'adapt needs [rows, …] with the sizes [2, 4] along the axes [1, 3], got [1, 3, 2, 4]',
    );
    expect(() => rows.adapt(floats(new Float32Array(8), [2, 4]))).toThrow(ShapeError);
  });

  test('has nothing to do where mean and variance were given', () => {
    const layer = layers.normalization({ name: 'mine', mean: 1, variance: 2 });
    expect(() => layer.adapt(floats([1, 2], [1, 2]))).toThrow(UsageError);
    expect(() => layer.adapt(floats([1, 2], [1, 2]))).toThrow(
      "layer 'mine': its mean and variance were given",
    );
  });
});

test('bytes become numbers, and come back by the inverse', async () => {
  const moments = { mean: [10, 20], variance: [4, 25] };
  const bytes = tensor('uint8', [2, 2], Uint8Array.of(10, 30, 14, 15));
  const normal = await outputOf(layers.normalization(moments), bytes);
  expect(normal).toEqual([0, 2, 2, -1]);
  expect(await outputOf(layers.normalization({ ...moments, invert: true }), floats(normal, [2, 2]))).toEqual([
    ...bytes.data,
  ]);
});

test('given sizes stand along the last of the axes', async () => {
  const x = floats([1, 2, 3, 4, 5, 6], [1, 3, 2]);
  const layer = layers.normalization({ axis: [1, 2], mean: [1, 2], variance: [1, 4] });
  expect(await outputOf(layer, x)).toEqual([0, 0, 2, 1, 4, 2]);
});

test('what cannot be meant is refused, by the layer’s name', () => {
  const wrong: [NormalizationConfig, string][] = [
    [{ mean: 1 }, 'mean and variance are given together'],
    [{ mean: [1, 2], variance: 1 }, 'mean and variance must have one shape, got [2] and []'],
    [{ mean: [[1]], variance: [[1]] }, 'mean has the shape [1, 1], more than the axes [-1] have sizes'],
    [{ axis: 0.5 }, 'axis must be a whole number'],
    [{ mean: 'one' as never, variance: 1 }, 'mean must be a finite number'],
  ];
  for (const [config, message] of wrong) {
    expect(() => layers.normalization({ name: 'mine', ...config })).toThrow(UsageError);
    expect(() => layers.normalization({ name: 'mine', ...config })).toThrow(`layer 'mine': ${message}`);
  }
  const x = layers.input({ shape: [2, 3] });
  const misfit = () => layers.normalization({ name: 'mine', mean: [1, 2], variance: [1, 2] }).apply(x);
  expect(misfit).toThrow(ShapeError);
  expect(misfit).toThrow(/layer 'mine'.*of the shape \[2\] do not fit/);
  expect(() => layers.normalization({ name: 'mine', axis: 3 }).apply(x)).toThrow(ShapeError);
  expect(() => layers.normalization({ name: 'mine', axis: 0 }).apply(x)).toThrow(/axis 0 must be known/);
});
