import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { sharedData } from '../../test/support/goldens.ts';
import { DataError } from '../core/errors.ts';
import { Dataset } from '../data/dataset.ts';
import { toCategorical } from '../data/to-categorical.ts';
import { classNames, loadData } from './fashion-mnist.ts';

const sample = sharedData('fashion-mnist-sample');

it.skipIf(!sample)('reads ../shared/data/fashion-mnist-sample', async () => {
  const { train, test } = await loadData({ path: sample! });
  for (const { images, labels } of [train, test]) {
    expect([images.dtype, images.shape, labels.dtype, labels.shape]).toEqual([
      'uint8',
      [1000, 28, 28],
      'uint8',
      [1000],
    ]);
  }
  // As keras.datasets.fashion_mnist.load_data() has them.
  expect([...train.labels.data.subarray(0, 8)]).toEqual([9, 0, 0, 3, 0, 2, 7, 2]);
  expect([...test.labels.data.subarray(0, 8)]).toEqual([9, 2, 1, 1, 6, 1, 4, 6]);
  expect(classNames[train.labels.data[0]!]).toBe('Ankle boot');
  const raw = gunzipSync(await readFile(join(sample!, 't10k-images-idx3-ubyte.gz')));
  expect(Buffer.compare(test.images.data, raw.subarray(16))).toBe(0);

  for await (const { images, labels } of Dataset.fromTensorSlices(train).take(1)) {
    expect([images.shape, labels.shape]).toEqual([[28, 28], []]);
  }
  expect(toCategorical(train.labels, classNames.length).shape).toEqual([1000, 10]);
});

it('names ten classes, and says which files a folder lacks', async () => {
  expect(new Set(classNames).size).toBe(10);
  const error = await loadData({ path: tmpdir() }).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).message).toContain(
    'lacks train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz of Fashion-MNIST',
  );
  await expect(loadData({ path: join(tmpdir(), 'fovea-absent') })).rejects.toThrow('there is no such folder');
});
