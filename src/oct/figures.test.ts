import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { areaUnderCurve, column, confusion, figures, score } from './figures.ts';

/** Images of three classes; few distinct probabilities, so that many are tied. */
const images = fc.array(
  fc.record({
    label: fc.nat(2),
    probabilities: fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
    weight: fc.nat(3),
  }),
  { minLength: 1, maxLength: 30 },
);

describe('areaUnderCurve', () => {
  it('is the share of pairs in the right order, ties counting half, weighted', () => {
    const law = fc.property(images, fc.nat(2), (list, c) => {
      const labels = list.map(({ label }) => label);
      const scored = score(
        list.flatMap(({ probabilities }) => probabilities),
        labels,
        3,
      );
      let pairs = 0;
      let right = 0;
      for (const positive of list.filter(({ label }) => label === c)) {
        for (const negative of list.filter(({ label }) => label !== c)) {
          const weight = positive.weight * negative.weight;
          const difference = positive.probabilities[c]! - negative.probabilities[c]!;
          pairs += weight;
          right += (weight * (Math.sign(difference) + 1)) / 2;
        }
      }
      const area = areaUnderCurve(
        scored,
        c,
        list.map(({ weight }) => weight),
      );
      expect(area).toBe(right / pairs);
    });
    fc.assert(law);
  });
});

describe('figures', () => {
  const labels = [0, 0, 0, 1, 1, 2];
  const probabilities = [
    [0.8, 0.1, 0.1],
    [0.6, 0.3, 0.1],
    [0.2, 0.7, 0.1], // wrong
    [0.1, 0.8, 0.1],
    [0.4, 0.4, 0.2], // a tie: the first wins, and is wrong
    [0.1, 0.2, 0.7],
  ].flat();
  const scored = score(probabilities, labels, 3);
  const once = labels.map(() => 1);

  it('are those of the confusion matrix', () => {
    expect([...confusion(scored, once)]).toEqual([2, 1, 0, 1, 1, 0, 0, 0, 1]);
    const row = figures(scored, [0, 1, 2], once);
    expect(row[column.accuracy]).toBeCloseTo(4 / 6, 12);
    expect(row[column.balancedAccuracy]).toBeCloseTo((2 / 3 + 1 / 2 + 1) / 3, 12);
    expect([0, 1, 2].map((c) => row[column.sensitivity(c)])).toEqual([2 / 3, 1 / 2, 1]);
    expect([0, 1, 2].map((c) => row[column.specificity(c)])).toEqual([1 - 1 / 3, 3 / 4, 1]);
    expect([0, 1, 2].map((c) => row[column.precision(c)])).toEqual([2 / 3, 1 / 2, 1]);
    expect(row[column.auc]).toBeCloseTo((8 / 9 + 7 / 8 + 1) / 3, 12);
  });

  it('of weights are those of repeated images', () => {
    const weights = [2, 1, 0, 3, 1, 1];
    const repeated = weights.flatMap((weight, i) => Array<number>(weight).fill(i));
    const again = score(
      repeated.flatMap((i) => probabilities.slice(3 * i, 3 * i + 3)),
      repeated.map((i) => labels[i]!),
      3,
    );
    const expected = figures(
      again,
      [0, 1, 2],
      repeated.map(() => 1),
    );
    expect(figures(scored, [0, 1, 2], weights)).toEqual(expected);
  });

  it('are NaN where they are undefined', () => {
    const row = figures(scored, [0, 1, 2], [1, 1, 0, 0, 0, 0]);
    expect(row[column.sensitivity(1)]).toBeNaN();
    expect(row[column.specificity(0)]).toBeNaN();
    expect(row[column.precision(2)]).toBeNaN();
    expect(row[column.balancedAccuracy]).toBeNaN();
    expect(row[column.auc]).toBeNaN();
    expect(row[column.accuracy]).toBe(1);
  });
});
