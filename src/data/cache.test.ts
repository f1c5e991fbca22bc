import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DataError, SystemError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { FolderStore } from './cache-files.ts';
import { Dataset } from './dataset.ts';
import { IgnoredErrors } from './errors.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-cache-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function counted(count: number) {
  const seen = { calls: 0 };
  const dataset = Dataset.range(count).map((n) => {
    seen.calls++;
    return { image: floats([n, n / 2]), name: `file ${n}`, big: BigInt(n) };
  });
  return { seen, dataset };
}

describe.each(['memory', 'files'])('in %s', (where) => {
  const place = () => (where === 'memory' ? undefined : join(folder, 'cache'));

  test('what was read to its end is not computed again', async () => {
    const { seen, dataset } = counted(5);
    const cached = dataset.cache(place());
    const all = await dataset.toArray();
    expect(await cached.toArray()).toEqual(all);
    expect(seen.calls).toBe(10);
    expect(await cached.repeat(3).toArray()).toEqual([...all, ...all, ...all]);
    expect(seen.calls).toBe(10);
  });

  test('a pass that ended early keeps nothing', async () => {
    const { seen, dataset } = counted(5);
    const cached = dataset.cache(place());
    await cached.take(2).toArray();
    expect(await cached.toArray()).toHaveLength(5);
    expect(seen.calls).toBe(7);
    expect(await readdir(folder)).toEqual(where === 'memory' ? [] : ['cache']);
  });

  test('a pass with a failed element is not kept', async () => {
    let fails = true;
    const cached = Dataset.range(3)
      .map((n) => {
        if (fails && n === 1) throw new Error('once');
        return n;
      })
      .cache(place());
    expect(await cached.ignoreErrors().toArray()).toEqual([0, 2]);
    fails = false;
    expect(await cached.toArray()).toEqual([0, 1, 2]);
    expect(await readdir(folder)).toEqual(where === 'memory' ? [] : ['cache']);
  });

  test('it is epoch 0, whichever pass came first, and a state goes on with it', async () => {
    const make = () => Dataset.range(20).shuffle(20, { seed: 1 }).cache(place());
    const first = await Dataset.range(20).shuffle(20, { seed: 1 }).toArray();
    const cached = make();
    const iterator = cached.iterator({ epoch: 3 });
    for (const expected of first.slice(0, 7)) expect((await iterator.next()).value).toBe(expected);
    const state = iterator.save();
    await iterator.return();
    const rest: number[] = [];
    for await (const n of cached.iterator({ state })) rest.push(n);
    expect(rest).toEqual(first.slice(7));
    expect(await cached.toArray()).toEqual(first);
    rest.length = 0;
    for await (const n of cached.iterator({ state })) rest.push(n);
    expect(rest).toEqual(first.slice(7));
  });
});

describe('in files', () => {
  const path = () => join(folder, 'cache');

  test('another process finds them', async () => {
    const { seen, dataset } = counted(3);
    const all = await dataset.cache(path()).toArray();
    expect(await dataset.cache(path()).toArray()).toEqual(all);
    expect(seen.calls).toBe(3);
  });

  test('elements are spread over files, of which one is read at a time', async () => {
    const store = new FolderStore<number[]>(path(), undefined, 100);
    const writer = await store.write();
    for (let i = 0; i < 50; i++) await writer.add([i, i + 1], i);
    await writer.finish();
    expect((await readdir(path())).length).toBeGreaterThan(5);
    const reader = (await store.read())!;
    expect(reader.length).toBe(50);
    for (const i of [0, 49, 7, 8, 30, 1]) expect(await reader.at(i)).toEqual([i, i + 1]);
  });

  test.each([
    ['a damaged file', 'elements-000000.bin', (bytes: Buffer) => bytes.fill(1, 5, 6), 'is damaged'],
    ['a file cut short', 'elements-000000.bin', (bytes: Buffer) => bytes.subarray(0, 9), 'is damaged'],
    [
      'a damaged index',
      'cache.json',
      () => Buffer.from('{}'),
      'cache.json is damaged, or of another version',
    ],
  ])('%s is refused with what to do', async (_, name, change, message) => {
    const { dataset } = counted(3);
    await dataset.cache(path()).toArray();
    const file = join(path(), name);
    await writeFile(file, change(await readFile(file)));
    const reading = dataset.cache(path()).toArray();
    await expect(reading).rejects.toThrow(DataError);
    await expect(dataset.cache(path()).toArray()).rejects.toThrow(message);
    await expect(dataset.cache(path()).toArray()).rejects.toThrow('Remove the folder');
  });

  test('a cache of another number of elements is refused', async () => {
    await counted(3).dataset.cache(path()).toArray();
    await expect(counted(4).dataset.cache(path()).toArray()).rejects.toThrow(
      'it holds 3 elements, and the dataset has 4',
    );
  });

  test('what cannot be written is told by its element', async () => {
    const dataset = Dataset.range(3).map((n) => (n === 1 ? () => n : n));
    await expect(dataset.cache(path()).toArray()).rejects.toThrow('cache: element 1');
    expect(await readdir(folder)).toEqual([]);
  });

  test('a folder that cannot be made ends the pass, also where errors are ignored', async () => {
    await writeFile(join(folder, 'file'), '');
    const under = Dataset.range(3)
      .cache(join(folder, 'file', 'cache'))
      .ignoreErrors();
    await expect(under.toArray()).rejects.toThrow('is a file: choose another folder');
    const long = Dataset.range(3)
      .cache(join(folder, 'x'.repeat(300)))
      .ignoreErrors();
    await expect(long.toArray()).rejects.toThrow(SystemError);
  });

  test('a damaged folder is an error, once, where errors are ignored', async () => {
    const { dataset } = counted(3);
    await dataset.cache(path()).toArray();
    await writeFile(join(path(), 'cache.json'), '');
    const ignored = new IgnoredErrors();
    expect(await dataset.cache(path()).ignoreErrors({ into: ignored }).toArray()).toEqual([]);
    expect(ignored.count).toBe(1);
  });
});
