import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { learningRateAt, rateAt } from './learning-rate.ts';
import { adam, sgd } from './optimizers.ts';
import { schedules } from './schedules.ts';

test('an optimizer’s first step has the rate of step 0', () => {
  const learningRate = schedules.piecewiseConstantDecay({ boundaries: [0, 2], values: [4, 3, 2] });
  const optimizer = sgd({ learningRate });
  expect([1, 2, 3, 4, 5].map((step) => learningRateAt(optimizer, step))).toEqual([4, 3, 3, 2, 2]);
  expect(learningRateAt(sgd({ learningRate: 0.5 }), 7)).toBe(0.5);
});

describe('cosineDecayRestarts', () => {
  test.each([
    [1, 9, [0, 9, 18, 27, 9000]],
    [1.5, 4, [0, 4, 10, 19]],
    [2, 9, [0, 9, 27, 63, 9 * (2 ** 20 - 1)]],
    [5, 1, [0, 1, 6, 31, 156, 781]],
    [10, 1, [0, 1, 11, 111, 1111, 11111, 111111]],
  ])('begins anew, each time after %d times as many steps, from %d', (tMul, firstDecaySteps, restarts) => {
    const schedule = schedules.cosineDecayRestarts({ initialLearningRate: 1, firstDecaySteps, tMul });
    for (const step of restarts) {
      expect(rateAt(schedule, step), `step ${step}`).toBeCloseTo(1, 9);
      if (step > 0) expect(rateAt(schedule, step - 1e-6), `before ${step}`).toBeLessThan(1e-6);
    }
  });

  test('is between alpha and 1 of the rate at any step', () => {
    const options = fc.record({
      firstDecaySteps: fc.integer({ min: 1, max: 1000 }),
      tMul: fc.double({ min: 1, max: 10, noNaN: true }),
      mMul: fc.double({ min: 0, max: 1, noNaN: true }),
      alpha: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(options, fc.integer({ min: 0, max: 1e7 }), (given, step) => {
        const rate = rateAt(schedules.cosineDecayRestarts({ initialLearningRate: 1, ...given }), step);
        expect(rate).toBeGreaterThanOrEqual(given.alpha - 1e-9);
        expect(rate).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });
});

test('a function of one’s own is a schedule', () => {
  expect(learningRateAt(adam({ learningRate: (step) => step / 8 }), 3)).toBe(0.25);
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, undefined])(
  'a rate of %s is refused when it comes',
  (rate) => {
    const optimizer = adam({
      learningRate: function mine() {
        return rate as number;
      },
    });
    expect(() => learningRateAt(optimizer, 4)).toThrow(UsageError);
    expect(() => learningRateAt(optimizer, 4)).toThrow(
      `schedule mine: a rate must be a number from 0 on, got ${rate} at step 3`,
    );
  },
);

const cosine = { initialLearningRate: 1, decaySteps: 5 };

test.each<[string, () => unknown, string]>([
  [
    'no steps',
    () => schedules.cosineDecay({ ...cosine, decaySteps: 0 }),
    'decaySteps must be a number above 0, got 0',
  ],
  ['no rate', () => schedules.polynomialDecay({ decaySteps: 3 } as never), 'initialLearningRate is missing'],
  [
    'an unknown option',
    () => schedules.cosineDecay({ ...cosine, tMul: 2 } as never),
    "there is no option 'tMul'",
  ],
  [
    'a warm-up to nowhere',
    () => schedules.cosineDecay({ ...cosine, warmupSteps: 3 }),
    'schedule CosineDecay: warmupSteps needs a warmupTarget',
  ],
  [
    'as many values as boundaries',
    () => schedules.piecewiseConstantDecay({ boundaries: [1, 2], values: [1, 2] }),
    'values must be one more than boundaries, got 2 and 2',
  ],
  [
    'boundaries out of order',
    () => schedules.piecewiseConstantDecay({ boundaries: [2, 1], values: [1, 2, 3] }),
    'boundaries must grow, got 2, 1',
  ],
  [
    'the same as plain data',
    () => sgd({ learningRate: { className: 'CosineDecay', config: { ...cosine, warmupSteps: 3 } } }),
    'warmupSteps needs a warmupTarget',
  ],
  ['a name alone', () => sgd({ learningRate: 'cosineDecay' as never }), 'initialLearningRate is missing'],
  ['a number as text', () => sgd({ learningRate: '0.1' as never }), 'optimizer SGD: learningRate must be'],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(UsageError);
  expect(call).toThrow(message);
});
