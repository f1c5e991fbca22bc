import { describe, expect, test } from 'vitest';
import { withCustomObjects } from '../core/custom-objects.ts';
import { DataError, UsageError } from '../core/errors.ts';
import { learningRateAt } from './learning-rate.ts';
import { adam, adamW, muon, sgd } from './optimizers.ts';
import { schedules } from './schedules.ts';
import { deserializeOptimizer, serializeOptimizer } from './serializing.ts';

const throughText = (json: unknown) => JSON.parse(JSON.stringify(json));

describe('what Keras does not write', () => {
  test('stands beside its config and comes back', () => {
    const optimizer = adamW({
      excludeFromWeightDecay: ['bias'],
      learningRateMultipliers: { conv1: 0.1 },
      learningRate: schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 5 }),
    });
    const json = serializeOptimizer(optimizer);
    expect(json.fovea).toEqual({
      exclude_from_weight_decay: ['bias'],
      learning_rate_multipliers: { conv1: 0.1 },
    });
    expect(Object.keys(json.config)).not.toContain('learning_rate_multipliers');
    expect(deserializeOptimizer(throughText(json)).config).toEqual(optimizer.config);
  });

  test('is not there where it is not given', () => {
    expect(serializeOptimizer(adam())).not.toHaveProperty('fovea');
  });
});

test('names with numbers are Keras’', () => {
  const { config } = serializeOptimizer(muon());
  expect(config).toMatchObject({ adam_beta_1: 0.9, adam_beta_2: 0.999, weight_decay: 0.004, rms_rate: 0.2 });
  expect(serializeOptimizer(adam()).config).toMatchObject({
    beta_1: 0.9,
    beta_2: 0.999,
    learning_rate: 0.001,
  });
});

test('a function is written by its name and found by it', () => {
  const halved = (step: number) => 2 ** -step;
  withCustomObjects({ halved }, () => {
    const json = throughText(serializeOptimizer(sgd({ learningRate: halved })));
    const optimizer = deserializeOptimizer(json);
    expect(optimizer.config.learningRate).toBe(halved);
    expect(learningRateAt(optimizer, 3)).toBe(0.25);
  });
  expect(() => serializeOptimizer(sgd({ learningRate: halved }))).toThrow(UsageError);
  expect(() => serializeOptimizer(sgd({ learningRate: halved }))).toThrow('registerCustomObjects');
});

test('an optimizer of one’s own is not written', () => {
  expect(() => serializeOptimizer({ ...sgd(), className: 'Mine' })).toThrow(
    'optimizer Mine: one of your own',
  );
});

const json = (class_name: string, config: object) => ({ class_name, config });

test.each<[string, unknown, string]>([
  ['no object', 'adam', 'an optimizer must be an object with a class_name'],
  ['an unknown class', json('LAMB', {}), "got the class 'LAMB'"],
  ['a config that is none', { class_name: 'Adam', config: 3 }, 'and a config'],
  [
    'an unknown option',
    json('Adam', { jit_compile: true }),
    "optimizer Adam: there is no option 'jit_compile'",
  ],
  [
    'a value out of range',
    json('Adam', { beta_1: 2 }),
    'optimizer Adam: beta1 must be a number from 0 on and below 1',
  ],
  ['a scale of the loss', json('SGD', { loss_scale_factor: 8 }), 'loss_scale_factor 8 is for float16'],
  [
    'an unknown schedule',
    json('SGD', { learning_rate: { class_name: 'LinearDecay', config: {} } }),
    "no schedule 'LinearDecay'",
  ],
  [
    'a schedule whose options do not fit',
    json('SGD', {
      learning_rate: {
        class_name: 'PiecewiseConstantDecay',
        config: { boundaries: [1], values: [0.1], name: 'a' },
      },
    }),
    'values must be one more than boundaries, got 1 and 1',
  ],
])('refuses %s', (_, given, message) => {
  expect(() => deserializeOptimizer(given)).toThrow(DataError);
  expect(() => deserializeOptimizer(given)).toThrow(message);
});
