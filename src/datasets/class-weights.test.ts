import fc from 'fast-check';
import { expect, test } from 'vitest';
import { balancedClassWeights, classCounts } from './class-weights.ts';

test('weights are n / (k · n_c)', () => {
  expect([...balancedClassWeights([0, 0, 0, 1], 2)]).toEqual([Math.fround(4 / 6), 2]);
});

test('a class without labels weighs nothing, and the others are balanced among themselves', () => {
  expect([...balancedClassWeights([0, 0, 2, 2], 3)]).toEqual([1, 0, 1]);
  expect([...balancedClassWeights([], 2)]).toEqual([0, 0]);
});

test('every class that occurs has the same total, and the mean weight is 1', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 1 }), (labels) => {
      const weights = balancedClassWeights(labels, 4);
      const counts = classCounts(labels, 4);
      const totals = [...weights].map((weight, c) => weight * counts[c]!).filter((total) => total > 0);
      for (const total of totals) expect(total).toBeCloseTo(labels.length / totals.length, 3);
      expect(totals.reduce((sum, total) => sum + total, 0) / labels.length).toBeCloseTo(1, 5);
    }),
  );
});
