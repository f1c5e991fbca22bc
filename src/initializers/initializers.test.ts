import { describe, expect, test } from 'vitest';
import { deriveKey } from '../core/random.ts';
import { computeFans, type Initializer, type InitializerName, initializers } from './initializers.ts';

const key = deriveKey(1, 'initializers');
const table: Readonly<Record<InitializerName, Initializer>> = initializers;

test.each([
  { shape: [8, 4], fanIn: 8, fanOut: 4 },
  { shape: [3, 3, 16, 32], fanIn: 144, fanOut: 288 },
  { shape: [5, 1, 2, 3], fanIn: 10, fanOut: 15 },
  { shape: [7], fanIn: 7, fanOut: 7 },
  { shape: [], fanIn: 1, fanOut: 1 },
])('the fans of $shape', ({ shape, ...fans }) => {
  expect(computeFans(shape)).toEqual(fans);
});

test.each([
  ['zeros', 0],
  ['ones', 1],
] as const)('%s', (name, value) => {
  expect(table[name]([2, 3], key)).toEqual({
    dtype: 'float32',
    shape: [2, 3],
    data: new Float32Array(6).fill(value),
  });
});

describe.each<[InitializerName, (fanIn: number, fanOut: number) => number]>([
  ['glorotUniform', (fanIn, fanOut) => Math.sqrt(6 / (fanIn + fanOut))],
  ['heUniform', (fanIn) => Math.sqrt(6 / fanIn)],
])('%s', (name, limitOf) => {
  test.each([{ shape: [200, 100] }, { shape: [3, 3, 64, 32] }])(
    'on $shape is uniform within its limit',
    ({ shape }) => {
      const { fanIn, fanOut } = computeFans(shape);
      const limit = limitOf(fanIn, fanOut);
      const { data, ...rest } = table[name](shape, key);
      expect(rest).toEqual({ dtype: 'float32', shape });
      const count = data.length;
      const moment = (power: number) => data.reduce((sum, x) => sum + (x / limit) ** power, 0) / count;
      // Of u uniform in [−1, 1]: the variance of u is 1/3, of u² 4/45, of u⁴ 16/225. Five standard errors.
      expect(Math.abs(moment(1))).toBeLessThan(5 * Math.sqrt(1 / 3 / count));
      expect(Math.abs(moment(2) - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / count));
      expect(Math.abs(moment(4) - 1 / 5)).toBeLessThan(5 * Math.sqrt(16 / 225 / count));
      const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(largest).toBeLessThanOrEqual(Math.fround(limit));
      expect(largest).toBeGreaterThan(0.99 * limit);
    },
  );

  test('depends on its key alone', () => {
    const draw = (seed: number, path: string) => table[name]([64, 64], deriveKey(seed, path)).data;
    expect(draw(1, 'a')).toEqual(draw(1, 'a'));
    const first = draw(1, 'a');
    for (const other of [draw(2, 'a'), draw(1, 'b')]) {
      const [limit, count] = [limitOf(64, 64), first.length];
      const correlation = first.reduce((sum, x, i) => sum + x * other[i]!, 0) / (limit ** 2 / 3) / count;
      expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(count));
    }
  });
});
