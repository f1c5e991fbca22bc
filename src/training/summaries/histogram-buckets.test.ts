import fc from 'fast-check';
import { expect, test } from 'vitest';
import { histogramBuckets } from './histogram-buckets.ts';

const rowsOf = (values: Float32Array | Float64Array): number[][] => {
  const buckets = histogramBuckets(values);
  return Array.from({ length: buckets.length / 3 }, (_, i) => [...buckets.subarray(i * 3, i * 3 + 3)]);
};

test('counts add up to the number of finite values, and edges go from the least to the greatest', () => {
  const anyValues = fc.oneof(fc.float32Array({ maxLength: 200 }), fc.float64Array({ maxLength: 200 }));
  fc.assert(
    fc.property(anyValues, (values) => {
      const finite = [...values].filter(Number.isFinite);
      const rows = rowsOf(values);
      expect(rows).toHaveLength(30);
      expect(rows.reduce((sum, [, , count]) => sum + count!, 0)).toBe(finite.length);
      expect(rows.flat().every(Number.isFinite)).toBe(true);
      if (finite.length === 0) return;
      expect(rows[0]![0]).toBeCloseTo(Math.min(...finite), 300);
      expect(rows[29]![1]).toBe(Math.max(...finite));
      rows.forEach(([left, right], i) => {
        expect(left).toBeLessThanOrEqual(right!);
        if (i > 0) expect(left).toBe(rows[i - 1]![1]);
      });
    }),
  );
});

test('a value is counted between its edges', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 }), (values) => {
      for (const [left, right, count] of rowsOf(Float64Array.from(values))) {
        const [low, high] = [left! - 1e-9, right! + 1e-9];
        expect(values.filter((value) => value > low && value < high).length).toBeGreaterThanOrEqual(count!);
        const within = values.filter((value) => value > left! + 1e-9 && value < right! - 1e-9).length;
        if (left! < right!) expect(count).toBeGreaterThanOrEqual(within);
      }
    }),
  );
});

test('0 to 59 are two a bucket, but for rounding at no edge', () => {
  const rows = rowsOf(Float32Array.from({ length: 60 }, (_, i) => i));
  expect(rows.map(([, , count]) => count)).toEqual(new Array(30).fill(2));
  expect(rows[1]![0]).toBeCloseTo(59 / 30);
});

test('equal values are counted in the last bucket, none are all zeros, and what is not finite is left out', () => {
  const equal = rowsOf(Float32Array.of(2, 2, 2, Number.NaN, Infinity, -Infinity));
  expect(equal).toEqual(Array.from({ length: 30 }, (_, i) => [2, 2, i === 29 ? 3 : 0]));
  expect(histogramBuckets(Float32Array.of(Number.NaN))).toEqual(new Float64Array(90));
});
