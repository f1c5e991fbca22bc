import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deriveKey, RandomStream } from '../core/random.ts';
import { atOnce } from '../core/turns.ts';
import * as bootstrap from './bootstrap.ts';
import { evaluatePredictions } from './evaluation.ts';
import { averageInterval, type Interval, proportionInterval, studentQuantile } from './interval.ts';
import { simulatePatients } from './simulated-patients.ts';

describe('studentQuantile', () => {
  it.each([
    [2, 4.303],
    [3, 3.182],
    [5, 2.571],
    [10, 2.228],
    [30, 2.042],
    [120, 1.98],
  ])('is that of the tables at %i degrees of freedom', (freedom, quantile) => {
    expect(Math.abs(studentQuantile(freedom) / quantile - 1)).toBeLessThan(freedom === 2 ? 0.008 : 0.0013);
  });
});

const bootstrapErrors = (...args: Parameters<typeof bootstrap.bootstrapErrors>) =>
  atOnce(bootstrap.bootstrapErrors(...args));

describe('bootstrapErrors', () => {
  const mean = (values: readonly number[]) => (weights: Float64Array) => {
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return Float64Array.of(values.reduce((sum, value, i) => sum + value * weights[i]!, 0) / total);
  };
  const stream = () => new RandomStream(deriveKey(3));

  it('gives the standard error of a mean', () => {
    const values = Array.from({ length: 50 }, (_, i) => (i < 35 ? 1 : 0));
    const [error] = bootstrapErrors(mean(values), [...values.keys()], 50, 4000, stream());
    expect(error! / Math.sqrt((0.7 * 0.3) / 50)).toBeCloseTo(1, 1);
  });

  it('draws patients, not images: four equal images each change nothing', () => {
    const values = Array.from({ length: 30 }, (_, i) => i % 3);
    const four = [...values, ...values, ...values, ...values];
    const patients = [...values.keys()];
    const [error] = bootstrapErrors(mean(values), patients, 30, 100, stream());
    const [errorOfFour] = bootstrapErrors(
      mean(four),
      four.map((_, i) => i % 30),
      30,
      100,
      stream(),
    );
    expect(errorOfFour).toBeCloseTo(error!, 12);
  });

  it('leaves out resamples where the figure is undefined, and is 0 where nothing varies', () => {
    const onlyFirst = (weights: Float64Array) =>
      Float64Array.of(weights[0] === 0 ? Number.NaN : 7, Number.NaN);
    expect([...bootstrapErrors(onlyFirst, [0, 1], 2, 100, stream())]).toEqual([0, 0]);
  });
});

describe('proportionInterval', () => {
  // Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998), table I.
  it.each([
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ])("is Wilson's for independent images: %i of %i", (count, images, low, high) => {
    const value = count / images;
    const interval = proportionInterval(value, Math.sqrt((value * (1 - value)) / images), images, images);
    expect(interval[0]).toBeCloseTo(low, 4);
    expect(interval[1]).toBeCloseTo(high, 4);
  });

  it('never counts more trials than images, and without spread one a patient', () => {
    expect(proportionInterval(0.5, 1e-3, 10, 5)).toEqual(proportionInterval(0.5, Math.sqrt(0.025), 10, 5));
    expect(proportionInterval(1, 0, 40, 10)[0]).toBeCloseTo(10 / (10 + 1.96 ** 2), 3);
    expect(proportionInterval(1, 0, 40, 10)[1]).toBeCloseTo(1, 12);
  });
});

describe('averageInterval', () => {
  it('is symmetric on the logit scale, with the quantile of P − k degrees of freedom', () => {
    const [low, high] = averageInterval(0.5, 0.05, 54, 4);
    expect(low + high).toBeCloseTo(1, 12);
    expect(Math.log(high / low)).toBeCloseTo((2.00856 * 0.05 * Math.sqrt(54 / 50)) / 0.25, 4);
  });

  it('holds the value, and lies in [0, 1], however few the patients and great the error', () => {
    const value = fc.oneof(fc.constantFrom(0, 1), fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }));
    const error = fc.oneof(fc.constant(0), fc.double({ min: 1e-6, max: 10, noNaN: true }));
    const law = fc.property(
      value,
      error,
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 4 }),
      (p, se, n, k) => {
        for (const [low, high] of [averageInterval(p, se, n, k), proportionInterval(p, se, n + k, n)]) {
          expect(low).toBeGreaterThanOrEqual(0);
          expect(low - 1e-12).toBeLessThanOrEqual(p);
          expect(high + 1e-12).toBeGreaterThanOrEqual(p);
          expect(high).toBeLessThanOrEqual(1);
        }
      },
    );
    fc.assert(law);
  });
});

describe('the 95 % intervals', () => {
  const setting = { patients: 58, signal: 2.4, correlation: 0.5 };
  type Share = 'sensitivity' | 'specificity';

  it('cover the truth as often as they say', { timeout: 60_000 }, () => {
    const many = simulatePatients({ ...setting, patients: 40_000 }, new RandomStream(deriveKey(1, 'truth')));
    const truth = evaluatePredictions(many, { resamples: 2 });
    const sets = 300;
    const covered = { accuracy: 0, balancedAccuracy: 0, auc: 0, sensitivity: 0, specificity: 0 };
    const holds = (interval: Interval | null, value: number | null): number =>
      interval![0] <= value! && value! <= interval![1] ? 1 : 0;
    for (let set = 0; set < sets; set++) {
      const data = simulatePatients(setting, new RandomStream(deriveKey(2, 'set', set)));
      const evaluation = evaluatePredictions(data, { seed: set, resamples: 300 });
      for (const name of ['accuracy', 'balancedAccuracy', 'auc'] as const) {
        covered[name] += holds(evaluation[`${name}Interval`], truth[name]);
      }
      evaluation.perClass.forEach((row, c) => {
        for (const name of ['sensitivity', 'specificity'] satisfies Share[]) {
          covered[name] +=
            holds(row[`${name}Interval`], truth.perClass[c]![name]) / evaluation.perClass.length;
        }
      });
    }
    // 1.5 % beside three standard deviations of a share of 0.95 in 300 sets; percentiles reach 0.84 to 0.87.
    const tolerance = 0.015 + 3 * Math.sqrt((0.95 * 0.05) / sets);
    for (const count of Object.values(covered)) {
      expect(Math.abs(count / sets - 0.95)).toBeLessThan(tolerance);
    }
  });
});
