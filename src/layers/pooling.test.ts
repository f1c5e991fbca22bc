import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import type { Dim } from '../core/shape.ts';
import * as layers from './layers.ts';

const x = (...shape: Dim[]) => layers.input({ shape });

test('global pools take maps of any size', () => {
  expect(layers.globalMaxPooling2d().apply(x('height', 'width', 3)).shape).toEqual(['batch', 3]);
  expect(layers.globalAveragePooling2d({ keepdims: true }).apply(x('height', 5, 3)).shape).toEqual([
    'batch',
    1,
    1,
    3,
  ]);
});

test('strides are the pool’s size unless given', () => {
  expect(layers.maxPooling2d({ poolSize: [3, 2] }).apply(x(9, 9, 1)).shape).toEqual(['batch', 3, 4, 1]);
  expect(layers.averagePooling2d({ poolSize: [3, 2], strides: 1 }).apply(x(9, 9, 1)).shape).toEqual([
    'batch',
    7,
    8,
    1,
  ]);
});

describe('errors name the layer and what is wrong', () => {
  const name = 'mine';
  test.each([
    ['rows', () => layers.maxPooling2d({ name }).apply(x(4)), ShapeError, 'on [batch, 4]'],
    [
      'rows, globally',
      () => layers.globalMaxPooling2d({ name }).apply(x(4, 3)),
      ShapeError,
      'on [batch, 4, 3]',
    ],
    [
      'a window beyond the image',
      () => layers.averagePooling2d({ name, poolSize: 5 }).apply(x(4, 9, 1)),
      ShapeError,
      'on [batch, 4, 9, 1]',
    ],
    [
      'an open height',
      () => layers.maxPooling2d({ name, padding: 'same' }).apply(x('height', 4, 1)),
      ShapeError,
      'height and width must be known',
    ],
    ['no size', () => layers.averagePooling2d({ name, poolSize: [2, 0] }), UsageError, 'poolSize'],
    [
      'a padding that there is not',
      () => layers.maxPooling2d({ name, padding: 'causal' as 'same' }),
      UsageError,
      'valid, same',
    ],
    [
      'a flag that is none',
      () => layers.globalAveragePooling2d({ name, keepdims: 1 as never }),
      UsageError,
      'keepdims must be true or false',
    ],
  ])('%s', (_, make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
    expect(make).toThrow("layer 'mine'");
  });
});
