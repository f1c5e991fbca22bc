import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { keyTensor, randomStream, uniform } from '../../test/support/random.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Layer } from './layer.ts';
import * as layers from './layers.ts';

const { run } = useDevice();

/** What a layer makes of x, and the seeds for which it asked keys. */
async function outputOf(layer: Layer, x: Tensor<'float32'>, training: boolean, step = 0) {
  const seeds: (number | undefined)[] = [];
  const feeds: Record<string, Tensor> = { x };
  const y = layer.call([input('x', ['batch', ...x.shape.slice(1)])], {
    training,
    read: () => expect.unreachable('there are no weights'),
    update: () => expect.unreachable('there are no weights'),
    addLoss: () => expect.unreachable('there is no penalty'),
    randomKey: (seed) => {
      seeds.push(seed);
      feeds.key = keyTensor(seed ?? 'model', step);
      return input('key', [2], 'uint32');
    },
  }) as Value;
  const results = await run({ y }, feeds);
  return { values: [...(results.y!.data as Float32Array)], seeds };
}

const size = 20_000;
const ones = floats(new Float32Array(size).fill(1), [1, size]);
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]) => {
  const middle = mean(values);
  return mean(values.map((value) => (value - middle) ** 2));
};

const images = uniform(randomStream('images'), [3, 4, 5, 2]);
const noisy: [string, (seed?: number) => Layer][] = [
  ['Dropout', (seed) => layers.dropout({ rate: 0.3, seed })],
  ['Dropout with a noise shape', (seed) => layers.dropout({ rate: 0.3, seed, noiseShape: [null, 4, 1, 1] })],
  ['SpatialDropout2D', (seed) => layers.spatialDropout2d({ rate: 0.3, seed })],
  ['GaussianDropout', (seed) => layers.gaussianDropout({ rate: 0.3, seed })],
  ['GaussianNoise', (seed) => layers.gaussianNoise({ stddev: 0.3, seed })],
];

describe.each(noisy)('%s', (_, make) => {
  test('is the same again for a seed and a step, and another for another', async () => {
    const { values, seeds } = await outputOf(make(5), images, true);
    expect(seeds).toEqual([5]);
    expect(values).not.toEqual([...images.data]);
    expect((await outputOf(make(5), images, true)).values).toEqual(values);
    expect((await outputOf(make(5), images, true, 1)).values).not.toEqual(values);
    expect((await outputOf(make(6), images, true)).values).not.toEqual(values);
  });

  test('takes the model’s seed where it has none', async () => {
    expect((await outputOf(make(), images, true)).seeds).toEqual([undefined]);
  });

  test('does nothing in inference, and says that it is random', async () => {
    expect(await outputOf(make(5), images, false)).toEqual({ values: [...images.data], seeds: [] });
    expect(make().random).toBe(true);
  });
});

test.each<[string, Layer]>([
  ['Dropout', layers.dropout({ rate: 0 })],
  ['SpatialDropout2D', layers.spatialDropout2d({ rate: 0 })],
  ['GaussianDropout', layers.gaussianDropout({ rate: 0 })],
  ['GaussianNoise', layers.gaussianNoise({ stddev: 0 })],
])('%s of nothing asks for no random numbers', async (_, layer) => {
  expect(layer.random).toBe(false);
  expect(await outputOf(layer, images, true)).toEqual({ values: [...images.data], seeds: [] });
});

test('Dropout drops its share and keeps the mean', async () => {
  const { values } = await outputOf(layers.dropout({ rate: 0.2 }), ones, true);
  expect(new Set(values)).toEqual(new Set([0, 1.25]));
  const share = mean(values.map((value) => (value === 0 ? 1 : 0)));
  expect(Math.abs(share - 0.2)).toBeLessThan(5 * Math.sqrt((0.2 * 0.8) / size));
});

test('GaussianDropout keeps the mean, with the variance of Dropout', async () => {
  const { values } = await outputOf(layers.gaussianDropout({ rate: 0.2 }), ones, true);
  expect(Math.abs(mean(values) - 1)).toBeLessThan(5 * Math.sqrt(0.25 / size));
  expect(Math.abs(variance(values) - 0.25)).toBeLessThan(5 * 0.25 * Math.sqrt(2 / size));
});

test('GaussianNoise keeps the mean and adds its variance, whatever the values', async () => {
  const zeros = floats(new Float32Array(size), [1, size]);
  const noise = (await outputOf(layers.gaussianNoise({ stddev: 0.4 }), zeros, true)).values;
  expect(Math.abs(mean(noise))).toBeLessThan(5 * (0.4 / Math.sqrt(size)));
  expect(Math.abs(variance(noise) - 0.16)).toBeLessThan(5 * 0.16 * Math.sqrt(2 / size));
  const { values } = await outputOf(layers.gaussianNoise({ stddev: 0.4 }), ones, true);
  expect(Math.max(...values.map((value, i) => Math.abs(value - 1 - noise[i]!)))).toBeLessThan(1e-6);
});

/** What stands at each [image, row, column, channel] of ones that went through a layer. */
async function masks(layer: Layer, shape: readonly [number, number, number, number]) {
  const [, height, width, channels] = shape;
  const all = floats(new Float32Array(shape.reduce((a, b) => a * b)).fill(1), shape);
  const { values } = await outputOf(layer, all, true);
  return (n: number, y: number, x: number, c: number) =>
    values[((n * height + y) * width + x) * channels + c]!;
}

test('SpatialDropout2D drops whole channels, of each image its own', async () => {
  const at = await masks(layers.spatialDropout2d({ rate: 0.5 }), [16, 3, 4, 8]);
  const fates = new Set<string>();
  for (let n = 0; n < 16; n++) {
    for (let c = 0; c < 8; c++) {
      for (let y = 0; y < 3; y++) for (let x = 0; x < 4; x++) expect(at(n, y, x, c)).toBe(at(n, 0, 0, c));
    }
    fates.add([0, 1, 2, 3, 4, 5, 6, 7].map((c) => at(n, 0, 0, c)).join());
  }
  expect(fates.size).toBeGreaterThan(4);
});

test('Dropout shares fates along the axes of size 1 in its noise shape', async () => {
  const layer = layers.dropout({ rate: 0.5, noiseShape: [1, 6, null, 1] });
  const at = await masks(layer, [2, 6, 8, 3]);
  const fates = new Set<number>();
  for (let y = 0; y < 6; y++) {
    for (let x = 0; x < 8; x++) {
      for (let n = 0; n < 2; n++) for (let c = 0; c < 3; c++) expect(at(n, y, x, c)).toBe(at(0, y, x, 0));
      fates.add(at(0, y, x, 0));
    }
  }
  expect(fates).toEqual(new Set([0, 2]));
});

test('ActivityRegularization gives back what it takes, with a penalty in the loss that is the mean of the examples', async () => {
  const x = floats([1, -2, 3, -4], [2, 2]);
  const losses: Value[] = [];
  const layer = layers.activityRegularization({ l1: 0.5, l2: 0.25 });
  const [y] = [
    layer.call([input('x', ['batch', 2])], {
      training: true,
      read: () => expect.unreachable('there are no weights'),
      update: () => expect.unreachable('there are no weights'),
      addLoss: (loss) => void losses.push(loss),
      randomKey: () => expect.unreachable('there is no chance'),
    }),
  ];
  const results = await run({ y, loss: losses[0]! }, { x });
  expect([...(results.y!.data as Float32Array)]).toEqual([1, -2, 3, -4]);
  expect([...(results.loss!.data as Float32Array)]).toEqual([(0.5 * 10 + 0.25 * 30) / 2]);
  expect(losses).toHaveLength(1);
});

describe('what cannot be meant is refused, by the layer’s name', () => {
  const name = 'mine';
  test.each<[string, () => unknown, string]>([
    [
      'a rate of one',
      () => layers.spatialDropout2d({ name, rate: 1 }),
      'rate must be a number from 0 on and below 1',
    ],
    ['a rate below 0', () => layers.gaussianDropout({ name, rate: -0.1 }), 'got -0.1'],
    ['a deviation above 1', () => layers.gaussianNoise({ name, stddev: 2 }), 'from 0 on and up to 1, got 2'],
    ['half a seed', () => layers.gaussianNoise({ name, stddev: 0, seed: 0.5 }), 'seed'],
    [
      'a noise shape of nothing',
      () => layers.dropout({ name, rate: 0.5, noiseShape: [null, 0] }),
      'got [null,0]',
    ],
    ['a penalty below 0', () => layers.activityRegularization({ name, l1: -1 }), 'l1'],
  ])('%s', (_, make, words) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow("layer 'mine'");
    expect(make).toThrow(words);
  });

  test.each<[string, () => Layer, string]>([
    [
      'channels of rows',
      () => layers.spatialDropout2d({ name, rate: 0.5 }),
      'images [batch, height, width, channels]',
    ],
    [
      'a noise shape of another rank',
      () => layers.dropout({ name, rate: 0.5, noiseShape: [null, 1, 1] }),
      '1 or null',
    ],
    [
      'a noise shape of another size',
      () => layers.dropout({ name, rate: 0.5, noiseShape: [null, 3] }),
      '1 or null',
    ],
  ])('%s', (_, make, words) => {
    const apply = () => make().apply(layers.input({ shape: [4] }));
    expect(apply).toThrow(ShapeError);
    expect(apply).toThrow("layer 'mine'");
    expect(apply).toThrow('[batch, 4]');
    expect(apply).toThrow(words);
  });
});
