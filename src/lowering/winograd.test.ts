import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { gradient } from '../autodiff/gradient.ts';
import { input } from '../graph/leaves.ts';
import { conv2d, type Pads, windowOf } from '../ops/conv.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { asPlain, channelsFirst, convert, plain, tiles } from './layout.ts';
import {
  winogradFilterGradient,
  winogradForward,
  winogradInputGradient,
  winogradMatrices,
} from './winograd.ts';

const sizes = [2, 3, 4, 5, 6, 7];

test.each(sizes)('the matrices of F(%i) convolve exactly', (m) => {
  const { at, g, bt } = winogradMatrices(m);
  const dimensions = [at, g, bt].map((matrix) => [matrix.length, matrix[0]!.length]);
  expect(dimensions).toEqual([
    [m, m + 2],
    [m + 2, 3],
    [m + 2, m + 2],
  ]);
  // Σ Aᵀ[i][j] · G[j][k] · Bᵀ[j][l] is 1 where output i takes input l with tap k, that is l = i + k, and 0 elsewhere.
  for (let i = 0; i < m; i++) {
    for (let k = 0; k < 3; k++) {
      for (let l = 0; l < m + 2; l++) {
        const sum = at[i]!.reduce((total, a, j) => total + a * g[j]![k]! * bt[j]![l]!, 0);
        expect(Math.abs(sum - (l === i + k ? 1 : 0)), `${i}, ${k}, ${l}`).toBeLessThan(1e-12);
      }
    }
  }
});

test('F(m×m) without interpolation points is refused', () => {
  expect(() => winogradMatrices(8)).toThrow('F(8×8, 3×3)');
});

const side = fc.integer({ min: 3, max: 17 });
const channels = fc.integer({ min: 1, max: 20 });
const padding = fc.integer({ min: 0, max: 2 });
const layout = fc.constantFrom(plain, channelsFirst, tiles(2), tiles(3), tiles(5));
const cases = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  height: side,
  width: side,
  channels,
  filters: channels,
  pads: fc.tuple(padding, padding, padding, padding),
  layout,
  upstreamLayout: layout,
  seed: fc.nat(),
});

describe('Winograd equals Conv', () => {
  const { run } = useDevice();
  test.each(sizes)('forward and both gradients, F(%i)', async (m) => {
    const tolerance = m === 7 ? 5e-4 : 5e-5;
    const law = fc.asyncProperty(cases, async (c) => {
      const stream = randomStream(c.seed);
      const pads: Pads = c.pads;
      const x = input('x', ['batch', c.height, c.width, c.channels]);
      const w = input('w', [3, 3, c.channels, c.filters]);
      const y = conv2d(x, w, undefined, { pads });
      const [, height, width] = y.shape as [string, number, number];
      const dy = input('dy', y.shape);
      const feeds = {
        x: uniform(stream, [c.batch, c.height, c.width, c.channels]),
        w: uniform(stream, [3, 3, c.channels, c.filters]),
        dy: uniform(stream, [c.batch, height, width, c.filters]),
      };
      const [dx, dw] = gradient(reduceSum(mul(y, dy)), [x, w]) as [typeof x, typeof w];
      const expected = await run({ y, dx, dw }, feeds, 'portable');

      const window = windowOf([3, 3], { pads });
      const images = convert(asPlain(x), c.layout);
      const upstream = convert(asPlain(dy), c.upstreamLayout);
      const actual = await run(
        {
          y: convert(winogradForward(images, w, m, window, [height, width, c.filters]), plain).value,
          dx: convert(winogradInputGradient(upstream, w, images, m, window), plain).value,
          dw: winogradFilterGradient(images, upstream, m, window),
        },
        feeds,
      );
      for (const name of ['y', 'dx', 'dw']) {
        expect(actual[name]!.shape, name).toEqual(expected[name]!.shape);
        const [a, b] = [actual, expected].map((results) => results[name]!.data as Float32Array);
        expect(relativeError(a!, b!), name).toBeLessThan(tolerance);
      }
    });
    await fc.assert(law, { numRuns: 20, seed: m });
  });
});
