import { describe, expect, test } from 'vitest';
import { ShapeError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { conv2d, conv2dFilterGradient, conv2dTranspose } from './conv.ts';
import { add, clip, equal, logicalAnd, where } from './elementwise.ts';
import { matMul } from './linear.ts';
import { averagePool2d, maxPool2d } from './pool.ts';
import {
  expandDims,
  moveAxis,
  padEdges,
  repeatElements,
  split,
  squeeze,
  stack,
  tile,
} from './rearranging.ts';
import { argMax, argMin, cumSum, moments, reduceMean, reduceSum } from './reduce.ts';
import {
  concat,
  expandTo,
  gather,
  gatherRows,
  pad,
  reshape,
  scatterAdd,
  shapeOf,
  slice,
  takeAlong,
  transpose,
  zerosLike,
} from './shaping.ts';
import { softmax } from './softmax.ts';
import { oneHot, sort, topK, topKIndices } from './sorting.ts';

const of = (...shape: Shape) => input('x', shape);
const images = of('batch', 8, 9, 4);
const condition = input('c', [3], 'bool');
const int64 = (...shape: Shape) => input('i', shape, 'int64');
const kernel = (...shape: Shape) => input('w', shape);

describe('shapes that do not fit are named', () => {
  test.each<[string, () => unknown, string[]]>([
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
    ['where', () => where(of(3), of(3), of(3)), ['Where', 'bool', 'float32[3]']],
    ['where of other shapes', () => where(condition, of(4), of(4)), ['Where', 'bool[3]', '[4]']],
    ['logicalAnd', () => logicalAnd(condition, of(3)), ['And', 'bool', 'float32[3]']],
    ['clip', () => clip(of(3), { min: 2, max: 1 }), ['min must not be above max', '2 and 1']],
    [
      'gather by what is not whole',
      () => gather(of(3), of(2), { axis: 0 }),
      ['Gather', 'int64 or int32', 'float32[2]'],
    ],
    ['takeAlong', () => takeAlong(of(2, 3), int64(4, 3), { axis: 1 }), ['[2, 3]', '[4, 3]', 'axis 1']],
    [
      'scatterAdd',
      () => scatterAdd(of(2, 3), int64(2, 4), of(2, 3), { axis: 1 }),
      ['updates', '[2, 4]', '[2, 3]'],
    ],
    ['gatherRows', () => gatherRows(of('batch', 9, 3), int64(2, 4)), ['[batch, 9, 3]', '[2, 4]']],
    ['topK', () => topK(of(2, 3), { k: 4 }), ['TopK', 'from 1', '[2, 3]', 'got 4']],
    ['sort along a symbol', () => sort(of('batch', 3), { axis: 0 }), ['argSort', "'batch'"]],
    ['squeeze', () => squeeze(of(2, 1), { axes: [0] }), ['squeeze', 'axis 0', '[2, 1]']],
    ['stack', () => stack([of(2), of(3)]), ['stack', '[2]', '[3]']],
    ['split', () => split(of(2, 5), { parts: 2 }), ['split', 'axis 1', '[2, 5]', '2']],
    ['split by sizes', () => split(of(5), { parts: [2, 2] }), ['split', '[5]', '[2,2]']],
    ['tile', () => tile(of(2, 5), { repeats: [2] }), ['Tile', '[2, 5]', '[2]']],
    ['pad', () => pad(of(2, 5), { before: [1], after: [0, 0] }), ['Pad', '[2, 5]', '[1]']],
    [
      'padEdges',
      () => padEdges(of(2, 5), { before: [2, 0], after: [0, 0], mode: 'reflect' }),
      ['axis 0', '[2, 5]', 'too small', 'reflect'],
    ],
    ['expandTo', () => expandTo(of(2, 1), [2, 'width']), ["'width'", '[2, 1]']],
    [
      'conv2dTranspose',
      () => conv2dTranspose(images, kernel(3, 3, 2, 4), { strides: [2, 2], size: [20, 20] }),
      ['20×20', '9×9', '[batch, 8, 9, 4]'],
    ],
    [
      'conv2dTranspose, channels',
      () => conv2dTranspose(images, kernel(3, 3, 4, 2), { size: [10, 11] }),
      ['filters / groups, 4', '[3, 3, 4, 2]'],
    ],
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
  ['argMin, kept', argMin(of('batch', 10), { axis: 0, keepDims: true }), [1, 10]],
  ['moments', moments(images, { axes: [0, 1, 2] }).variance, [4]],
  ['cumSum', cumSum(of('batch', 10)), ['batch', 10]],
  ['where', where(condition, of('batch', 1), of(3)), ['batch', 3]],
  [
    'conv2dTranspose',
    conv2dTranspose(images, kernel(3, 2, 6, 4), { strides: [2, 3], pads: [0, 0, 1, 1], size: [16, 26] }),
    ['batch', 16, 26, 6],
  ],
  ['topKIndices', topKIndices(of('batch', 10), { k: 3 }), ['batch', 3]],
  ['sort', sort(images, { axis: 1 }), images.shape],
  ['oneHot', oneHot(input('i', ['batch'], 'int64'), { depth: 5 }), ['batch', 5]],
  ['oneHot, first', oneHot(input('i', ['batch', 2], 'int32'), { depth: 5, axis: 0 }), [5, 'batch', 2]],
  ['takeAlong', takeAlong(of(2, 3), int64(2, 7), { axis: -1 }), [2, 7]],
  ['gatherRows', gatherRows(of('batch', 9, 3), input('i', ['batch', 4], 'int32')), ['batch', 4, 3]],
  ['expandDims', expandDims(images, { axis: -1 }), ['batch', 8, 9, 4, 1]],
  ['expandDims, first', expandDims(images, { axis: 0 }), [1, 'batch', 8, 9, 4]],
  ['squeeze', squeeze(of('batch', 1, 3, 1)), ['batch', 3]],
  ['stack', stack([images, images], { axis: 1 }), ['batch', 2, 8, 9, 4]],
  ['split', split(images, { parts: [1, 3] })[1]!, ['batch', 8, 9, 3]],
  ['moveAxis', moveAxis(images, { from: -1, to: 1 }), ['batch', 4, 8, 9]],
  ['moveAxis, back', moveAxis(images, { from: 1, to: 3 }), ['batch', 9, 4, 8]],
  ['tile', tile(images, { repeats: [2, 1, 3, 1] }), ['2*batch', 8, 27, 4]],
  ['repeatElements', repeatElements(images, { times: 2, axis: 1 }), ['batch', 16, 9, 4]],
  [
    'padEdges',
    padEdges(images, { before: [0, 7, 0, 0], after: [0, 7, 8, 0], mode: 'reflect' }),
    ['batch', 22, 17, 4],
  ],
  ['expandTo', expandTo(of(1, 4), ['batch', 4], images), ['batch', 4]],
  ['zerosLike', zerosLike(images), images.shape],
  ['reshape', reshape(images, { shape: ['72*batch', 4] }), ['72*batch', 4]],
  ['concat', concat(of('2*batch', 3), of('batch', 3), of(1, 3), { axis: 0 }), ['3*batch+1', 3]],
  [
    'slice',
    slice(images, { starts: [-3, 0], ends: [99, 9], axes: [1, 2], steps: [1, 2] }),
    ['batch', 3, 5, 4],
  ],
  ['slice of nothing', slice(of(4), { starts: [3], ends: [1] }), [0]],
  ['pad', pad(images, { before: [0, 1, 0, 0], after: [0, 1, 2, 0] }), ['batch', 10, 11, 4]],
  ['gather', gather(of(5, 'batch'), input('i', [2, 3], 'int64'), { axis: 0 }), [2, 3, 'batch']],
  ['shapeOf', shapeOf(images, { start: 1 }), [3]],
])('%s has its shape', (_, { shape }, expected) => {
  expect(shape).toEqual(expected);
});
