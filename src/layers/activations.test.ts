import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import * as layers from './layers.ts';

const name = 'mine';

describe('what cannot be meant is refused, by the layer’s name', () => {
  test.each<[string, () => unknown, string]>([
    ['a bound below 0', () => layers.reLU({ name, maxValue: -1 }), 'maxValue'],
    ['a threshold below 0', () => layers.reLU({ name, threshold: -1 }), 'threshold'],
    ['a slope below 0', () => layers.leakyReLU({ name, negativeSlope: -0.1 }), 'negativeSlope'],
    ['no number', () => layers.elu({ name, alpha: Number.NaN }), 'alpha'],
    ['the batch', () => layers.prelu({ name, sharedAxes: [0, 1] }), 'sharedAxes'],
    ['no axis', () => layers.softmax({ name, axis: [] }), 'axis must be a whole number, or a list of them'],
  ])('%s', (_, make, words) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow("layer 'mine'");
    expect(make).toThrow(words);
  });

  test.each<[string, () => unknown, string]>([
    [
      'a shared axis beyond the last',
      () => layers.prelu({ name, sharedAxes: 3 }).apply(layers.input({ shape: [4, 2] })),
      'axis 3, the last is 2',
    ],
    [
      'slopes of an open size',
      () => layers.prelu({ name }).apply(layers.input({ shape: [null, 2] })),
      'axis 1 must be known',
    ],
    [
      'an axis beyond the last',
      () => layers.softmax({ name, axis: [1, 3] }).apply(layers.input({ shape: [4, 2] })),
      'got 3',
    ],
  ])('%s', (_, apply, words) => {
    expect(apply).toThrow(ShapeError);
    expect(apply).toThrow("layer 'mine'");
    expect(apply).toThrow(words);
  });
});

test('a shared axis needs no known size', () => {
  const layer = layers.prelu({ sharedAxes: [1, 2] });
  expect(layer.apply(layers.input({ shape: [null, null, 3] })).shape).toEqual(['batch', 'size1', 'size2', 3]);
  expect(layer.weights.map(({ shape }) => shape)).toEqual([[1, 1, 3]]);
});
