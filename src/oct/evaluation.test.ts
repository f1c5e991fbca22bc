import { describe, expect, it } from 'vitest';
import { DataError, ShapeError, UsageError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import { floats } from '../core/tensor.ts';
import { evaluatePredictions, type Predictions } from './evaluation.ts';
import { simulatePatients } from './simulated-patients.ts';

const small: Predictions = {
  probabilities: floats([0.75, 0.25, 0, 0.5, 0.5, 0, 0.25, 0.75, 0, 0.625, 0, 0.375], [4, 3]),
  labels: [0, 0, 1, 1],
  patients: ['7', '7', '8', '9'],
  classes: ['CNV', 'DME', 'DRUSEN'],
};
const simulated = simulatePatients(
  { patients: 58, signal: 1.9, correlation: 0.5 },
  new RandomStream(deriveKey(1)),
);

describe('evaluatePredictions', () => {
  it('gives the figures, null where they are undefined', () => {
    const evaluation = evaluatePredictions(small);
    expect(evaluation).toMatchObject({
      images: 4,
      patients: 3,
      accuracy: 0.75,
      balancedAccuracy: 0.75, // of the two classes that have images
      auc: 0.625, // of CNV 3 of 4 pairs are in order, of DME 2 of 4
      classes: ['CNV', 'DME', 'DRUSEN'],
      confusionMatrix: [
        [2, 0, 0],
        [1, 1, 0],
        [0, 0, 0],
      ],
    });
    expect(evaluation.perClass[0]).toMatchObject({
      class: 'CNV',
      sensitivity: 1,
      specificity: 0.5,
      precision: expect.closeTo(2 / 3, 12),
      support: 2,
    });
    expect(evaluation.perClass[2]).toEqual({
      class: 'DRUSEN',
      sensitivity: null,
      sensitivityInterval: null,
      specificity: 1,
      specificityInterval: [expect.closeTo(3 / (3 + 1.96 ** 2), 3), expect.closeTo(1, 12)],
      precision: null,
      precisionInterval: null,
      support: 0,
    });
    // A probability of 0 counts as 1e-7.
    const loss = -(Math.log(0.75) + Math.log(0.5) + Math.log(0.75) + Math.log(1e-7)) / 4;
    expect(evaluation.loss).toBeCloseTo(loss, 6);
  });

  it('has no AUC where all images are of one class', () => {
    const evaluation = evaluatePredictions({ ...small, labels: [0, 0, 0, 0] });
    expect(evaluation).toMatchObject({
      accuracy: 0.75,
      balancedAccuracy: 0.75,
      auc: null,
      aucInterval: null,
    });
    expect(evaluation.perClass[0]).toMatchObject({ specificity: null, specificityInterval: null });
  });

  it('evaluates a single image', () => {
    const one: Predictions = {
      ...small,
      probabilities: floats([1, 0, 0], [1, 3]),
      labels: [0],
      patients: ['7'],
    };
    const { accuracy, accuracyInterval, auc } = evaluatePredictions(one);
    expect({ accuracy, accuracyInterval, auc }).toEqual({
      accuracy: 1,
      accuracyInterval: [expect.closeTo(1 / (1 + 1.96 ** 2), 3), expect.closeTo(1, 12)],
      auc: null,
    });
  });

  it('gives the same intervals for the same seed, and others for another', () => {
    const intervals = (seed: number) =>
      evaluatePredictions(simulated, { seed, resamples: 200 }).accuracyInterval;
    expect(intervals(1)).toEqual(intervals(1));
    expect(intervals(1)).not.toEqual(intervals(2));
  });

  it('is not fooled by copies of images of the same patients', () => {
    const twice: Predictions = {
      ...simulated,
      probabilities: floats(
        [...simulated.probabilities.data, ...simulated.probabilities.data],
        [2 * simulated.labels.length, 4],
      ),
      labels: [...Array.from(simulated.labels), ...Array.from(simulated.labels)],
      patients: [...simulated.patients, ...simulated.patients],
    };
    const [low, high] = evaluatePredictions(simulated).accuracyInterval;
    const again = evaluatePredictions(twice).accuracyInterval;
    expect(again[0]).toBeCloseTo(low, 10);
    expect(again[1]).toBeCloseTo(high, 10);
  });

  it('is plain data: what JSON gives back is the same', () => {
    const evaluation = evaluatePredictions(small);
    expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
  });

  const none = { probabilities: floats([], [0, 3]), labels: [], patients: [] };
  it.each<[string, Partial<Predictions>, new (message: string) => Error, string]>([
    ['no images', none, DataError, 'needs images and classes, got 0 images and 3 classes'],
    ['too few patients', { patients: ['7'] }, ShapeError, 'and 4 patients, got [4, 3] and 1'],
    ['another shape', { probabilities: floats([1, 0, 0], [1, 3]) }, ShapeError, 'needs probabilities [4, 3]'],
    [
      'a label that is no class',
      { labels: [0, 0, 3, 1] },
      DataError,
      'label 2 must be a class from 0 to 2, got 3',
    ],
    [
      'NaN',
      { probabilities: floats([Number.NaN, ...small.probabilities.data.subarray(1)], [4, 3]) },
      DataError,
      'the probabilities of image 0 must be at least 0 and sum to 1, got [NaN, 0.25, 0]',
    ],
    [
      'logits',
      { probabilities: floats([...small.probabilities.data.subarray(0, 9), 2, 0, 0], [4, 3]) },
      DataError,
      'the probabilities of image 3 must be at least 0 and sum to 1, got [2, 0, 0]',
    ],
  ])('refuses %s', (_, part, errorClass, message) => {
    expect(() => evaluatePredictions({ ...small, ...part })).toThrow(errorClass);
    expect(() => evaluatePredictions({ ...small, ...part })).toThrow(message);
  });

  it.each([0, 1, 2.5, Number.NaN])('refuses %d resamples', (resamples) => {
    expect(() => evaluatePredictions(small, { resamples })).toThrow(UsageError);
  });
});
