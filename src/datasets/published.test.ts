import { createHash } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { idxBytes } from '../../test/support/idx.ts';
import { serves, stalls, startMirror, status, type TestMirror } from '../../test/support/mirror.ts';
import { DataError } from '../core/errors.ts';
import { DownloadError } from './download.ts';
import { loadPublished, type Published } from './published.ts';

const pixels = (count: number) => Uint8Array.from({ length: count * 6 }, (_, i) => i);
const contents: Readonly<Record<string, Buffer>> = {
  'train-images.gz': gzipSync(idxBytes(8, [3, 2, 3], pixels(3))),
  'train-labels.gz': gzipSync(idxBytes(8, [3], Uint8Array.of(0, 1, 1))),
  'test-images.gz': gzipSync(idxBytes(8, [2, 2, 3], pixels(2))),
  'test-labels.gz': gzipSync(idxBytes(8, [2], Uint8Array.of(1, 0))),
};
const total = Object.values(contents).reduce((sum, { length }) => sum + length, 0);
const loaded = {
  train: {
    images: { dtype: 'uint8', shape: [3, 2, 3], data: pixels(3) },
    labels: { dtype: 'uint8', shape: [3], data: Uint8Array.of(0, 1, 1) },
  },
  test: {
    images: { dtype: 'uint8', shape: [2, 2, 3], data: pixels(2) },
    labels: { dtype: 'uint8', shape: [2], data: Uint8Array.of(1, 0) },
  },
};

const fileOf = (name: string) => ({
  name,
  bytes: contents[name]!.length,
  sha256: createHash('sha256').update(contents[name]!).digest('hex'),
});
const published = (...mirrors: readonly TestMirror[]): Published => ({
  name: 'Tiny',
  folder: 'tiny',
  mirrors: mirrors.map(({ url }) => url),
  imageShape: [2, 3],
  classNames: ['no', 'yes'],
  train: { images: fileOf('train-images.gz'), labels: fileOf('train-labels.gz') },
  test: { images: fileOf('test-images.gz'), labels: fileOf('test-labels.gz') },
});

let folder: string;
let good: TestMirror;
let gone: TestMirror;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-published-'));
  vi.stubEnv('XDG_CACHE_HOME', folder);
  good = await startMirror((request, response) =>
    serves(contents[request.url!.slice(1)]!)(request, response),
  );
  gone = await startMirror(status(404));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await good.close();
  await gone.close();
  await rm(folder, { recursive: true, force: true });
});

describe('a published data set', () => {
  it('is downloaded once, from the first mirror that has it', async () => {
    const seen: [number, number][] = [];
    const onProgress = (received: number, all: number) => seen.push([received, all]);
    expect(await loadPublished(published(gone, good), { onProgress })).toEqual(loaded);
    expect((await readdir(join(folder, 'fovea', 'tiny'))).sort()).toEqual(Object.keys(contents).sort());
    expect(seen).toEqual(seen.toSorted(([a], [b]) => a - b));
    expect(seen.at(-1)).toEqual([total, total]);
    expect(await loadPublished(published(gone, good))).toEqual(loaded);
    expect([gone.requests.length, good.requests.length]).toEqual([4, 4]);
  });

  it('takes what was put into the cache by hand', async () => {
    await mkdir(join(folder, 'fovea', 'tiny'), { recursive: true });
    for (const [name, bytes] of Object.entries(contents)) {
      await writeFile(join(folder, 'fovea', 'tiny', name), bytes);
    }
    expect(await loadPublished(published(gone))).toEqual(loaded);
    expect(gone.requests.length).toBe(0);
  });

  it('says which files to put where, when there is no network', async () => {
    await gone.close();
    const error = await loadPublished(published(gone)).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DownloadError);
    expect((error as DownloadError).message).toBe(
      `cannot download train-images.gz: ${gone.url}train-images.gz: it refuses connections. ` +
        'Without a network, fetch train-images.gz, train-labels.gz, test-images.gz, test-labels.gz elsewhere, ' +
        `and put them into ${join(folder, 'fovea', 'tiny')}, or into a folder that you give as loadData({ path })`,
    );
  });

  it('ends with the reason of its signal', async () => {
    const controller = new AbortController();
    const slow = await startMirror(stalls(contents['train-images.gz']!, 10));
    const reason = new Error('enough');
    const onProgress = () => controller.abort(reason);
    const loading = loadPublished(published(slow), { signal: controller.signal, onProgress });
    await expect(loading).rejects.toBe(reason);
    await slow.idle();
    await slow.close();
  });
});

describe('a published data set in a folder', () => {
  const inFolder = () => loadPublished(published(gone), { path: folder });
  const write = (name: string, bytes: Uint8Array) => writeFile(join(folder, name), bytes);
  beforeEach(async () => {
    for (const [name, bytes] of Object.entries(contents)) await write(name, bytes);
  });

  it('is read, gzipped or plain, and nothing is asked of the network', async () => {
    expect(await inFolder()).toEqual(loaded);
    await write('train-images', gunzipSync(contents['train-images.gz']!));
    await rm(join(folder, 'train-images.gz'));
    expect(await inFolder()).toEqual(loaded);
    expect(gone.requests.length).toBe(0);
  });

  it('may be a part of what is published', async () => {
    await write('train-images.gz', gzipSync(idxBytes(8, [1, 2, 3], pixels(1))));
    await write('train-labels.gz', gzipSync(idxBytes(8, [1], Uint8Array.of(1))));
    expect((await inFolder()).train.images.shape).toEqual([1, 2, 3]);
  });

  async function refusal(): Promise<string> {
    const error = await inFolder().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(DataError);
    return (error as DataError).message.replaceAll(`${folder}/`, '').replaceAll(folder, 'FOLDER');
  }

  it('tells the files that are missing', async () => {
    await rm(join(folder, 'train-labels.gz'));
    await rm(join(folder, 'test-images.gz'));
    expect(await refusal()).toBe(
      `FOLDER lacks train-labels.gz, test-images.gz of Tiny: put them there, as they are or unpacked (without .gz), from ${gone.url}`,
    );
    await rm(folder, { recursive: true });
    expect(await refusal()).toBe('FOLDER: there is no such folder');
    await writeFile(folder, '');
    expect(await refusal()).toContain('FOLDER lacks train-images.gz');
  });

  it('refuses labels of other images, images of another size, and labels of no class', async () => {
    await copyFile(join(folder, 'test-labels.gz'), join(folder, 'train-labels.gz'));
    expect(await refusal()).toBe(
      'train-images.gz holds 3 images, but train-labels.gz 2 labels: they are not of one data set',
    );
    await write('train-labels.gz', gzipSync(idxBytes(8, [3], Uint8Array.of(0, 1, 2))));
    expect(await refusal()).toBe('train-labels.gz: label 2 must lie in [0, 2), got 2');
    await copyFile(join(folder, 'train-labels.gz'), join(folder, 'train-images.gz'));
    expect(await refusal()).toBe('train-images.gz holds uint8[3], but the shape [images, 2, 3] is expected');
  });
});
