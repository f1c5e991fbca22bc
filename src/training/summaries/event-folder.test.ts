import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fileVersionRecord, readEventFile, summaryRecord } from '../../codecs/event-file.ts';
import { DataError } from '../../core/errors.ts';
import { purgeEvents, readScalars } from './event-folder.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-events-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const freshFolder = (): Promise<string> => mkdtemp(join(base, 'run-'));
const nameOf = (n: number): string => `events.out.tfevents.1500000000.host.1.${n}`;
const recordOf = (step: number, value = step): Uint8Array =>
  summaryRecord({ wallTime: step, step, values: [{ plugin: 'scalars', tag: 'loss', value }] });
/** A file of these steps, in this order. */
const writeEvents = (folder: string, n: number, steps: readonly number[]): Promise<void> =>
  writeFile(
    join(folder, nameOf(n)),
    Buffer.concat([fileVersionRecord(0), ...steps.map((step) => recordOf(step))]),
  );
const stepsIn = async (folder: string): Promise<number[]> =>
  (await readScalars(folder)).map(({ step }) => step);

test('purging leaves what was written up to a step, of files torn anywhere, and files that have a summary', async () => {
  const steps = fc.array(fc.nat(20), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(steps, fc.nat(60)), { maxLength: 3 }),
      fc.integer({ min: -1, max: 20 }),
      async (written, last) => {
        const folder = await freshFolder();
        for (const [n, [given, torn]] of written.entries()) {
          await writeEvents(folder, n, given);
          await appendFile(join(folder, nameOf(n)), recordOf(0).subarray(0, torn % recordOf(0).length));
        }
        await purgeEvents(folder, last);
        const left = written.map(([given]) => given.filter((step) => step <= last));
        expect(await stepsIn(folder)).toEqual(left.flat().sort((a, b) => a - b));
        const names = await readdir(folder);
        expect(names.sort()).toEqual(left.flatMap((kept, n) => (kept.length > 0 ? [nameOf(n)] : [])));
        for (const name of names) {
          const bytes = await readFile(join(folder, name));
          const { records, wholeBytes } = readEventFile(name, bytes);
          expect(wholeBytes).toBe(bytes.length);
          expect(records[0]!.event.fileVersion).toBe('brain.Event:2');
        }
      },
    ),
    { numRuns: 40 },
  );
});

test('purging takes what was left of a purge, and touches nothing else', async () => {
  const folder = await freshFolder();
  await mkdir(join(folder, 'eval'));
  await writeEvents(join(folder, 'eval'), 0, [9]);
  await writeEvents(folder, 0, [1]);
  await writeFile(join(folder, `${nameOf(1)}.0a1b.partial`), recordOf(9));
  await writeFile(join(folder, 'notes.txt'), 'kept');
  expect(await stepsIn(folder)).toEqual([1]);
  await purgeEvents(folder, 5);
  expect((await readdir(folder)).sort()).toEqual(['eval', nameOf(0), 'notes.txt']);
  expect(await stepsIn(join(folder, 'eval'))).toEqual([9]);
});

test('scalars are in the order of steps, then of files, the tenth after the ninth', async () => {
  const folder = await freshFolder();
  const file = (value: number, steps: readonly number[]): Buffer =>
    Buffer.concat([fileVersionRecord(0), ...steps.map((step) => recordOf(step, value))]);
  await writeFile(join(folder, nameOf(10)), file(10, [2, 3]));
  await writeFile(join(folder, nameOf(9)), file(9, [1, 2]));
  expect(await readScalars(folder)).toEqual([
    { step: 1, tag: 'loss', value: 9, wallTime: 1 },
    { step: 2, tag: 'loss', value: 9, wallTime: 2 },
    { step: 2, tag: 'loss', value: 10, wallTime: 2 },
    { step: 3, tag: 'loss', value: 10, wallTime: 3 },
  ]);
});

test('a folder that is not there has nothing to read or purge', async () => {
  const gone = join(base, 'gone');
  expect(await readScalars(gone)).toEqual([]);
  await expect(purgeEvents(gone, 1)).resolves.toBeUndefined();
});

test('a damaged file is named, and left as it is', async () => {
  const folder = await freshFolder();
  await writeEvents(folder, 0, [1, 2, 3]);
  const path = join(folder, nameOf(0));
  const bytes = await readFile(path);
  bytes[fileVersionRecord(0).length + 15]! ^= 1;
  await writeFile(path, bytes);
  await expect(readScalars(folder)).rejects.toThrow(DataError);
  await expect(purgeEvents(folder, 1)).rejects.toThrow(`${path}: event 1 at byte`);
  expect((await readFile(path)).equals(bytes)).toBe(true);
  await expect(readScalars(path)).rejects.toThrow('cannot read the folder');
});
