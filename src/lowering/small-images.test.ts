import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { randomStream, spaced, uniform } from '../../test/support/random.ts';
import { gradient } from '../autodiff/gradient.ts';
import { tensor, zeros } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { conv2d, type Pads, windowOf } from '../ops/conv.ts';
import { mul } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { reduceSum } from '../ops/reduce.ts';
import { gather, reshape, transpose } from '../ops/shaping.ts';
import { convShape } from './conv.ts';
import { asPlain, channelsFirst, convert, imagesLast, plain, tiles } from './layout.ts';
import { lowerMaxPool, lowerMaxPoolGradient } from './pool.ts';
import { stackedFilterGradient, stackedForward, stackedInputGradient } from './stacked-winograd.ts';
import { isSmall } from './tiling-table.ts';
import { windowsFilterGradient, windowsForward } from './windows.ts';

const { run } = useDevice();

const side = fc.integer({ min: 3, max: 17 });
const padding = fc.integer({ min: 0, max: 2 });
const layout = fc.constantFrom(plain, channelsFirst, imagesLast, tiles(2), tiles(3));
const images = {
  batch: fc.integer({ min: 1, max: 4 }),
  height: side,
  width: side,
  layout,
  upstreamLayout: layout,
  seed: fc.nat(),
};

type Results = Awaited<ReturnType<typeof run>>;

function expectSame(actual: Results, expected: Results, tolerance: number): void {
  for (const name of Object.keys(expected)) {
    expect(actual[name]!.shape, name).toEqual(expected[name]!.shape);
    const [a, b] = [actual, expected].map((results) => results[name]!.data as Float32Array);
    expect(relativeError(a!, b!), name).toBeLessThan(tolerance);
  }
}

describe('with the batch innermost', () => {
  test('Winograd of a whole axis equals Conv, forward and both gradients', async () => {
    const cases = fc.record({
      ...images,
      channels: fc.integer({ min: 1, max: 20 }),
      filters: fc.integer({ min: 1, max: 20 }),
      pads: fc.tuple(padding, padding, padding, padding),
    });
    const law = fc.asyncProperty(cases, async (c) => {
      const stream = randomStream(c.seed);
      const pads: Pads = c.pads;
      const x = input('x', ['batch', c.height, c.width, c.channels]);
      const w = input('w', [3, 3, c.channels, c.filters]);
      const y = conv2d(x, w, undefined, { pads });
      const [, height, width] = y.shape as [string, number, number];
      // The matrices exist for tiles of two pixels or more.
      fc.pre(height > 1 && width > 1);
      const dy = input('dy', y.shape);
      const feeds = {
        x: uniform(stream, [c.batch, c.height, c.width, c.channels]),
        w: uniform(stream, [3, 3, c.channels, c.filters]),
        dy: uniform(stream, [c.batch, height, width, c.filters]),
      };
      const [dx, dw] = gradient(reduceSum(mul(y, dy)), [x, w]) as [Value, Value];
      const window = windowOf([3, 3], { pads });
      const [given, upstream] = [convert(asPlain(x), c.layout), convert(asPlain(dy), c.upstreamLayout)];
      const actual = await run(
        {
          y: convert(stackedForward(given, w, window, [height, width, c.filters]), plain).value,
          dx: convert(stackedInputGradient(upstream, w, given, window), plain).value,
          dw: stackedFilterGradient(given, upstream, window),
        },
        feeds,
      );
      expectSame(actual, await run({ y, dx, dw }, feeds, 'portable'), 1e-5);
    });
    await fc.assert(law, { numRuns: 30, seed: 1 });
  });

  test('a window that sees zeros alone gives exactly zero', async () => {
    const x = input('x', ['batch', 12, 12, 16]);
    const w = input('w', [3, 3, 16, 16]);
    const y = conv2d(x, w, undefined);
    const stream = randomStream('zeros');
    const feeds = { x: zeros('float32', [2, 12, 12, 16]), w: uniform(stream, [3, 3, 16, 16]) };
    // A picture of 5 × 4 pixels on a dark ground, negative too.
    for (let image = 0; image < 2; image++) {
      for (let row = 2; row < 7; row++) {
        const at = ((image * 12 + row) * 12 + 6) * 16;
        feeds.x.data.set(uniform(stream, [4 * 16], -1, image).data, at);
      }
    }
    const { y: expected } = await run({ y }, feeds, 'portable');
    const { y: actual } = await run({ y }, feeds, 'training');
    const isZero = (values: Float32Array) => Array.from(values, (value) => value === 0);
    expect(isZero(actual!.data as Float32Array)).toEqual(isZero(expected!.data as Float32Array));
    expect(isZero(actual!.data as Float32Array)).toContain(false);
  });

  test('products over windows equal Conv, forward and by the kernel', async () => {
    const size = fc.integer({ min: 1, max: 3 });
    const cases = fc.record({
      ...images,
      channels: fc.integer({ min: 1, max: 3 }),
      filters: fc.integer({ min: 1, max: 8 }),
      kernel: fc.tuple(size, size),
      strides: fc.tuple(size, size),
      dilations: fc.tuple(size, size),
      pads: fc.tuple(padding, padding, padding, padding),
    });
    const law = fc.asyncProperty(cases, async ({ kernel, strides, dilations, ...c }) => {
      const attributes = { strides, dilations, pads: c.pads as Pads };
      const reach = kernel.map((k, axis) => dilations[axis]! * (k - 1) + 1);
      fc.pre(reach[0]! <= c.height && reach[1]! <= c.width);
      const stream = randomStream(c.seed);
      const x = input('x', ['batch', c.height, c.width, c.channels]);
      const w = input('w', [...kernel, c.channels, c.filters]);
      const b = input('b', [c.filters]);
      const y = conv2d(x, w, b, attributes);
      const [, height, width] = y.shape as [string, number, number];
      const dy = input('dy', y.shape);
      const feeds = {
        x: uniform(stream, [c.batch, c.height, c.width, c.channels]),
        w: uniform(stream, [...kernel, c.channels, c.filters]),
        b: uniform(stream, [c.filters]),
        dy: uniform(stream, [c.batch, height, width, c.filters]),
      };
      const [dw] = gradient(reduceSum(mul(y, dy)), [w]) as [Value];
      const window = windowOf(kernel, attributes);
      const [given, upstream] = [convert(asPlain(x), c.layout), convert(asPlain(dy), c.upstreamLayout)];
      const found = windowsForward(given, w, b, window, [height, width, c.filters]);
      // Some pixels are computed without the others, as pools ask for them.
      const pixels = [height * width - 1, 0];
      const actual = await run(
        {
          y: convert(found, plain).value,
          some: transpose(found.at!(pixels), { perm: [2, 0, 1] }),
          dw: windowsFilterGradient(given, upstream, window),
        },
        feeds,
      );
      const rows = reshape(y, { shape: ['batch', height * width, c.filters] });
      const some = gather(rows, constant(tensor('int32', [2], Int32Array.from(pixels))), { axis: 1 });
      expectSame(actual, await run({ y, some, dw }, feeds, 'portable'), 1e-5);
    });
    await fc.assert(law, { numRuns: 30, seed: 2 });
  });

  test('max pools and their gradients are the same, bit by bit', async () => {
    const size = fc.integer({ min: 1, max: 3 });
    const cases = fc.record({
      ...images,
      poolSize: fc.tuple(size, size),
      gap: fc.tuple(fc.integer({ min: -1, max: 1 }), fc.integer({ min: -1, max: 1 })),
      isPadded: fc.boolean(),
      hasTies: fc.boolean(),
    });
    const law = fc.asyncProperty(cases, async ({ poolSize, gap, isPadded, hasTies, ...c }) => {
      const strides = poolSize.map((s, axis) => Math.max(1, s + gap[axis]!)) as [number, number];
      const [top, left] = poolSize.map((s) => (isPadded ? Math.floor(s / 2) : 0)) as [number, number];
      const attributes = { poolSize, strides, pads: [top, left, 0, 0] as Pads };
      const x = input('x', ['batch', c.height, c.width, 3]);
      const y = maxPool2d(x, attributes);
      const [, height, width] = y.shape as [string, number, number];
      const dy = input('dy', y.shape);
      const shape = [c.batch, c.height, c.width, 3];
      const stream = randomStream(c.seed);
      const values = hasTies
        ? tensor('float32', shape, uniform(stream, shape, -2, 2).data.map(Math.round))
        : spaced(stream, shape);
      const feeds = { x: values, dy: uniform(stream, [c.batch, height, width, 3]) };
      const [dx] = gradient(reduceSum(mul(y, dy)), [x]) as [Value];
      const window = windowOf(poolSize, attributes);
      const given = convert(asPlain(x), imagesLast);
      const pooled = lowerMaxPool(given, window, [height, width], 'training');
      const upstream = convert(asPlain(dy), c.upstreamLayout);
      const actual = await run(
        {
          y: convert(pooled, plain).value,
          dx: convert(lowerMaxPoolGradient(upstream, given, pooled, window), plain).value,
        },
        feeds,
      );
      expect(actual).toEqual(await run({ y, dx }, feeds, 'portable'));
    });
    await fc.assert(law, { numRuns: 40, seed: 3 });
  });
});

test.each([
  [[28, 28, 1], 32, 'window'],
  [[13, 13, 32], 64, 'channels'],
  [[5, 5, 64], 64, 'channels'],
  [[32, 32, 3], 16, 'window'],
  [[14, 14, 512], 512, undefined],
  [[28, 28, 256], 512, undefined],
  [[112, 112, 64], 64, undefined],
  [[224, 224, 3], 64, undefined],
] as const)('of images %j, %i filters: %s', ([height, width, channels], filters, expected) => {
  const x = { shape: ['batch', height, width, channels] };
  const y = { shape: ['batch', height - 2, width - 2, filters] };
  for (const purpose of ['training', 'frozen', 'portable'] as const)
    expect(isSmall(convShape([3, 3], {}, x, y, purpose))).toBe(purpose === 'training' ? expected : undefined);
});
