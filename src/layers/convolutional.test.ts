import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { callLayer } from '../../test/support/layer-call.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { conv2d } from '../ops/conv.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { concat, slice } from '../ops/shaping.ts';
import * as layers from './layers.ts';

const { run } = useDevice();

const numbers = (tensor: Tensor | undefined) => tensor!.data as Float32Array;
const random = (name: string, shape: readonly number[]): Value =>
  constant(uniform(randomStream('convolutional', name), shape));

test('Conv2DTranspose is the adjoint of Conv2D', async () => {
  const size = fc.integer({ min: 1, max: 4 });
  const options = fc
    .record({
      kernelSize: fc.tuple(size, size),
      strides: fc.tuple(size, size),
      dilationRate: fc.tuple(size, size),
      strided: fc.boolean(),
      padding: fc.constantFrom('valid' as const, 'same' as const),
    })
    .map(({ strided, strides, dilationRate, ...rest }) => ({
      ...rest,
      useBias: false,
      strides: strided ? strides : ([1, 1] as const),
      dilationRate: strided ? ([1, 1] as const) : dilationRate,
    }));
  const law = fc.asyncProperty(options, size, size, async (geometry, height, width) => {
    const y = random('y', [2, height, width, 3]);
    const kernel = random('kernel', [...geometry.kernelSize, 2, 3]);
    const up = callLayer(layers.conv2dTranspose({ filters: 2, ...geometry }), [y], () => kernel).y;
    const x = random('x', up.shape as number[]);
    const down = callLayer(layers.conv2d({ filters: 3, ...geometry }), [x], () => kernel).y;
    expect(down.shape).toEqual(y.shape);
    const results = await run({ forth: reduceSum(mul(down, y)), back: reduceSum(mul(x, up)) });
    expect(numbers(results.forth)[0]).toBeCloseTo(numbers(results.back)[0]!, 3);
  });
  await fc.assert(law, { numRuns: 40 });
});

// TensorFlow's kernels take no such strides, so there are no values of Keras' to compare with.
test('strides of depthwise parts may differ between height and width', async () => {
  const geometry = { kernelSize: [2, 3], strides: [1, 2], dilationRate: [2, 1] } as const;
  const options = { ...geometry, depthMultiplier: 2, useBias: false };
  const x = random('x', [2, 8, 7, 3]);
  const kernel = random('depthwise', [2, 3, 3, 2]);
  const pointwise = random('pointwise', [1, 1, 6, 4]);
  const of = (value: Value, axis: number, channel: number) =>
    slice(value, { starts: [channel], ends: [channel + 1], axes: [axis] });
  const apart = [0, 1, 2].map((channel) =>
    conv2d(of(x, 3, channel), of(kernel, 2, channel), undefined, { strides: [1, 2], dilations: [2, 1] }),
  );
  const expected = concat(...apart, { axis: 3 });
  const separable = layers.separableConv2d({ ...options, filters: 4 });
  const results = await run({
    expected,
    depthwise: callLayer(layers.depthwiseConv2d(options), [x], () => kernel).y,
    mixed: conv2d(expected, pointwise, undefined, {}),
    separable: callLayer(separable, [x], (_, i) => [kernel, pointwise][i]!).y,
  });
  expect(relativeError(numbers(results.depthwise), numbers(results.expected))).toBeLessThan(1e-6);
  expect(relativeError(numbers(results.separable), numbers(results.mixed))).toBeLessThan(1e-6);
});

describe('errors name the layer and what is wrong', () => {
  const name = 'mine';
  const x = (...shape: Shape) => layers.input({ shape: shape as number[] });
  const small = { name, filters: 4, kernelSize: 3 };
  test.each([
    [
      'filters that do not fall into groups',
      () => layers.conv2d({ ...small, groups: 3 }),
      UsageError,
      '4 filters do not fall into 3 groups',
    ],
    [
      'channels that do not fall into groups',
      () => layers.conv2d({ ...small, groups: 2 }).apply(x(4, 4, 3)),
      ShapeError,
      '3 channels do not fall into 2 groups',
    ],
    [
      'strides and a dilation',
      () => layers.conv2d({ ...small, strides: 2, dilationRate: [1, 2] }),
      UsageError,
      'exclude each other, got [2,2] and [1,2]',
    ],
    [
      'strides and a dilation, transposed',
      () => layers.conv2dTranspose({ ...small, strides: [2, 1], dilationRate: 2 }),
      UsageError,
      'exclude each other',
    ],
    [
      'as much outputPadding as strides',
      () => layers.conv2dTranspose({ ...small, strides: [2, 3], outputPadding: [1, 3] }),
      UsageError,
      'outputPadding must be below the strides, got [1,3] and [2,3]',
    ],
    [
      'an even kernel without outputPadding',
      () =>
        layers
          .conv2dTranspose({ ...small, kernelSize: 2, strides: 2, padding: 'same', outputPadding: 0 })
          .apply(x(4, 4, 3)),
      ShapeError,
      'outputPadding of 1',
    ],
    [
      'a multiplier of nothing',
      () => layers.depthwiseConv2d({ name, kernelSize: 3, depthMultiplier: 0 }),
      UsageError,
      'depthMultiplier',
    ],
    [
      'channels first',
      () => layers.separableConv2d({ ...small, dataFormat: 'channelsFirst' as never }),
      UsageError,
      'channelsLast',
    ],
    [
      'rows that are no images',
      () => layers.depthwiseConv2d({ name, kernelSize: 3 }).apply(x(4, 3)),
      ShapeError,
      '[batch, 4, 3]',
    ],
    [
      'a kernel beyond the image',
      () => layers.separableConv2d({ ...small, kernelSize: 5 }).apply(x(4, 9, 1)),
      ShapeError,
      '[batch, 4, 9, 1]',
    ],
    [
      'an open height where it is needed',
      () => layers.conv2dTranspose(small).apply(x('height', 4, 3)),
      ShapeError,
      'height and width must be known',
    ],
  ])('%s', (_, make, kind, message) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(message);
    expect(make).toThrow("layer 'mine'");
  });
});
