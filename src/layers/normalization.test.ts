import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { callLayer } from '../../test/support/layer-call.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { gradient } from '../autodiff/gradient.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { deriveKey } from '../core/random.ts';
import type { Dim } from '../core/shape.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { topologicalOrder, type Value } from '../graph/value.ts';
import { drawInitial, initializers } from '../initializers/initializers.ts';
import { reduceSum } from '../ops/reduce.ts';
import * as layers from './layers.ts';

const { run } = useDevice();

const numbers = (tensor: Tensor | undefined) => tensor!.data as Float32Array;
const random = (name: string, shape: readonly number[], low = -1, high = 1) =>
  uniform(randomStream('normalization', name), shape, low, high);
const weights = ({ name, shape }: { name: string; shape: readonly number[] }): Value =>
  constant(random(name, shape, 0.5, 2));

describe('BatchNormalization', () => {
  test('in inference costs one product and one sum an element', () => {
    const x = input('x', ['batch', 5, 4, 3]);
    const { y, updates } = callLayer(layers.batchNormalization(), [x], weights);
    const large = topologicalOrder([y]).filter((value) => value.shape[0] === 'batch' && value !== x);
    expect(large.map(({ op }) => op.opType)).toEqual(['Mul', 'Add']);
    expect(updates).toEqual({});
  });

  test('in training centres and scales also what lies far from zero', async () => {
    const data = random('far', [64, 2]);
    const far = floats(data.data.map((value) => 10_000 + value));
    const x = constant(floats(far.data, [64, 2]));
    const layer = layers.batchNormalization({ center: false, scale: false, epsilon: 0 });
    const { y } = callLayer(layer, [x], weights, true);
    const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const result = numbers((await run({ y })).y);
    for (const channel of [0, 1]) {
      const of = Array.from(result).filter((_, i) => i % 2 === channel);
      expect(Math.abs(mean(of))).toBeLessThan(0.01); // float32 tells numbers around 10,000 apart by 0.001
      expect(mean(of.map((value) => value ** 2))).toBeCloseTo(1, 4);
    }
  });

  test('changes its statistics in training, unless it is frozen', () => {
    const x = input('x', ['batch', 3]);
    for (const trainable of [true, false]) {
      const layer = layers.batchNormalization({ trainable });
      const { updates } = callLayer(layer, [x], weights, true);
      expect(layer.stateful).toBe(trainable);
      expect(Object.keys(updates)).toEqual(trainable ? ['moving_mean', 'moving_variance'] : []);
    }
  });

  test('with renorm normalizes in training by its running statistics, as far as the bounds let it', async () => {
    const x = constant(random('renorm', [8, 3]));
    const options = { center: false, scale: false, renorm: true };
    const of = (renormClipping?: { rmin?: number; rmax?: number; dmax?: number }) =>
      callLayer(layers.batchNormalization({ ...options, renormClipping }), [x], weights, true).y;
    const bare = callLayer(
      layers.batchNormalization(),
      [x],
      ({ name, shape }) =>
        name === 'gamma' ? constant(floats([1, 1, 1], shape)) : constant(floats([0, 0, 0], shape)),
      true,
    ).y;
    const results = await run({
      x,
      free: of(),
      bound: of({ rmin: 1, rmax: 1, dmax: 0 }),
      bare,
      mean: weights({ name: 'renorm_mean', shape: [3] }),
      deviation: weights({ name: 'renorm_stddev', shape: [3] }),
    });
    const [mean, deviation] = [numbers(results.mean), numbers(results.deviation)];
    const expected = numbers(results.x).map((value, i) => (value - mean[i % 3]!) / deviation[i % 3]!);
    expect(relativeError(numbers(results.free), expected)).toBeLessThan(1e-5);
    expect(relativeError(numbers(results.bound), numbers(results.bare))).toBeLessThan(1e-5);
  });

  test('with renorm begins with the deviation of its first variance', () => {
    const layer = layers.batchNormalization({
      renorm: true,
      movingVarianceInitializer: initializers.constant({ value: 4 }),
    });
    layer.apply(layers.input({ shape: [3] }));
    const first = layer.weights.map(({ path, initializer, shape }) => [
      path.split('/')[1],
      numbers(drawInitial(initializer, shape, deriveKey(0, 'test', path)))[0],
    ]);
    expect(Object.fromEntries(first)).toEqual({
      gamma: 1,
      beta: 0,
      moving_mean: 0,
      moving_variance: 4,
      moving_stddev: 2,
      renorm_mean: 0,
      renorm_stddev: 2,
    });
  });
});

test('GroupNormalization of −1 has a group for each channel', async () => {
  const x = constant(random('groups', [2, 4, 3, 6]));
  const of = (groups: number) => callLayer(layers.groupNormalization({ groups }), [x], weights).y;
  const results = await run({ each: of(-1), six: of(6), three: of(3) });
  expect(numbers(results.each)).toEqual(numbers(results.six));
  expect(relativeError(numbers(results.three), numbers(results.six))).toBeGreaterThan(0.1);
});

test('LayerNormalization takes axes in any order, counted from either end', async () => {
  const x = constant(random('axes', [2, 4, 3]));
  const of = (axis: number | number[]) => callLayer(layers.layerNormalization({ axis }), [x], weights).y;
  const results = await run({ front: of([1, 2]), back: of([-1, 1]), last: of(2), minus: of(-1) });
  expect(numbers(results.back)).toEqual(numbers(results.front));
  expect(numbers(results.minus)).toEqual(numbers(results.last));
  expect(relativeError(numbers(results.last), numbers(results.front))).toBeGreaterThan(0.1);
});

test('UnitNormalization leaves zeros, and their gradient is finite', async () => {
  const x = constant(floats([0, 0, 3, 4], [2, 2]));
  const { y } = callLayer(layers.unitNormalization(), [x], weights);
  const [dx] = gradient(reduceSum(y), [x]);
  const results = await run({ y, dx: dx! });
  [0, 0, 0.6, 0.8].forEach((value, i) => {
    expect(numbers(results.y)[i]).toBeCloseTo(value, 6);
  });
  expect(numbers(results.dx).every(Number.isFinite)).toBe(true);
});

describe('errors name the layer and what is wrong', () => {
  const name = 'mine';
  const x = (...shape: Dim[]) => layers.input({ shape });
  const image = x(4, 5, 6);
  test.each([
    [
      'an axis that there is not',
      () => layers.batchNormalization({ name, axis: 4 }).apply(image),
      ShapeError,
      'axis must lie in [-4, 4), got 4',
    ],
    [
      'statistics of each example',
      () => layers.batchNormalization({ name, axis: 0 }).apply(image),
      ShapeError,
      'axis 0 must be known',
    ],
    [
      'an open size of weights',
      () => layers.layerNormalization({ name, axis: [1, 2] }).apply(x('height', 4, 3)),
      ShapeError,
      'axis 1 must be known',
    ],
    [
      'an axis given twice',
      () => layers.layerNormalization({ name, axis: [1, -3] }).apply(image),
      ShapeError,
      'given twice in [1,-3]',
    ],
    [
      'groups that do not fit',
      () => layers.groupNormalization({ name, groups: 4 }).apply(image),
      ShapeError,
      '6 channels do not fall into 4 groups',
    ],
    [
      'more groups than channels',
      () => layers.groupNormalization({ name }).apply(image),
      ShapeError,
      '6 channels do not fall into 32 groups',
    ],
    ['no groups', () => layers.groupNormalization({ name, groups: 0 }), UsageError, 'groups must be'],
    [
      'a vector’s second axis',
      () => layers.unitNormalization({ name, axis: [1, 2] }).apply(x(3)),
      ShapeError,
      'axis must lie in [-2, 2), got 2',
    ],
    [
      'a share above 1',
      () => layers.batchNormalization({ name, momentum: 1.5 }),
      UsageError,
      'momentum must be a number from 0 on and up to 1',
    ],
    [
      'a negative variance',
      () => layers.layerNormalization({ name, epsilon: -1 }),
      UsageError,
      'epsilon must be',
    ],
    [
      'an unknown bound of renorm',
      () => layers.batchNormalization({ name, renormClipping: { max: 2 } as never }),
      UsageError,
      'renormClipping must be { rmin, rmax, dmax }',
    ],
    [
      'bounds of renorm that leave nothing',
      () => layers.batchNormalization({ name, renormClipping: { rmin: 2, rmax: 1 } }),
      UsageError,
      'rmin up to rmax',
    ],
    [
      'a negative bound of renorm',
      () => layers.batchNormalization({ name, renormClipping: { dmax: -1 } }),
      UsageError,
      'dmax from 0 on',
    ],
  ])('%s', (_, make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
    expect(make).toThrow("layer 'mine'");
  });
});
