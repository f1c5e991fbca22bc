import { expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import type { Batch } from '../training/trainable.ts';
import { type BatchElement, batchesOf, type ExamplesElement, examplesOf } from './elements.ts';

const [x, y, w] = [floats([1, 2], [2, 1]), floats([3, 4]), floats([5, 6])];
const batch: Batch = { inputs: async () => x, targets: y, keys: ['a', 'b'] };
const first = async <T>(dataset: Dataset<T>): Promise<T> => (await dataset.take(1).toArray())[0]!;
const batchOf = (element: unknown) =>
  first(batchesOf(Dataset.fromArray([element as BatchElement]), 'fitDataset'));
const examplesFrom = (element: unknown) =>
  first(examplesOf(Dataset.fromArray([element as ExamplesElement]), 'predict'));

test('tuples and records are batches, and batches stay what they are', async () => {
  expect(await batchOf([x, y])).toEqual({ inputs: x, targets: y });
  expect(await batchOf([x, y, w])).toEqual({ inputs: x, targets: y, weights: w });
  expect(await batchOf({ x, y })).toEqual({ inputs: x, targets: y });
  expect(await batchOf({ x, y, sampleWeight: w })).toEqual({ inputs: x, targets: y, weights: w });
  expect(await batchOf([[x, w], { out: y }])).toEqual({ inputs: [x, w], targets: { out: y } });
  expect(await batchOf(batch)).toBe(batch);
  expect(batchesOf(Dataset.fromArray([[x, y] as const]).repeat(3), 'fitDataset').cardinality).toBe(3);
});

test('to predict from, targets are passed over', async () => {
  for (const element of [x, [x], [x, y], [x, y, w], { x }, { x, y }])
    expect(await examplesFrom(element)).toEqual({ inputs: x });
  expect(await examplesFrom({ left: x, right: w })).toEqual({ inputs: { left: x, right: w } });
  expect(await examplesFrom([[x, w], y])).toEqual({ inputs: [x, w] });
  expect(await examplesFrom(batch)).toBe(batch);
});

test.each<[unknown, string]>([
  [x, 'float32[2, 1]'],
  [[x], '[float32[2, 1]]'],
  [[x, [1, 2]], '[float32[2, 1], [1, 2]]'],
  [[x, y, w, w], '[float32[2, 1], float32[2], float32[2], float32[2]]'],
  [[x, undefined], '[float32[2, 1], undefined]'],
  [[[], y], '[[], float32[2]]'],
  [[x, y, 'a'], '[float32[2, 1], float32[2], a]'],
  [{ x, label: y }, '{ x, label }'],
  [{ image: x, label: y }, '{ image, label }'],
  [[1, 2, 3, 4, 5, 6], '[1, 2, 3, 4, …]'],
  [null, 'null'],
  [7, '7'],
])('refuses to learn from %o', async (element, shown) => {
  const refused = batchOf(element);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(
    `fitDataset: the elements of the dataset must be [x, y], [x, y, sampleWeight] or { x, y } of tensors, or batches, got ${shown}`,
  );
});

test('refuses to predict from what holds no tensors, and what is no dataset', async () => {
  for (const element of [7, null, {}, [], ['a', x], [x, y, w, w], { x: 'a' }])
    await expect(examplesFrom(element)).rejects.toThrow(
      'predict: the elements of the dataset must be tensors',
    );
  expect(() => batchesOf([[x, y]] as never, 'fitDataset')).toThrow(
    'fitDataset: a dataset is expected, got [[',
  );
  expect(() => batchesOf(undefined as never, 'fitDataset')).toThrow(UsageError);
});
