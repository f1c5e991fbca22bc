import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import type { Layer } from './layer.ts';
import * as layers from './layers.ts';

const name = 'mine';

test.each<[string, Layer, (number | null)[], Shape]>([
  ['Flatten', layers.flatten(), [4, 3], ['batch', 12]],
  ['Reshape', layers.reshape({ targetShape: [2, -1] }), [4, 3], ['batch', 2, 6]],
  ['Reshape to a number', layers.reshape({ targetShape: [] }), [1], ['batch']],
  ['Permute', layers.permute({ dims: [3, 1, 2] }), [4, null, 2], ['batch', 2, 4, 'size2']],
  ['RepeatVector', layers.repeatVector({ n: 3 }), [5], ['batch', 3, 5]],
  ['ZeroPadding2D', layers.zeroPadding2d({ padding: [1, [2, 3]] }), [4, null, 1], ['batch', 6, 'size2+5', 1]],
  ['Cropping2D', layers.cropping2d({ cropping: [[1, 2], 0] }), [4, 5, 1], ['batch', 1, 5, 1]],
  ['UpSampling2D', layers.upSampling2d({ size: [2, 3] }), [4, 5, 2], ['batch', 8, 15, 2]],
])('%s says what comes out', (_, layer, shape, expected) => {
  expect(layer.apply(layers.input({ shape })).shape).toEqual(expected);
});

describe('what cannot be meant is refused, by the layer’s name', () => {
  test.each<[string, () => unknown, string]>([
    ['a second −1', () => layers.reshape({ name, targetShape: [-1, -1] }), '−1 at most once, got [-1,-1]'],
    ['a size of 0', () => layers.reshape({ name, targetShape: [0] }), 'above 0'],
    ['an axis twice', () => layers.permute({ name, dims: [1, 1] }), 'each once'],
    ['the batch', () => layers.permute({ name, dims: [0, 1] }), 'from 1 on'],
    ['no repeat', () => layers.repeatVector({ name, n: 0 }), 'n must be'],
    ['three margins', () => layers.zeroPadding2d({ name, padding: [1, 2, 3] as never }), '[[top, bottom]'],
    ['a margin below 0', () => layers.cropping2d({ name, cropping: -1 }), 'from 0 on'],
    ['half a size', () => layers.upSampling2d({ name, size: 1.5 }), 'size must be'],
    [
      'another method',
      () => layers.upSampling2d({ name, interpolation: 'area' as 'nearest' }),
      'one of nearest, bilinear, bicubic, lanczos3, lanczos5',
    ],
    ['another layout', () => layers.flatten({ name, dataFormat: 'channelsFirst' as never }), 'the only one'],
  ])('%s', (_, make, words) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow("layer 'mine'");
    expect(make).toThrow(words);
  });

  test.each<[string, () => Layer, (number | null)[], string]>([
    ['sizes that differ', () => layers.reshape({ name, targetShape: [2, 2] }), [5], '5 elements cannot take'],
    ['a rest that is none', () => layers.reshape({ name, targetShape: [2, -1] }), [5], 'shape [2, -1]'],
    ['two open sizes', () => layers.flatten({ name }), [null, null], 'two symbolic dimensions'],
    ['other axes', () => layers.permute({ name, dims: [2, 1] }), [4], 'for 2 axes'],
    ['a matrix', () => layers.repeatVector({ name, n: 2 }), [4, 4], 'vectors [batch, size]'],
    ['no images', () => layers.zeroPadding2d({ name }), [4], 'images [batch, height'],
    [
      'nothing left',
      () => layers.cropping2d({ name, cropping: [0, 2] }),
      [9, 4, 1],
      'nothing of the width 4',
    ],
    ['open channels', () => layers.upSampling2d({ name }), [4, 4, null], 'channels must be known'],
    ['an open height', () => layers.upSampling2d({ name }), [null, 4, 1], 'must be known'],
  ])('%s', (_, make, shape, words) => {
    const apply = () => make().apply(layers.input({ shape }));
    expect(apply).toThrow(ShapeError);
    expect(apply).toThrow("layer 'mine'");
    expect(apply).toThrow(words);
  });
});
