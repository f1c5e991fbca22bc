import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { UsageError } from '../../core/errors.ts';
import { readScalars } from './event-folder.ts';
import { flushAllWriters, openSharedWriter } from './shared-writers.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-shared-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));
afterEach(() => {
  vi.useRealTimers();
});

const freshFolder = (): Promise<string> => mkdtemp(join(base, 'run-'));
const stepsIn = async (folder: string): Promise<number[]> =>
  (await readScalars(folder)).map(({ step }) => step);

test('those who write to a folder at the same time share a writer, which the last one closes', async () => {
  const folder = await freshFolder();
  const [a, b] = await Promise.all([openSharedWriter(folder), openSharedWriter(`${folder}/x/..`)]);
  expect(b.writer).toBe(a.writer);
  a.writer.scalars(1, { loss: 1 });
  await a.release();
  await a.release();
  expect(await stepsIn(folder)).toEqual([1]);
  b.writer.scalars(2, { loss: 1 });
  await b.release();
  expect(await readdir(folder)).toHaveLength(1);
  expect(await stepsIn(folder)).toEqual([1, 2]);
  expect(() => b.writer.scalars(3, { loss: 1 })).toThrow(UsageError);
});

test('other folders have writers of their own; all are flushed together', async () => {
  const folders = [await freshFolder(), await freshFolder()];
  const shared = await Promise.all(folders.map((folder) => openSharedWriter(folder)));
  shared.forEach(({ writer }, i) => {
    writer.scalars(i, { loss: 1 });
  });
  expect(await Promise.all(folders.map(stepsIn))).toEqual([[], []]);
  await flushAllWriters();
  expect(await Promise.all(folders.map(stepsIn))).toEqual([[0], [1]]);
  await Promise.all(shared.map(({ release }) => release()));
});

test('who goes on from a step finds nothing of later ones, even of a writer that is just being closed', async () => {
  const folder = await freshFolder();
  const first = await openSharedWriter(folder);
  for (const step of [1, 2, 3]) first.writer.scalars(step, { loss: 1 });
  const closed = first.release();
  const second = await openSharedWriter(folder, { from: 2 });
  await closed;
  expect(await stepsIn(folder)).toEqual([1, 2]);
  second.writer.scalars(3, { loss: 1 });
  // What the holders of an open writer have written stays.
  await flushAllWriters();
  const third = await openSharedWriter(folder, { from: 2 });
  await Promise.all([second.release(), third.release()]);
  expect(await stepsIn(folder)).toEqual([1, 2, 3]);
});

test('what is written can be seen before long', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  const folder = await freshFolder();
  const { writer, release } = await openSharedWriter(folder);
  writer.scalars(1, { loss: 1 });
  vi.advanceTimersByTime(30_000);
  await vi.waitFor(async () => expect(await stepsIn(folder)).toEqual([1]));
  await release();
  expect(vi.getTimerCount()).toBe(0);
});

test('a folder that cannot be made is told, and can be tried again', async () => {
  const folder = await freshFolder();
  const blocked = join(folder, 'file');
  await (await openSharedWriter(folder)).release();
  await writeFile(blocked, '');
  await expect(openSharedWriter(join(blocked, 'runs'))).rejects.toThrow(`cannot write ${blocked}`);
  await rm(blocked);
  await (await openSharedWriter(join(blocked, 'runs'))).release();
  expect(await readdir(blocked)).toEqual(['runs']);
});
