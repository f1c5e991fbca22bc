import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Layer } from './layer.ts';
import * as layers from './layers.ts';

const device = useDevice();

/** What a layer makes of a tensor, [1, …], in inference; its weights are ones unless they have values. */
async function outputOf(layer: Layer, x: Tensor): Promise<number[]> {
  layer.apply(layers.input({ shape: x.shape.slice(1), dtype: x.dtype }));
  const y = layer.call([input('x', x.shape, x.dtype)], {
    training: false,
    read: ({ value, shape }) =>
      constant(value ?? floats(new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape)),
    update: () => {},
    addLoss: () => {},
    randomKey: () => input('key', [2], 'uint32'),
  }) as Value;
  return Array.from((await device.run({ y }, { x })).y!.data as Float32Array);
}

const row = (values: number[]) => floats(values, [1, 1, values.length, 1]);
const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe("padding 'same' is TensorFlow's", () => {
  // tf.nn.conv2d of 1, 2, … with a kernel of ones; tf.nn.max_pool2d of −1, −2, …; tf.nn.avg_pool2d of 1, 2, …
  test.each([
    { size: 5, kernel: 3, strides: 1, expected: [3, 6, 9, 12, 9] },
    { size: 4, kernel: 2, strides: 1, expected: [3, 5, 7, 4] },
    { size: 5, kernel: 3, strides: 2, expected: [3, 9, 9] },
    { size: 6, kernel: 3, strides: 2, expected: [6, 12, 11] },
    { size: 7, kernel: 2, strides: 2, expected: [3, 7, 11, 7] },
    { size: 7, kernel: 4, strides: 3, expected: [6, 18, 13] },
    { size: 8, kernel: 4, strides: 3, expected: [6, 18, 21] },
    { size: 2, kernel: 5, strides: 1, expected: [3, 3] },
    { size: 3, kernel: 1, strides: 2, expected: [1, 3] },
    { size: 5, kernel: 3, strides: 1, dilation: 2, expected: [4, 6, 9, 6, 8] },
    { size: 6, kernel: 2, strides: 1, dilation: 3, expected: [3, 5, 7, 9, 4, 5] },
  ])(
    'Conv2D, $size by $kernel, strides $strides, dilation $dilation',
    async ({ size, kernel, strides, dilation = 1, expected }) => {
      for (const [across, shape] of [
        [true, [1, 1, size, 1]],
        [false, [1, size, 1, 1]],
      ] as const) {
        const pair = (n: number): [number, number] => (across ? [1, n] : [n, 1]);
        const layer = layers.conv2d({
          filters: 1,
          kernelSize: pair(kernel),
          strides: pair(strides),
          dilationRate: pair(dilation),
          padding: 'same',
          useBias: false,
        });
        expect(await outputOf(layer, floats(upTo(size), shape))).toEqual(expected);
      }
    },
  );

  test.each([
    { size: 5, kernel: 3, strides: 2, largest: [1, 2, 4], means: [1.5, 3, 4.5] },
    { size: 6, kernel: 3, strides: 2, largest: [1, 3, 5], means: [2, 4, 5.5] },
    { size: 4, kernel: 2, strides: 1, largest: [1, 2, 3, 4], means: [1.5, 2.5, 3.5, 4] },
    { size: 7, kernel: 4, strides: 3, largest: [1, 3, 6], means: [2, 4.5, 6.5] },
    { size: 2, kernel: 5, strides: 1, largest: [1, 1], means: [1.5, 1.5] },
  ])('pools, $size by $kernel, strides $strides', async ({ size, kernel, strides, largest, means }) => {
    const config = { poolSize: [1, kernel], strides: [1, strides], padding: 'same' } as const;
    const negative = row(upTo(size).map((x) => -x));
    expect((await outputOf(layers.maxPooling2d(config), negative)).map((x) => -x)).toEqual(largest);
    expect(await outputOf(layers.averagePooling2d(config), row(upTo(size)))).toEqual(means);
  });
});

describe('Preprocessing', () => {
  test.each([
    ['caffe', [151.061, 11.221, -123.68], [-3.939, -16.779, -23.68]],
    ['tf', [-1, 0.0039216, 1], [-0.2156863, -0.2156863, -0.2156863]],
    ['torch', [-2.1179039, 0.2051821, 2.64], [-0.4054285, -0.285014, -0.0615251]],
    ['unit', [0, 0.5019608, 1], [0.3921569, 0.3921569, 0.3921569]],
  ] as const)('%s, of colours, of grey, of bytes and of floats', async (mode, colours, grey) => {
    const cases = [
      [[0, 128, 255], 3, colours],
      [[100, 100, 100], 3, grey],
      [[100], 1, grey],
    ] as const;
    for (const [values, channels, expected] of cases) {
      for (const x of [
        tensor('uint8', [1, 1, 1, channels], Uint8Array.from(values)),
        floats(values, [1, 1, 1, channels]),
      ]) {
        const found = await outputOf(layers.preprocessing({ mode }), x);
        expect(found).toHaveLength(3);
        expected.forEach((value, i) => {
          expect(found[i], `${mode} ${x.dtype} ${values}`).toBeCloseTo(value, 4);
        });
      }
    }
  });
});

describe('what cannot be meant is refused, by the layer’s name', () => {
  const named = { name: 'mine' };
  const x = (...shape: (number | string)[]) => layers.input({ shape });
  test.each<[string, () => unknown, typeof UsageError | typeof ShapeError, string]>([
    ['no filters', () => layers.conv2d({ ...named, filters: 0, kernelSize: 3 }), UsageError, 'filters'],
    [
      'half a kernel',
      () => layers.conv2d({ ...named, filters: 1, kernelSize: 1.5 }),
      UsageError,
      'kernelSize',
    ],
    [
      'an unknown activation',
      () => layers.dense({ ...named, units: 1, activation: 'rule' as 'relu' }),
      UsageError,
      '"rule"',
    ],
    ['no units', () => layers.dense({ ...named, units: -1 }), UsageError, 'units'],
    ['a rate of one', () => layers.dropout({ ...named, rate: 1 }), UsageError, 'rate'],
    [
      'an unknown mode',
      () => layers.preprocessing({ ...named, mode: 'x' as 'tf' }),
      UsageError,
      'caffe, tf, torch',
    ],
    [
      'a convolution of rows',
      () => layers.conv2d({ ...named, filters: 1, kernelSize: 1 }).apply(x(4)),
      ShapeError,
      '[batch, 4]',
    ],
    ['a pool of rows', () => layers.maxPooling2d(named).apply(x(4)), ShapeError, '[batch, 4]'],
    [
      'a kernel beyond the image',
      () => layers.conv2d({ ...named, filters: 1, kernelSize: 5 }).apply(x(4, 9, 1)),
      ShapeError,
      '[batch, 4, 9, 1]',
    ],
    [
      'groups that do not fit',
      () => layers.conv2d({ ...named, filters: 4, kernelSize: 1, groups: 2 }).apply(x(4, 4, 3)),
      ShapeError,
      '3 channels',
    ],
    ['unknown channels', () => layers.dense({ ...named, units: 1 }).apply(x('any')), ShapeError, 'any'],
    [
      'sizes that differ',
      () => layers.concatenate(named).apply([x(3, 3, 1), x(4, 3, 1)]),
      ShapeError,
      '[batch, 4, 3, 1]',
    ],
    [
      'two inputs of one',
      () => layers.flatten(named).apply([x(3), x(3)]),
      UsageError,
      'takes one input, got 2',
    ],
    ['no input', () => layers.concatenate(named).apply([]), UsageError, 'apply takes outputs'],
    ['an empty name', () => layers.flatten({ name: '' }), UsageError, 'name'],
  ])('%s', (title, make, kind, word) => {
    expect(make).toThrow(kind);
    expect(make).toThrow(word);
    if (title !== 'an empty name') expect(make).toThrow("layer 'mine'");
  });
});

test('names count up by class, as in Keras', () => {
  const [first, second] = [layers.globalAveragePooling2d().name, layers.globalAveragePooling2d().name];
  const number = (name: string) => Number(/^global_average_pooling2d(?:_(\d+))?$/.exec(name)?.[1] ?? 0);
  expect(number(second)).toBe(number(first) + 1);
});
