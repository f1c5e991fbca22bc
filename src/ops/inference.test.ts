import { describe, expect, test } from 'vitest';
import { ShapeError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { conv2d, conv2dFilterGradient } from './conv.ts';
import { add, equal } from './elementwise.ts';
import { matMul } from './linear.ts';
import { averagePool2d, maxPool2d } from './pool.ts';
import { argMax, reduceMean, reduceSum } from './reduce.ts';
import { concat, gather, pad, reshape, shapeOf, slice, transpose } from './shaping.ts';
import { softmax } from './softmax.ts';

const of = (...shape: Shape) => input('x', shape);
const images = of('batch', 8, 9, 4);
const kernel = (...shape: Shape) => input('w', shape);

describe('shapes that do not fit are named', () => {
  test.each<[string, () => Value, string[]]>([
    ['broadcast', () => add(of(2, 3), of(4)), ['Add', '[2, 3]', '[4]']],
    ['two symbols', () => add(of('batch', 3), of('other', 3)), ['[batch, 3]', '[other, 3]']],
    ['dtypes', () => equal(of(2), input('i', [2], 'int32')), ['float32[2]', 'int32[2]', 'cast']],
    ['matMul', () => matMul(of(2, 3), of(4, 5)), ['MatMul', '[2, 3]', '[4, 5]']],
    [
      'matMul transposed',
      () => matMul(of(2, 3), of(3, 5), { transposeA: true }),
      ['[2, 3] (transposed) and', '[3, 5] cannot'],
    ],
    ['matMul of a vector', () => matMul(of(3), of(3, 2)), ['matrices', '[3]', '[3, 2]']],
    ['matMul of other batches', () => matMul(of(2, 3, 4), of(3, 4, 5)), ['[2, 3, 4]', '[3, 4, 5]']],
    [
      'channels',
      () => conv2d(images, kernel(3, 3, 3, 8), undefined),
      ['Conv2D', '[batch, 8, 9, 4]', '[3, 3, 3, 8]', '1 group'],
    ],
    [
      'groups',
      () => conv2d(images, kernel(3, 3, 2, 5), undefined, { groups: 2 }),
      ['[3, 3, 2, 5]', '2 group'],
    ],
    ['bias', () => conv2d(images, kernel(3, 3, 4, 8), of(4)), ['[3, 3, 4, 8]', '[8]', 'got float32[4]']],
    [
      'window',
      () => conv2d(images, kernel(9, 3, 4, 8), undefined),
      ['9×3', '[batch, 8, 9, 4]', 'pads [0, 0, 0, 0]'],
    ],
    ['kernel', () => conv2d(images, kernel(3, 4, 8), undefined), ['kernel [height, width', '[3, 4, 8]']],
    [
      'images',
      () => conv2d(of('batch', 'height', 9, 4), kernel(3, 3, 4, 8), undefined),
      ['known size', '[batch, height, 9, 4]'],
    ],
    ['pool', () => maxPool2d(images, { poolSize: [2, 10] }), ['MaxPool2D', '2×10', '[batch, 8, 9, 4]']],
    ['pool of no images', () => averagePool2d(of(2, 3), { poolSize: [1, 1] }), ['AveragePool2D', '[2, 3]']],
    ['concat', () => concat(of(2, 3), of(2, 3), of(3, 3), { axis: 1 }), ['[2, 3]', '[3, 3]', 'axis 1']],
    ['concat of other ranks', () => concat(of(2, 3), of(2), { axis: 0 }), ['[2, 3]', '[2]']],
    ['concat of nothing', () => concat({ axis: 0 }), ['at least one']],
    ['reshape', () => reshape(of('batch', 6), { shape: ['batch', 2, 4] }), ['[batch, 6]', '[batch, 2, 4]']],
    ['transpose', () => transpose(of(2, 3), { perm: [0, 0] }), ['[0, 0]', '[2, 3]']],
    ['transpose of three', () => transpose(of(2, 3), { perm: [0, 1, 2] }), ['[0, 1, 2]', '[2, 3]']],
    ['slice along a symbol', () => slice(images, { starts: [0], ends: [1] }), ['axis 0', '[batch, 8, 9, 4]']],
    ['slice by nothing', () => slice(of(4), { starts: [0], ends: [4], steps: [0] }), ['above 0, got 0']],
    ['axis', () => reduceSum(of(2, 3), { axes: [2] }), ['ReduceSum', '[-2, 2)', 'got 2']],
    ['softmax axis', () => softmax(of(2, 3), { axis: -3 }), ['Softmax', 'got -3']],
    ['no value', () => add(of(2), 3 as never), ['Add', "'b'", 'a value of a graph']],
    ['no value among others', () => concat(of(2), null as never, of(2), { axis: 0 }), ['Concat', 'got null']],
  ])('%s', (_, build, words) => {
    expect(build).toThrow(ShapeError);
    for (const word of words) expect(build).toThrow(word);
  });
});

test.each<[string, Value, Shape]>([
  ['broadcast', add(of('batch', 1, 3), of(4, 1)), ['batch', 4, 3]],
  ['matMul', matMul(of(5, 1, 2, 3), of(7, 4, 3), { transposeB: true }), [5, 7, 2, 4]],
  [
    'conv2d',
    conv2d(images, kernel(3, 2, 4, 6), undefined, { strides: [2, 3], pads: [1, 0, 1, 1] }),
    ['batch', 4, 3, 6],
  ],
  [
    'conv2d, dilated',
    conv2d(images, kernel(3, 3, 2, 6), of(6), { groups: 2, dilations: [2, 3] }),
    ['batch', 4, 3, 6],
  ],
  [
    'conv2dFilterGradient',
    conv2dFilterGradient(images, of('batch', 6, 7, 2), { kernel: [3, 3], groups: 2 }),
    [3, 3, 2, 2],
  ],
  ['maxPool2d', maxPool2d(images, { poolSize: [2, 2] }), ['batch', 4, 4, 4]],
  [
    'averagePool2d',
    averagePool2d(images, { poolSize: [3, 3], strides: [1, 1], pads: [1, 1, 1, 1] }),
    images.shape,
  ],
  ['reduceMean', reduceMean(images, { axes: [-2, 1] }), ['batch', 4]],
  ['reduceMean, kept', reduceMean(images, { axes: [0], keepDims: true }), [1, 8, 9, 4]],
  ['reduceMean of all', reduceMean(images), []],
  ['argMax', argMax(of('batch', 10)), ['batch']],
  ['reshape', reshape(images, { shape: ['72*batch', 4] }), ['72*batch', 4]],
  ['concat', concat(of('2*batch', 3), of('batch', 3), of(1, 3), { axis: 0 }), ['3*batch+1', 3]],
  [
    'slice',
    slice(images, { starts: [-3, 0], ends: [99, 9], axes: [1, 2], steps: [1, 2] }),
    ['batch', 3, 5, 4],
  ],
  ['slice of nothing', slice(of(4), { starts: [3], ends: [1] }), [0]],
  ['pad', pad(images, { before: [0, 1, 0, 0], after: [0, 1, 2, 0] }), ['batch', 10, 11, 4]],
  ['gather', gather(of(5, 'batch'), of(2, 3), { axis: 0 }), [2, 3, 'batch']],
  ['shapeOf', shapeOf(images, { start: 1 }), [3]],
])('%s has its shape', (_, { shape }, expected) => {
  expect(shape).toEqual(expected);
});
