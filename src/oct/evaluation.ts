import { DataError, ShapeError, UsageError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import { formatShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { atOnce, type Steps } from '../core/turns.ts';
import { bootstrapErrors } from './bootstrap.ts';
import { column, confusion, figures, score } from './figures.ts';
import { averageInterval, type Interval, proportionInterval } from './interval.ts';

/** How good predictions are on a test part. A figure that is undefined is null, and so is its 95 % interval. */
export interface Evaluation {
  readonly images: number;
  readonly patients: number;
  readonly accuracy: number;
  readonly accuracyInterval: Interval;
  /** The mean sensitivity of the classes that have images. */
  readonly balancedAccuracy: number;
  readonly balancedAccuracyInterval: Interval;
  /** The mean, over the same classes, of the area under the ROC curve of one against the rest. */
  readonly auc: number | null;
  readonly aucInterval: Interval | null;
  /** Mean negative log likelihood in nats. */
  readonly loss: number;
  readonly classes: readonly string[];
  /** Counts of images: a row for each true class, a column for each predicted one. */
  readonly confusionMatrix: readonly (readonly number[])[];
  readonly perClass: readonly ClassEvaluation[];
}

/** One class against the rest. */
export interface ClassEvaluation {
  readonly class: string;
  /** Of the images of the class, the share that was called so: null without images. */
  readonly sensitivity: number | null;
  readonly sensitivityInterval: Interval | null;
  /** Of the other images, the share that was not called so: null without other images. */
  readonly specificity: number | null;
  readonly specificityInterval: Interval | null;
  /** Of the images that were called so, the share that is of the class: null where none was. */
  readonly precision: number | null;
  readonly precisionInterval: Interval | null;
  /** Images of the class. */
  readonly support: number;
}

export interface Predictions {
  /** Images × classes; each row sums to 1. */
  readonly probabilities: Tensor<'float32'>;
  /** The index of each image's true class. */
  readonly labels: ArrayLike<number>;
  /** The patient of each image. */
  readonly patients: readonly string[];
  readonly classes: readonly string[];
}

export interface EvaluationOptions {
  /** The same seed gives the same intervals; 0 unless given. */
  readonly seed?: number;
  /** How often patients are drawn anew; 2,000 unless given. */
  readonly resamples?: number;
}

/** Keras' epsilon: a probability below it counts as it, so that one sure mistake does not make the loss infinite. */
const smallestProbability = 1e-7;

/**
 * Evaluates predictions. The intervals say how far a figure could lie from its value for all patients like these: they
 * come from a bootstrap over patients, see `interval.ts`. A prediction is the most probable class, the first of equals.
 *
 * @throws {ShapeError} when the parts do not fit together
 * @throws {DataError} when a label is no class, or a row holds no probabilities
 *
 * @example
 * const { accuracy, accuracyInterval } = evaluatePredictions({
 *   probabilities: floats([0.9, 0.1, 0.3, 0.7, 0.6, 0.4], [3, 2]),
 *   labels: [0, 1, 1],
 *   patients: ['1', '2', '2'],
 *   classes: ['CNV', 'NORMAL'],
 * }); // accuracy 2/3
 */
export function evaluatePredictions(predictions: Predictions, options?: EvaluationOptions): Evaluation {
  return atOnce(evaluateStepwise(predictions, options));
}

/** `evaluatePredictions` in steps: thousands of resamples take a while. */
export function* evaluateStepwise(
  predictions: Predictions,
  { seed = 0, resamples = 2000 }: EvaluationOptions = {},
): Steps<Evaluation> {
  check(predictions, resamples);
  const { probabilities, labels, classes } = predictions;
  const images = labels.length;
  const k = classes.length;
  const scored = score(probabilities.data, labels, k);
  const names = new Map<string, number>();
  const patients = Int32Array.from(predictions.patients, (name) => {
    if (!names.has(name)) names.set(name, names.size);
    return names.get(name)!;
  });

  const once = new Float64Array(images).fill(1);
  const matrix = confusion(scored, once);
  const support = classes.map((_, c) => scored.labels.reduce((sum, label) => sum + (label === c ? 1 : 0), 0));
  const present = classes.flatMap((_, c) => (support[c]! > 0 ? [c] : []));
  const values = figures(scored, present, once);
  const stream = new RandomStream(deriveKey(seed, 'bootstrap'));
  const resampled = (weights: Float64Array): Float64Array => figures(scored, present, weights);
  const errors = yield* bootstrapErrors(resampled, patients, names.size, resamples, stream);

  const average = (at: number, means: number): Interval =>
    averageInterval(values[at]!, errors[at]!, names.size, means);
  const orNull = (at: number): number | null => (Number.isNaN(values[at]!) ? null : values[at]!);
  /** The interval of a share of the images that `counts` selects. */
  const share = (at: number, counts: (image: number) => boolean): Interval | null => {
    const counted = patients.filter((_, image) => counts(image));
    if (counted.length === 0) return null;
    return proportionInterval(values[at]!, errors[at]!, counted.length, new Set(counted).size);
  };

  return {
    images,
    patients: names.size,
    accuracy: values[column.accuracy]!,
    accuracyInterval: average(column.accuracy, 1),
    balancedAccuracy: values[column.balancedAccuracy]!,
    balancedAccuracyInterval: average(column.balancedAccuracy, present.length),
    auc: orNull(column.auc),
    aucInterval: orNull(column.auc) === null ? null : average(column.auc, present.length),
    loss: meanLoss(predictions),
    classes,
    confusionMatrix: classes.map((_, c) => [...matrix.subarray(c * k, (c + 1) * k)]),
    perClass: classes.map((name, c) => ({
      class: name,
      sensitivity: orNull(column.sensitivity(c)),
      sensitivityInterval: share(column.sensitivity(c), (image) => scored.labels[image] === c),
      specificity: orNull(column.specificity(c)),
      specificityInterval: share(column.specificity(c), (image) => scored.labels[image] !== c),
      precision: orNull(column.precision(c)),
      precisionInterval: share(column.precision(c), (image) => scored.predictions[image] === c),
      support: support[c]!,
    })),
  };
}

function meanLoss({ probabilities: { data }, labels, classes }: Predictions): number {
  let sum = 0;
  for (let i = 0; i < labels.length; i++) {
    sum -= Math.log(Math.max(data[i * classes.length + labels[i]!]!, smallestProbability));
  }
  return sum / labels.length;
}

function check({ probabilities, labels, patients, classes }: Predictions, resamples: number): void {
  const [images, k] = [labels.length, classes.length];
  if (images === 0 || k === 0) {
    throw new DataError(`an evaluation needs images and classes, got ${images} images and ${k} classes`);
  }
  if (patients.length !== images || formatShape(probabilities.shape) !== formatShape([images, k])) {
    throw new ShapeError(
      `an evaluation of ${images} labels and ${k} classes needs probabilities [${images}, ${k}] and ${images} patients, ` +
        `got ${formatShape(probabilities.shape)} and ${patients.length}`,
    );
  }
  if (!Number.isSafeInteger(resamples) || resamples < 2) {
    throw new UsageError(`resamples must be a whole number from 2 on, got ${resamples}`);
  }
  for (let i = 0; i < images; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= k) {
      throw new DataError(`label ${i} must be a class from 0 to ${k - 1}, got ${label}`);
    }
    const row = probabilities.data.subarray(i * k, (i + 1) * k);
    const sum = row.reduce((total, value) => total + value, 0);
    if (!row.every((value) => value >= 0) || Math.abs(sum - 1) > 1e-3) {
      throw new DataError(
        `the probabilities of image ${i} must be at least 0 and sum to 1, got ${formatShape([...row])}`,
      );
    }
  }
}
