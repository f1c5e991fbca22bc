import { describe, expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { losses } from '../losses/losses.ts';
import { metrics } from '../metrics/metrics.ts';
import { type ObjectiveOptions, objectiveOf } from './objective.ts';

const outputs = ['kind', 'size'];
const own = () => {
  throw new Error('is not called here');
};
const namesOf = (options: ObjectiveOptions, names = outputs) =>
  objectiveOf(options, names).map(({ metrics }) =>
    metrics.map(({ name, weighted }) => (weighted ? `${name} (weighted)` : name)),
  );
const lossesOf = (options: ObjectiveOptions, names = outputs) =>
  objectiveOf(options, names).map(({ loss }) => (typeof loss === 'object' ? loss.className : loss));

describe('losses', () => {
  test('of one output: alone, or in a list or record of one', () => {
    for (const loss of ['mse', ['mse'], { kind: 'mse' }, losses.meanSquaredError()] as const)
      expect(lossesOf({ loss } as ObjectiveOptions, ['kind'])).toEqual(['MeanSquaredError']);
    expect(lossesOf({ loss: own }, ['kind'])).toEqual([own]);
  });

  test('of several: one for all, by place or by name, and none for some', () => {
    expect(lossesOf({ loss: 'mse' })).toEqual(['MeanSquaredError', 'MeanSquaredError']);
    expect(lossesOf({ loss: own })).toEqual([own, own]);
    expect(lossesOf({ loss: losses.huber() })).toEqual(['Huber', 'Huber']);
    expect(lossesOf({ loss: [null, 'huber'] })).toEqual([undefined, 'Huber']);
    expect(lossesOf({ loss: { size: 'crossentropy' } })).toEqual([undefined, 'crossentropy']);
    expect(lossesOf({ loss: { size: null } })).toEqual([undefined, undefined]);
    expect(lossesOf({})).toEqual([undefined, undefined]);
  });

  test('count by weights, 1 where none is given', () => {
    const weightsOf = (lossWeights: NonNullable<ObjectiveOptions['lossWeights']>) =>
      objectiveOf({ loss: 'mse', lossWeights }, outputs).map(({ lossWeight }) => lossWeight);
    expect(weightsOf([2, 0])).toEqual([2, 0]);
    expect(weightsOf({ size: 0.3 })).toEqual([1, 0.3]);
  });
});

describe('metrics', () => {
  test('are for the one output, or for each, by place or by name', () => {
    expect(namesOf({ metrics: ['accuracy', metrics.auc({ name: 'area' }), own] }, ['kind'])).toEqual([
      ['accuracy', 'area', 'own'],
    ]);
    expect(namesOf({ metrics: { kind: 'accuracy' } }, ['kind'])).toEqual([['accuracy']]);
    expect(namesOf({ metrics: [['accuracy'], ['mae', 'mse']] })).toEqual([
      ['kind_accuracy'],
      ['size_mae', 'size_mse'],
    ]);
    expect(namesOf({ metrics: ['accuracy', 'mae'] })).toEqual([['kind_accuracy'], ['size_mae']]);
    expect(namesOf({ metrics: ['mae'] })).toEqual([['kind_mae'], ['size_mae']]);
    expect(namesOf({ metrics: { size: ['mae'] } })).toEqual([[], ['size_mae']]);
    expect(namesOf({ metrics: [], weightedMetrics: [] })).toEqual([[], []]);
  });

  test('of one name are told apart as Keras does', () => {
    const twice = { metrics: ['acc', 'acc', 'acc'], weightedMetrics: ['acc', 'acc', 'mae'] } as const;
    expect(namesOf(twice, ['kind'])).toEqual([
      ['acc', 'acc_1', 'acc_2', 'weighted_acc (weighted)', 'weighted_acc_1 (weighted)', 'mae (weighted)'],
    ]);
    expect(namesOf({ metrics: [['mae'], []], weightedMetrics: [['mae'], ['mae']] })).toEqual([
      ['kind_mae', 'kind_weighted_mae (weighted)'],
      ['size_mae (weighted)'],
    ]);
  });

  test('take no name of a loss', () => {
    expect(namesOf({ loss: 'mse', metrics: [metrics.auc({ name: 'loss' })] }, ['kind'])).toEqual([
      ['loss_1'],
    ]);
    expect(namesOf({ loss: 'mse', metrics: [[metrics.auc({ name: 'loss' })], []] })).toEqual([
      ['kind_loss_1'],
      [],
    ]);
  });
});

describe('refuses', () => {
  const wrong =
    (options: object, names = outputs) =>
    () =>
      objectiveOf(options as ObjectiveOptions, names);
  test.each<[string, object, string]>([
    ['a loss that there is not', { loss: 'best' }, '"best" is no loss; expected a loss: one of'],
    ['one loss that there is not', { loss: ['mse', 'best'] }, '"best" is no loss'],
    ['another count', { loss: ['mse'] }, 'loss must be one for each of the 2 outputs (kind, size), got 1'],
    ['another output', { loss: { sort: 'mse' } }, "loss: there is no output 'sort'; there are kind, size"],
    ['what is no loss', { loss: 3 }, 'loss must be a list or a record by the outputs’ names, got 3'],
    ['another count of weights', { lossWeights: [1] }, 'lossWeights must be one for each'],
    [
      'a weight that is no number',
      { lossWeights: ['a', 1] },
      "lossWeights: 'kind' must be a finite number, got a",
    ],
    ['a weight for all', { lossWeights: 2 }, 'lossWeights must be a list or a record'],
    ['a metric that there is not', { metrics: ['best'] }, '"best" is no metric; expected a metric: one of'],
    ['metrics of another output', { metrics: { sort: ['mae'] } }, "metrics: there is no output 'sort'"],
    ['metrics of another count', { weightedMetrics: [['mae']] }, 'weightedMetrics must be one for each'],
  ])('%s', (_, options, message) => {
    expect(wrong(options)).toThrow(UsageError);
    expect(wrong(options)).toThrow(message);
  });

  test('several losses for one output', () => {
    expect(wrong({ loss: ['mse', 'mae'] }, ['kind'])).toThrow('has one output, and was given 2 losses');
  });
});
