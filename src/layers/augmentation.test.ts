import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { keyTensor, randomStream, uniform } from '../../test/support/random.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { elementCount, floats, type Tensor, tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Layer } from './layer.ts';
import * as layers from './layers.ts';

const { run } = useDevice();

interface Call {
  readonly training?: boolean;
  readonly step?: number;
}

/** What a layer makes of x, and the seeds for which it asked keys. */
async function outputOf(layer: Layer, x: Tensor, { training = true, step = 0 }: Call = {}) {
  const seeds: (number | undefined)[] = [];
  const feeds: Record<string, Tensor> = { x };
  const y = layer.call([input('x', ['batch', ...x.shape.slice(1)], x.dtype)], {
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
  return { y: results.y as Tensor<'float32'>, seeds };
}

/** One image of a batch. */
function imageOf({ shape, data }: Tensor<'float32'>, index: number): number[] {
  const size = elementCount(shape.slice(1));
  return [...data.subarray(index * size, (index + 1) * size)];
}

/** One element of each image, `[row, column, channel]`. */
function pixels(
  { shape, data }: Tensor<'float32'>,
  [row, column, channel]: readonly [number, number, number],
): number[] {
  const [batch, height, width, channels] = shape as [number, number, number, number];
  return Array.from(
    { length: batch },
    (_, image) => data[((image * height + row) * width + column) * channels + channel]!,
  );
}

/** Images whose pixels say where they stand: column and row. */
function places(batch: number, height: number, width: number): Tensor<'float32'> {
  const one = Array.from({ length: height * width }, (_, i) => [i % width, Math.floor(i / width)]).flat();
  return floats(Array.from({ length: batch }, () => one).flat(), [batch, height, width, 2]);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Uniform numbers of a range: they keep within it, come near its ends, and have their mean in the middle. */
function expectUniform(values: readonly number[], from: number, to: number): void {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const span = to - from;
  expect(least).toBeGreaterThanOrEqual(from - 1e-3 * span);
  expect(most).toBeLessThanOrEqual(to + 1e-3 * span);
  expect(least).toBeLessThan(from + 0.05 * span);
  expect(most).toBeGreaterThan(to - 0.05 * span);
  // Of 400 numbers, four deviations of their mean.
  expect(Math.abs(mean(values) - (from + to) / 2)).toBeLessThan((4 * span) / Math.sqrt(12 * values.length));
}

/** How two rows of numbers go together, −1 to 1. */
function correlation(a: readonly number[], b: readonly number[]): number {
  const [meanA, meanB] = [mean(a), mean(b)];
  const product = (x: readonly number[], mx: number, y: readonly number[], my: number) =>
    mean(x.map((value, i) => (value - mx) * (y[i]! - my)));
  return product(a, meanA, b, meanB) / Math.sqrt(product(a, meanA, a, meanA) * product(b, meanB, b, meanB));
}

const photos = uniform(randomStream('photos'), [6, 7, 6, 3], 0, 255);
const bytes = tensor('uint8', photos.shape, Uint8Array.from(photos.data));

const random: [string, (seed?: number) => Layer][] = [
  ['RandomFlip', (seed) => layers.randomFlip({ seed })],
  ['RandomRotation', (seed) => layers.randomRotation({ factor: 0.3, seed })],
  ['RandomTranslation', (seed) => layers.randomTranslation({ heightFactor: 0.3, widthFactor: 0.2, seed })],
  ['RandomZoom', (seed) => layers.randomZoom({ heightFactor: [-0.5, 0.3], seed })],
  ['RandomCrop', (seed) => layers.randomCrop({ height: 2, width: 3, seed })],
  ['RandomContrast', (seed) => layers.randomContrast({ factor: 0.5, seed })],
  ['RandomBrightness', (seed) => layers.randomBrightness({ factor: 0.4, seed })],
];

describe.each(random)('%s', (name, make) => {
  test('is the same again for a seed and a step, and another for another', async () => {
    const { y, seeds } = await outputOf(make(5), photos);
    expect(seeds).toEqual([5]);
    expect(y.shape).toEqual(name === 'RandomCrop' ? [6, 2, 3, 3] : photos.shape);
    expect((await outputOf(make(5), photos)).y).toEqual(y);
    expect((await outputOf(make(5), photos, { step: 1 })).y).not.toEqual(y);
    expect((await outputOf(make(6), photos)).y).not.toEqual(y);
  });

  test('takes the model’s seed where it has none', async () => {
    expect((await outputOf(make(), photos)).seeds).toEqual([undefined]);
  });

  // A part of an image is one in inference too.
  if (name !== 'RandomCrop')
    test('has no effect in inference, where bytes become numbers', async () => {
      expect((await outputOf(make(), photos, { training: false })).y).toEqual(photos);
      const { y, seeds } = await outputOf(make(), bytes, { training: false });
      expect(y).toEqual(floats(bytes.data, bytes.shape));
      expect(seeds).toEqual([]);
    });

  test('treats bytes as the same numbers', async () => {
    const numbers = floats(bytes.data, bytes.shape);
    expect((await outputOf(make(), bytes)).y).toEqual((await outputOf(make(), numbers)).y);
  });

  test('is random, so that no training step keeps what another gave', () => {
    expect(make().random).toBe(true);
  });

  test('needs a batch of images', () => {
    const x = layers.input({ shape: [7, 6] });
    expect(() => make().apply(x)).toThrow(ShapeError);
    expect(() => make().apply(x)).toThrow(/layer 'random_\w+' .* images \[batch, height, width, channels\]/);
  });
});

describe('RandomFlip', () => {
  const many = floats(Array.from({ length: 400 }, () => imageOf(photos, 0)).flat(), [
    400,
    ...photos.shape.slice(1),
  ]);
  const turned = (axes: readonly number[]) => {
    const [height, width] = [7, 6];
    return Array.from({ length: height * width * 3 }, (_, i) => {
      const [channel, column, row] = [i % 3, Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
      const from = [
        axes.includes(1) ? height - 1 - row : row,
        axes.includes(2) ? width - 1 - column : column,
      ] as const;
      return photos.data[(from[0] * width + from[1]) * 3 + channel]!;
    });
  };

  test.each([
    ['horizontal', [2]],
    ['vertical', [1]],
    ['horizontalAndVertical', [1, 2]],
  ] as const)('%s: half of the images are flipped, pixel for pixel', async (mode, axes) => {
    const { y } = await outputOf(layers.randomFlip({ mode }), many);
    const [as, flipped] = [imageOf(photos, 0), turned(axes)];
    const flips = Array.from({ length: 400 }, (_, i) => {
      const image = imageOf(y, i);
      const isFlipped = image[0] !== as[0];
      expect(image).toEqual(isFlipped ? flipped : as);
      return Number(isFlipped);
    });
    expect(Math.abs(mean(flips) - 0.5)).toBeLessThan(0.1);
  });
});

describe('RandomCrop', () => {
  test('takes the same part of all images of a batch, and in time each', async () => {
    const found = new Set<string>();
    for (let step = 0; step < 80; step++) {
      const { y } = await outputOf(layers.randomCrop({ height: 3, width: 4 }), places(2, 5, 6), { step });
      expect(imageOf(y, 1)).toEqual(imageOf(y, 0));
      const [left, top] = y.data as unknown as [number, number];
      expect(imageOf(y, 0)).toEqual(
        Array.from({ length: 12 }, (_, i) => [left + (i % 4), top + Math.floor(i / 4)]).flat(),
      );
      found.add(`${top} ${left}`);
    }
    expect([...found].sort()).toEqual([0, 1, 2].flatMap((top) => [0, 1, 2].map((left) => `${top} ${left}`)));
  });

  test('takes the largest part of its proportions in inference, in the middle, of bytes as numbers', async () => {
    const inference = { training: false };
    const { y, seeds } = await outputOf(
      layers.randomCrop({ height: 2, width: 2 }),
      places(2, 4, 6),
      inference,
    );
    // Columns 1 to 4 of all four rows, halved.
    expect(imageOf(y, 0)).toEqual([1.5, 0.5, 3.5, 0.5, 1.5, 2.5, 3.5, 2.5]);
    expect(imageOf(y, 1)).toEqual(imageOf(y, 0));
    expect(seeds).toEqual([]);
    const bytes = tensor('uint8', [1, 1, 3, 1], Uint8Array.of(7, 8, 9));
    const middle = await outputOf(layers.randomCrop({ height: 1, width: 1 }), bytes, inference);
    expect(middle.y).toEqual(floats([8], [1, 1, 1, 1]));
  });
});

describe('RandomContrast', () => {
  const twoTone = floats(Array.from({ length: 400 }, () => [90, 110]).flat(), [400, 1, 2, 1]);

  test.each([
    [0.4, 1, 1.4],
    [[0.3, 0.2], 0.8, 1.3],
    [[0.2, 0.3], 0.8, 1.3],
  ] as const)('%j: a factor for each image, about the mean', async (factor, from, to) => {
    const { y } = await outputOf(layers.randomContrast({ factor }), twoTone);
    const above = pixels(y, [0, 1, 0]).map((value) => (value - 100) / 10);
    const below = pixels(y, [0, 0, 0]).map((value) => (100 - value) / 10);
    expectUniform(above, from, to);
    above.forEach((value, i) => {
      expect(value).toBeCloseTo(below[i]!, 4);
    });
  });

  test('clips', async () => {
    const { y } = await outputOf(layers.randomContrast({ factor: 1, valueRange: [91, 108] }), twoTone);
    expect(Math.min(...y.data)).toBe(91);
    expect(Math.max(...y.data)).toBe(108);
  });
});

describe('RandomBrightness', () => {
  const grey = floats(new Float32Array(400).fill(0.5), [400, 1, 1, 1]);

  test.each([
    [0.2, -0.2, 0.2],
    [[-0.1, 0.4], -0.1, 0.4],
  ] as const)('%j: a number for each image', async (factor, from, to) => {
    const { y } = await outputOf(layers.randomBrightness({ factor, valueRange: [0, 1] }), grey);
    expectUniform(
      [...y.data].map((value) => value - 0.5),
      from,
      to,
    );
  });

  test('is in spans of the range of values, and clips to it', async () => {
    const { y } = await outputOf(layers.randomBrightness({ factor: 0.2, valueRange: [-1, 1] }), grey);
    expectUniform(
      [...y.data].map((value) => value - 0.5),
      -0.4,
      0.4,
    );
    const clipped = await outputOf(layers.randomBrightness({ factor: 1, valueRange: [0, 1] }), grey);
    expect(Math.min(...clipped.y.data)).toBe(0);
    expect(Math.max(...clipped.y.data)).toBe(1);
  });
});

describe('where images are read, by images that say where they stand', () => {
  const x = places(400, 9, 11);
  const [middle, right, below] = [
    [4, 5],
    [4, 6],
    [5, 5],
  ] as const;
  const read = (y: Tensor<'float32'>, [row, column]: readonly [number, number]) => ({
    x: pixels(y, [row, column, 0]),
    y: pixels(y, [row, column, 1]),
  });
  const less = (a: readonly number[], b: readonly number[]) => a.map((value, i) => value - b[i]!);

  test('RandomTranslation shifts each image down and to the right, by parts of its size', async () => {
    const layer = layers.randomTranslation({ heightFactor: [-0.1, 0.3], widthFactor: 0.2 });
    const { y } = await outputOf(layer, x);
    const at = read(y, middle);
    const [across, down] = [at.x.map((value) => (5 - value) / 11), at.y.map((value) => (4 - value) / 9)];
    expectUniform(across, -0.2, 0.2);
    expectUniform(down, -0.1, 0.3);
    expect(Math.abs(correlation(across, down))).toBeLessThan(0.2);
  });

  test('RandomZoom sees more about the middle, as much both ways', async () => {
    const { y } = await outputOf(layers.randomZoom({ heightFactor: [-0.4, 0.2] }), x);
    const at = read(y, middle);
    for (const value of at.x) expect(value).toBeCloseTo(5, 4);
    for (const value of at.y) expect(value).toBeCloseTo(4, 4);
    const [wide, tall] = [less(read(y, right).x, at.x), less(read(y, below).y, at.y)];
    expectUniform(wide, 0.6, 1.2);
    wide.forEach((zoom, i) => {
      expect(zoom).toBeCloseTo(tall[i]!, 4);
    });
  });

  test('RandomZoom has another factor for the width, where one is given', async () => {
    const { y } = await outputOf(layers.randomZoom({ heightFactor: 0.2, widthFactor: [-0.5, -0.1] }), x);
    const at = read(y, middle);
    const [wide, tall] = [less(read(y, right).x, at.x), less(read(y, below).y, at.y)];
    expectUniform(wide, 0.5, 0.9);
    expectUniform(tall, 0.8, 1.2);
    expect(Math.abs(correlation(wide, tall))).toBeLessThan(0.2);
  });

  test('RandomRotation turns about the middle, counterclockwise', async () => {
    const { y } = await outputOf(layers.randomRotation({ factor: [-0.05, 0.2] }), x);
    const [at, next] = [read(y, middle), read(y, right)];
    for (const value of at.x) expect(value).toBeCloseTo(5, 4);
    for (const value of at.y) expect(value).toBeCloseTo(4, 4);
    const [across, down] = [less(next.x, at.x), less(next.y, at.y)];
    expectUniform(
      across.map((cosine, i) => Math.atan2(down[i]!, cosine) / (2 * Math.PI)),
      -0.05,
      0.2,
    );
    across.forEach((cosine, i) => {
      expect(Math.hypot(cosine, down[i]!)).toBeCloseTo(1, 4);
    });
  });
});

describe('options', () => {
  const wrong: [string, () => Layer, string][] = [
    [
      'RandomFlip',
      () => layers.randomFlip({ name: 'mine', mode: 'sideways' as never }),
      'mode must be one of',
    ],
    [
      'RandomRotation',
      () => layers.randomRotation({ name: 'mine', factor: 2 }),
      'factor must be a number from -1 to 1, or the two ends',
    ],
    ['RandomRotation', () => layers.randomRotation({ name: 'mine', factor: [2, 3] }), 'got [2,3]'],
    [
      'RandomRotation',
      () => layers.randomRotation({ name: 'mine', factor: 0.1, fillMode: 'mirror' as never }),
      'fillMode must be one of reflect, wrap, constant, nearest',
    ],
    [
      'RandomTranslation',
      () => layers.randomTranslation({ name: 'mine', heightFactor: 1.5, widthFactor: 0 }),
      'heightFactor must be a number from -1 on and up to 1, or two of them, the ends of a range, got 1.5',
    ],
    [
      'RandomTranslation',
      () => layers.randomTranslation({ name: 'mine', heightFactor: 0 } as never),
      'widthFactor is missing',
    ],
    ['RandomZoom', () => layers.randomZoom({ name: 'mine', heightFactor: [-1, 0] }), 'heightFactor must be'],
    [
      'RandomZoom',
      () => layers.randomZoom({ name: 'mine', heightFactor: 0, interpolation: 'bicubic' as never }),
      'interpolation must be one of nearest, bilinear',
    ],
    ['RandomCrop', () => layers.randomCrop({ name: 'mine', height: 0, width: 2 }), 'height must be'],
    ['RandomContrast', () => layers.randomContrast({ name: 'mine', factor: -0.1 }), 'from 0 to 1'],
    [
      'RandomContrast',
      () => layers.randomContrast({ name: 'mine', factor: 0.1, valueRange: [1, 0] }),
      'valueRange must be two numbers, the lower one first',
    ],
    [
      'RandomBrightness',
      () => layers.randomBrightness({ name: 'mine', factor: [0, 0.1, 0.2] as never }),
      'factor must be',
    ],
    [
      'RandomBrightness',
      () => layers.randomBrightness({ name: 'mine', factor: 0.1, seed: -1 }),
      'seed must be',
    ],
  ];

  test.each(wrong)('%s refuses what it cannot do: %s', (_, make, message) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow(
      `layer 'mine': ${message.includes(' must be') || message.includes(' is ') ? message : ''}`,
    );
    expect(make).toThrow(message);
  });

  test('a number is held as the range that Keras writes', () => {
    expect(layers.randomRotation({ factor: 0.2 }).options.factor).toEqual([-0.2, 0.2]);
    expect(layers.randomBrightness({ factor: [0.3, -0.1] }).options.factor).toEqual([-0.1, 0.3]);
    expect(layers.randomContrast({ factor: 0.2 }).options.factor).toEqual([0, 0.2]);
    expect(layers.randomZoom({ heightFactor: 0.2 }).options.heightFactor).toBe(0.2);
  });
});
