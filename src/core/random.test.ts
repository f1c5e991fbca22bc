import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey, type Key, RandomStream, threefry } from './random.ts';

describe('threefry', () => {
  it.each<[Key, Key, Key]>([
    [
      [0, 0],
      [0, 0],
      [0x6b200159, 0x99ba4efe],
    ],
    [
      [0xffffffff, 0xffffffff],
      [0xffffffff, 0xffffffff],
      [0x1cb996fc, 0xbb002be7],
    ],
    [
      [0x13198a2e, 0x03707344],
      [0x243f6a88, 0x85a308d3],
      [0xc4923a9c, 0x483df7a0],
    ],
  ])('gives the known answers of Random123: key %j, counter %j', (key, [c0, c1], answer) => {
    expect(threefry(key, c0, c1)).toEqual(answer);
  });
});

describe('deriveKey', () => {
  it('gives the same key for the same path, and another for another', () => {
    const paths = [
      [1],
      [2],
      [2 ** 32 + 1],
      [1, 'shuffle'],
      [1, 'augment'],
      [1, 'shuffle', 0],
      [1, 'shuffle', 1],
      [1, 'shuffle', 2 ** 32],
      [1, 1, 'shuffle'],
    ] as const;
    const keys = paths.map(([seed, ...path]) => deriveKey(seed, ...path));
    expect(new Set(keys.map(String)).size).toBe(paths.length);
    expect(paths.map(([seed, ...path]) => deriveKey(seed, ...path))).toEqual(keys);
  });
});

describe('RandomStream', () => {
  it('hands out the blocks of its key in order', () => {
    const key: Key = [3, 4];
    const stream = new RandomStream(key);
    const numbers = Array.from({ length: 6 }, () => stream.uint32());
    expect(numbers).toEqual([0, 1, 2].flatMap((counter) => threefry(key, counter, 0)));
  });

  it('draws uniform numbers in their range, with their mean and variance', () => {
    const stream = new RandomStream(deriveKey(1, 'uniform'));
    const values = Array.from({ length: 20_000 }, () => stream.uniform(-1, 3));
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...values)).toBeLessThan(3);
    const { mean, variance } = moments(values);
    expect(mean).toBeCloseTo(1, 1);
    expect(variance).toBeCloseTo(16 / 12, 1);
  });

  it('draws normal numbers with mean 0 and variance 1, all finite', () => {
    const stream = new RandomStream(deriveKey(1, 'normal'));
    const values = Array.from({ length: 20_000 }, () => stream.normal());
    expect(values.every(Number.isFinite)).toBe(true);
    const { mean, variance } = moments(values);
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    const beyond = values.filter((value) => Math.abs(value) > 1.96).length / values.length;
    expect(Math.abs(beyond - 0.05)).toBeLessThan(0.007);
  });

  it('draws whole numbers below a bound, each as likely as the others', () => {
    const stream = new RandomStream(deriveKey(1, 'below'));
    const counts = [0, 0, 0, 0, 0, 0, 0];
    for (let i = 0; i < 14_000; i++) counts[stream.below(7)]!++;
    for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200); // 4.8 standard deviations
  });

  it('stays below a bound that does not divide 2^32', () => {
    const law = fc.property(fc.integer({ min: 1, max: 2 ** 32 }), fc.nat(), (bound, seed) => {
      const value = new RandomStream(deriveKey(seed)).below(bound);
      expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true);
    });
    fc.assert(law);
  });

  it('permutes: every number once, each place as likely', () => {
    const law = fc.property(fc.nat(100), fc.nat(), (count, seed) => {
      const order = new RandomStream(deriveKey(seed)).permutation(count);
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    });
    fc.assert(law);
    const stream = new RandomStream(deriveKey(2));
    const firsts = [0, 0, 0, 0];
    for (let i = 0; i < 4000; i++) firsts[stream.permutation(4)[0]!]!++;
    for (const count of firsts) expect(Math.abs(count - 1000)).toBeLessThan(140);
  });
});

function moments(values: readonly number[]): { mean: number; variance: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance };
}
