import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { DataError, UsageError } from '../src/core/errors.ts';
import type { Tensor } from '../src/core/tensor.ts';
import type { Dataset } from '../src/data/dataset.ts';
import { samplesPath } from '../src/datasets/samples.ts';
import { ImagePool } from '../src/images/pool.ts';
import { type ImageDirectoryOptions, imageDatasetFromDirectory } from '../src/public/datasets.ts';
import * as layers from '../src/public/layers.ts';
import { sequential } from '../src/public/models.ts';
import { goldenJson, goldenTensors } from './support/goldens.ts';

interface Part {
  readonly images: string;
  readonly batches: readonly number[] | number;
  readonly labels: { dtype: string; shape: readonly number[]; values: readonly number[] } | null;
  readonly classNames: readonly string[] | null;
  readonly filePaths: readonly string[];
}

const golden = goldenJson<{
  layout: { files: Record<string, string>; links: Record<string, string> };
  rows: readonly { options: ImageDirectoryOptions; parts: readonly Part[] }[];
}>('image_directory');
const tensors = goldenTensors('image_directory');

let folder: string;
let pool: ImagePool;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-directory-'));
  pool = new ImagePool({ threads: 2 });
  for (const [name, source] of Object.entries(golden.layout.files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await copyFile(join(samplesPath(), 'test', source), join(folder, name));
  }
  for (const [name, target] of Object.entries(golden.layout.links)) {
    await symlink(join(folder, target), join(folder, name), 'dir');
  }
});
afterAll(async () => {
  await pool.close();
  await rm(folder, { recursive: true, force: true });
});

type Found = Dataset<Tensor | [Tensor, Tensor]> & {
  classNames: readonly string[] | undefined;
  filePaths: readonly string[];
};

async function found(options: ImageDirectoryOptions, directory = folder): Promise<Found[]> {
  const given = await imageDatasetFromDirectory(directory, { pool, ...options });
  return (Array.isArray(given) ? given : [given]) as unknown as Found[];
}

describe('as Keras reads a folder', () => {
  test.each(golden.rows.map((row) => ({ ...row, title: JSON.stringify(row.options) })))(
    '$title',
    async ({ options, parts }) => {
      const datasets = await found({ ...options, shuffle: false });
      expect(datasets).toHaveLength(parts.length);
      for (const [i, part] of parts.entries()) {
        const { classNames, filePaths } = datasets[i]!;
        expect(classNames ?? null).toEqual(part.classNames);
        expect(filePaths).toEqual(part.filePaths.map((path) => join(folder, path)));
        const elements = (await datasets[i]!.toArray()).map((element) =>
          Array.isArray(element) ? element : [element, undefined],
        );
        expect(datasets[i]!.cardinality).toBe(elements.length);
        const [[first]] = elements as [[Tensor]];
        const expected = tensors[part.images]!;
        expect([first.dtype, first.shape]).toEqual(['float32', expected.shape]);
        let worst = 0;
        for (let k = 0; k < first.data.length; k++)
          worst = Math.max(worst, Math.abs(Number(first.data[k]) - Number(expected.data[k])));
        expect(worst).toBeLessThan(1e-3); // grey levels
        const batched = typeof part.batches !== 'number';
        expect(batched ? elements.map(([images]) => images!.shape[0]) : elements.length).toEqual(
          part.batches,
        );
        const labels = elements.map(([, label]) => label as Tensor | undefined);
        if (!part.labels) expect(labels.every((label) => label === undefined)).toBe(true);
        else {
          expect(labels[0]).toMatchObject({ dtype: part.labels.dtype, shape: part.labels.shape });
          expect(labels.flatMap((label) => Array.from(label!.data as Int32Array))).toEqual(
            part.labels.values,
          );
        }
      }
    },
  );
});

const labelsOf = async (dataset: Found, epoch: number): Promise<number[]> => {
  const labels: number[] = [];
  for await (const element of dataset.iterate(epoch))
    labels.push(...((element as [Tensor, Tensor])[1].data as Int32Array));
  return labels;
};
/** Labels that are the files' numbers. */
const numbered: ImageDirectoryOptions = { labels: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], imageSize: 4 };

test('a seed repeats split and orders; epochs differ; both parts together are all', async () => {
  const options = { ...numbered, validationSplit: 0.4, seed: 5 };
  const [training, validation] = (await found({ ...options, subset: 'both' })) as [Found, Found];
  const seen = await Promise.all([
    labelsOf(training, 0),
    labelsOf(training, 0),
    labelsOf(training, 1),
    labelsOf(validation, 0),
    labelsOf(validation, 1),
  ]);
  expect(seen[0]).toEqual(seen[1]);
  expect(seen[2]).not.toEqual(seen[0]);
  expect([...seen[2]!].sort()).toEqual([...seen[0]!].sort());
  expect(seen[4]).toEqual(seen[3]);
  expect([...seen[0]!, ...seen[3]!].sort((a, b) => a - b)).toEqual(numbered.labels);
  expect([seen[0]!.length, seen[3]!.length]).toEqual([7, 4]);
  const [alone] = await found({ ...options, subset: 'training' });
  expect(alone!.filePaths).toEqual(training.filePaths);
  expect(await labelsOf(alone!, 0)).toEqual(seen[0]);
  const [other] = await found({ ...options, subset: 'training', seed: 6 });
  expect(other!.filePaths).not.toEqual(training.filePaths);
});

test('what elements are follows from the options in the types too', async () => {
  const plain = await imageDatasetFromDirectory(folder);
  expectTypeOf(await plain.take(0).toArray()).toEqualTypeOf<
    [images: Tensor<'float32'>, labels: Tensor<'int32'>][]
  >();
  const hot = await imageDatasetFromDirectory(folder, { labelMode: 'categorical', batchSize: null });
  expectTypeOf(await hot.take(0).toArray()).toEqualTypeOf<
    [images: Tensor<'float32'>, labels: Tensor<'float32'>][]
  >();
  const bare = await imageDatasetFromDirectory(folder, { labels: null });
  expectTypeOf(await bare.take(0).toArray()).toEqualTypeOf<Tensor<'float32'>[]>();
  const both = await imageDatasetFromDirectory(folder, { validationSplit: 0.5, subset: 'both' });
  expectTypeOf(both.map(({ filePaths }) => filePaths)).toEqualTypeOf<(readonly string[])[]>();
  expect(both).toHaveLength(2);
});

test.each<[string, object, string]>([
  ['an unknown option', { dataFormat: 'channels_first' }, "there is no option 'dataFormat'"],
  ['another label mode', { labelMode: 'sparse' }, 'labelMode must be one of int, binary, categorical'],
  ['a size of nothing', { imageSize: [0, 3] }, 'imageSize must be a whole number above 0'],
  ['a share without a part', { validationSplit: 0.5 }, 'say by subset which part'],
  ['a part without a share', { subset: 'training' }, 'give a share'],
  ['a share of all', { validationSplit: 1, subset: 'both' }, 'validationSplit must be a number above 0'],
  ['crop and pad', { cropToAspectRatio: true, padToAspectRatio: true }, 'exclude each other'],
  ['class names without labels', { labels: null, classNames: ['CNV'] }, 'classNames are for labels'],
  ['class names beside labels', { labels: [1], classNames: ['CNV'] }, 'classNames are for labels'],
  ['a class twice', { classNames: ['CNV', 'CNV'] }, 'classNames must differ'],
])('refuses %s', async (_, options, message) => {
  const refused = imageDatasetFromDirectory(folder, options as ImageDirectoryOptions);
  await expect(refused).rejects.toThrow(UsageError);
  await expect(refused).rejects.toThrow(message);
});

test('says what a folder lacks', async () => {
  const refused = async (message: string, options: ImageDirectoryOptions, directory = folder) => {
    const promise = imageDatasetFromDirectory(directory, options);
    await expect(promise).rejects.toThrow(DataError);
    await expect(promise).rejects.toThrow(message);
  };
  await refused('there is no such folder', {}, join(folder, 'nowhere'));
  await refused('a folder of images is expected', {}, join(folder, 'outside.jpeg'));
  await refused("no folder for the class 'GLAUCOMA'", { classNames: ['GLAUCOMA'] });
  await refused('a label for each of the 11 images', { labels: [1, 2] });
  await refused("'binary' is for two classes", { labelMode: 'binary' });
  await refused('has 1, 3', { labelMode: 'binary', labels: [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1] });
  await refused('leaves none on one side', { validationSplit: 0.01, subset: 'both' });
  const empty = await mkdtemp(join(folder, 'elsewhere', 'empty-'));
  await refused('holds no image', {}, empty);
  await rm(empty, { recursive: true });
});

test('a circle of links ends, and a file that is no image is named when it is read', async () => {
  const own = await mkdtemp(join(tmpdir(), 'fovea-circle-'));
  await mkdir(join(own, 'a', 'b'), { recursive: true });
  await symlink(own, join(own, 'a', 'b', 'up'), 'dir');
  await symlink(join(own, 'nowhere'), join(own, 'a', 'gone.png'));
  await writeFile(join(own, 'a', 'b', 'broken.jpeg'), 'no image');
  const [dataset] = await found({ followLinks: true, shuffle: false, batchSize: null }, own);
  expect(dataset!.filePaths).toEqual([join(own, 'a', 'gone.png'), join(own, 'a', 'b', 'broken.jpeg')]);
  await expect(dataset!.toArray()).rejects.toThrow(`${join(own, 'a', 'gone.png')}: there is no such file`);
  await expect(dataset!.skip(1).toArray()).rejects.toThrow('broken.jpeg: not an image');
  await rm(own, { recursive: true });
});

test('is what a model learns from, is tested on and predicts from', async () => {
  const options = { pool, labelMode: 'categorical', imageSize: 8, batchSize: 3 } as const;
  const [training, validation] = await imageDatasetFromDirectory(folder, {
    ...options,
    validationSplit: 0.3,
    subset: 'both',
  });
  const net = sequential({
    layers: [
      layers.input({ shape: [8, 8, 3] }),
      layers.rescaling({ scale: 1 / 255 }),
      layers.flatten(),
      layers.dense({ units: 4, activation: 'softmax' }),
    ],
  });
  net.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
  const { history, times } = await net.fitDataset(training, { epochs: 2, validationData: validation });
  expect(history.val_loss).toHaveLength(2);
  expect(times).toHaveLength(2);
  const all = await imageDatasetFromDirectory(folder, { ...options, shuffle: false });
  const { loss } = await net.evaluateDataset(all);
  expect(loss).toBeGreaterThan(0);
  expect((await net.predict(all)).shape).toEqual([9, 4]);
  const bare = await imageDatasetFromDirectory(folder, { ...options, labels: null });
  expect((await net.predict(bare)).shape).toEqual([11, 4]);
  await expect(net.fitDataset(bare as never)).rejects.toThrow('got float32[3, 8, 8, 3]');
  await expect(net.fitDataset(training, { validationData: bare as never })).rejects.toThrow(
    'validationData: ',
  );
  await net.dispose();
});
