import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { BufferPool } from '../data/buffers.ts';
import { ImagePool } from '../images/pool.ts';
import { viewOf } from '../images/views.ts';
import { checkImages } from './check-images.ts';
import { type ImageBatch, imageDataset } from './image-dataset.ts';
import { type LabelledFolder, scanLabelledFolder } from './labelled-folder.ts';
import { leakedPatients } from './patients.ts';
import { samplesPath } from './samples.ts';

const pool = new ImagePool({ threads: 2 });
let root: string;
let sample: LabelledFolder;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-images-'));
  sample = await scanLabelledFolder(samplesPath());
});
afterAll(async () => {
  await pool.close();
  await rm(root, { recursive: true, force: true });
});

type ReadBatch = ImageBatch & { readonly images: Tensor<'uint8'> };

/** All batches, with their pixels. */
async function collect(batches: AsyncIterable<ImageBatch>): Promise<ReadBatch[]> {
  const result: ReadBatch[] = [];
  for await (const batch of batches) result.push({ ...batch, images: await batch.inputs() });
  return result;
}

/** What says which pixels a batch holds, and the pixels. */
const contents = (batches: readonly ReadBatch[]) =>
  batches.map(({ keys, images, targets }) => ({ keys, images, targets }));

test('the sample that ships has 224 readable grey images, and no patient in both parts', async () => {
  const checked = await checkImages(sample, { pool, strict: true });
  expect(checked.classNames).toEqual(['CNV', 'DME', 'DRUSEN', 'NORMAL']);
  expect([checked.train.length, checked.test!.length]).toEqual([123, 101]);
  expect(checked.channels).toBe(1);
  expect(checked.patients).toBe('numbers');
  expect(leakedPatients(checked.train, checked.test!)).toEqual([]);
});

describe('imageDataset', () => {
  const size = { height: 16, width: 18, channels: 1 } as const;
  const shape = { ...size, classes: 4 } as const;
  const images = () => sample.train.slice(18, 29);

  test('gathers the pixels, labels and files of images in order', async () => {
    const batches = await collect(imageDataset(images(), { pool, ...shape, batchSize: 4 }));
    expect(batches.map((batch) => batch.images.shape)).toEqual([
      [4, 16, 18, 1],
      [4, 16, 18, 1],
      [3, 16, 18, 1],
    ]);
    expect(batches.flatMap(({ files }) => files)).toEqual(images().map(({ path }) => path));
    expect(batches.flatMap(({ labels }) => [...labels])).toEqual(images().map(({ label }) => label));
    expect(batches.flatMap(({ views }) => [...views])).toEqual(new Array(11).fill(0));
    const sixth = await pool.read({ ...size, path: images()[5]!.path, resize: 'bilinear' });
    expect([...batches[1]!.images.data.subarray(16 * 18, 2 * 16 * 18)]).toEqual([...sixth]);
    expect(new Set(batches.flatMap(({ keys }) => keys)).size).toBe(11);
    const { targets, labels } = batches[0]!;
    expect(targets.shape).toEqual([4, 4]);
    expect(Array.from(labels, (label, i) => targets.data[i * 4 + label])).toEqual([1, 1, 1, 1]);
    expect(targets.data.reduce((sum, value) => sum + value)).toBe(4);
  });

  test('shuffles by seed and epoch', async () => {
    const make = () => imageDataset(images(), { pool, ...shape, batchSize: 11, shuffleSeed: 5 });
    const dataset = make();
    const [first] = await collect(dataset);
    const [second] = await collect(dataset);
    expect([...first!.indices].sort((a, b) => a - b)).toEqual(images().map((_, i) => i));
    expect(second!.indices).not.toEqual(first!.indices);
    expect(contents(await collect(make().iterate(1)))).toEqual(contents([second!]));
    expect(first!.files).toEqual(Array.from(first!.indices, (i) => images()[i]!.path));
  });

  test('the number of threads changes nothing', async () => {
    const single = new ImagePool({ threads: 1 });
    const options = {
      ...shape,
      batchSize: 5,
      shuffleSeed: 5,
      views: { seed: 2, count: 3, perEpoch: 'all' },
    } as const;
    try {
      expect(contents(await collect(imageDataset(images(), { ...options, pool: single })))).toEqual(
        contents(await collect(imageDataset(images(), { ...options, pool }))),
      );
    } finally {
      await single.close();
    }
  });

  test('an epoch holds all views, or one', async () => {
    const two = images().slice(0, 2);
    const all = imageDataset(two, { pool, ...shape, views: { seed: 9, count: 3, perEpoch: 'all' } });
    const [batch] = await collect(all);
    expect([...batch!.indices]).toEqual([0, 0, 0, 1, 1, 1]);
    expect([...batch!.views]).toEqual([0, 1, 2, 0, 1, 2]);
    const view = viewOf(9, two[1]!.name, 2);
    const expected = await pool.read({ ...size, path: two[1]!.path, resize: 'bilinear', view });
    expect([...batch!.images.data.subarray(5 * 16 * 18)]).toEqual([...expected]);

    const one = imageDataset(two, { pool, ...shape, views: { seed: 9, count: 3, perEpoch: 'one' } });
    for (const epoch of [0, 1, 2, 3]) {
      const [only] = await collect(one.iterate(epoch));
      expect([...only!.indices]).toEqual([0, 1]);
      expect([...only!.views]).toEqual([epoch % 3, epoch % 3]);
    }
  });

  test('a buffer that was given back is filled again', async () => {
    const buffers = new BufferPool();
    const own = buffers.take(4 * 16 * 18);
    buffers.give(own);
    const [batch] = await collect(imageDataset(images().slice(0, 4), { pool, ...shape, buffers }));
    expect(batch!.images.data.buffer).toBe(own);
  });

  test('says how many batches an epoch has', () => {
    const views = { seed: 1, count: 5, perEpoch: 'all' } as const;
    expect(imageDataset(images(), { pool, ...shape, batchSize: 4 }).cardinality).toBe(3);
    expect(imageDataset(images(), { pool, ...shape, batchSize: 4, views }).cardinality).toBe(14);
  });

  test('a file that vanished is a DataError that names it', async () => {
    const gone = { path: join(root, 'gone.jpeg'), name: 'a/gone.jpeg', label: 0, patient: 'x' };
    const error = await collect(imageDataset([gone], { pool, ...shape })).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toContain('gone.jpeg: there is no such file');
  });

  test('refuses a count of views that makes no sense', () => {
    for (const count of [0, 1.5, Number.POSITIVE_INFINITY]) {
      const views = { seed: 1, count, perEpoch: 'all' } as const;
      expect(() => imageDataset(images(), { pool, ...shape, views })).toThrow(UsageError);
    }
  });
});

describe('checkImages', () => {
  const golden = (name: string): URL => new URL(`../../test/goldens/images/${name}`, import.meta.url);
  let folders = 0;

  /** A folder with two good images in each of two classes, and more files. */
  async function withFiles(more: Record<string, Uint8Array>): Promise<LabelledFolder> {
    const folder = join(root, `${folders++}`);
    for (const className of ['a', 'b']) {
      await mkdir(join(folder, className), { recursive: true });
      for (const file of ['1.jpg', '2.jpg'])
        await copyFile(golden('grey.jpg'), join(folder, className, file));
    }
    for (const [path, content] of Object.entries(more)) await writeFile(join(folder, path), content);
    return scanLabelledFolder(folder);
  }

  test('names, counts and leaves out what cannot be read, however late in the file', async () => {
    const whole = await readFile(golden('grey.jpg'));
    const folder = await withFiles({
      'a/0-empty.jpg': Buffer.alloc(0),
      'a/cut.jpg': whole.subarray(0, whole.length - 40),
      'b/notes.txt': Buffer.from('not an image'),
    });
    const seen: number[] = [];
    const checked = await checkImages(folder, { pool, onProgress: (n, total) => seen.push(n / total) });
    expect(checked.train.map(({ name }) => name)).toEqual(['a/1.jpg', 'a/2.jpg', 'b/1.jpg', 'b/2.jpg']);
    expect(checked.unreadable.map(({ message }) => message)).toEqual([
      `${join(folder.path, 'a/0-empty.jpg')}: the file is empty (0 bytes)`,
      `${join(folder.path, 'a/cut.jpg')}: the JPEG data is damaged or cut short`,
      `${join(folder.path, 'b/notes.txt')}: not an image that can be read: JPEG, PNG, TIFF, WebP, GIF and BMP are`,
    ]);
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7].map((n) => n / 7));
    await expect(checkImages(folder, { pool, strict: true })).rejects.toThrow('the file is empty');
  });

  test('one colour image makes the data colour', async () => {
    const color = await readFile(golden('420.jpg'));
    expect((await checkImages(await withFiles({}), { pool })).channels).toBe(1);
    expect((await checkImages(await withFiles({ 'a/3.jpg': color }), { pool })).channels).toBe(3);
  });

  test('refuses data of which nothing can be read, or nothing of a class', async () => {
    const bad = Buffer.from('bad');
    const part = await withFiles({ 'a/1.jpg': bad, 'a/2.jpg': bad });
    await expect(checkImages(part, { pool })).rejects.toThrow("no file of the class 'a' can be read");
    const none = await withFiles({ 'a/1.jpg': bad, 'a/2.jpg': bad, 'b/1.jpg': bad, 'b/2.jpg': bad });
    await expect(checkImages(none, { pool })).rejects.toThrow('none of the 4 files of train can be read');
  });
});
