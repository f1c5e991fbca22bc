import { type Tensor, zeros } from '../../src/core/tensor.ts';
import { Dataset } from '../../src/data/dataset.ts';
import type { Model } from '../../src/models/model.ts';
import type { Batch } from '../../src/training/trainable.ts';

/** Targets of classes: a row for each label. */
export function oneHot(labels: readonly number[], classes: number): Tensor<'float32'> {
  const targets = zeros('float32', [labels.length, classes]);
  labels.forEach((label, i) => {
    targets.data[i * classes + label] = 1;
  });
  return targets;
}

/** A data set of these batches, in this order each epoch. */
export const batches = (...list: Batch[]): Dataset<Batch> => Dataset.fromArray(list);

/** The values of a model's weights, by path. They are never changed in place, so they need no copy. */
export function valuesOf(model: Model): Record<string, Tensor | undefined> {
  return Object.fromEntries(model.weights.map(({ path, value }) => [path, value]));
}
