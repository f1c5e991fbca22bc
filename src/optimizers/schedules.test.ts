import { describe, expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { cosineDecay } from './schedules.ts';

describe('cosineDecay is Keras’ CosineDecay at every step', () => {
  test('with a warm-up and a rest', () => {
    // CosineDecay(0.0, 10, alpha=0.1, warmup_target=0.2, warmup_steps=4), Keras 3.15
    const expected = [
      0, 0.05, 0.1, 0.15, 0.2, 0.19559509, 0.18281153, 0.16290067, 0.13781153, 0.11, 0.08218845, 0.05709933,
      0.03718847, 0.02440492, 0.02, 0.02, 0.02,
    ];
    const schedule = cosineDecay({ initialLearningRate: 0.2, decaySteps: 10, alpha: 0.1, warmupSteps: 4 });
    expected.forEach((rate, step) => {
      expect(schedule(step), `step ${step}`).toBeCloseTo(rate, 7);
    });
  });

  test('by default', () => {
    // CosineDecay(0.2, 5), Keras 3.15
    const expected = [0.2, 0.18090169, 0.13090169, 0.06909829, 0.01909829, 0, 0, 0];
    const schedule = cosineDecay({ initialLearningRate: 0.2, decaySteps: 5 });
    expected.forEach((rate, step) => {
      expect(schedule(step), `step ${step}`).toBeCloseTo(rate, 7);
    });
  });
});

test.each([0, -1, Number.NaN])('%d steps are refused', (decaySteps) => {
  expect(() => cosineDecay({ initialLearningRate: 1, decaySteps })).toThrow(UsageError);
});
