import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundled, startScript } from '../../../test/support/child.ts';
import { DataError, SystemError, UsageError } from '../../core/errors.ts';
import { floats } from '../../core/tensor.ts';
import { type Checkpoint, encodeCheckpoint } from './checkpoint-file.ts';
import { CheckpointStore } from './checkpoint-store.ts';

let scratch: string;
let folder: string;
let modules: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'fovea-store-'));
  modules = await bundled(scratch, ['training/checkpoints/checkpoint-store.ts', 'core/tensor.ts']);
});
beforeEach(async () => {
  folder = await mkdtemp(join(scratch, 'run-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const at = (step: number, note = 'first'): Checkpoint => ({
  step,
  values: { note },
  tensors: { 'dense/kernel': floats([step, step + 1]) },
});
const name = (step: number): string => `model.ckpt-${step}.safetensors`;
const stepsIn = async (store: CheckpointStore) => (await store.list()).map(({ step }) => step);

describe('CheckpointStore', () => {
  it('saves, replaces, lists by step and finds the newest', async () => {
    const store = new CheckpointStore(join(folder, 'new', 'run'));
    expect(await store.list()).toEqual([]);
    expect(await store.newestWhole()).toBeUndefined();
    expect(await store.latest()).toBeUndefined();
    for (const step of [9, 10, 100]) await store.save(at(step));
    const path = await store.save(at(100, 'second'));
    expect(path).toBe(join(store.folder, name(100)));
    await writeFile(join(store.folder, 'model.ckpt-7.safetensors.0.partial'), '');
    await mkdir(join(store.folder, name(8)));
    expect(await stepsIn(store)).toEqual([9, 10, 100]);
    expect((await store.list())[2]).toMatchObject({ path, bytes: (await readFile(path)).length });
    expect(await store.latest()).toBe(path);
    expect(await store.newestWhole()).toEqual({ path, checkpoint: at(100, 'second') });
  });

  it('writes the index as TensorFlow does', async () => {
    let now = 1_700_000_000_000;
    const store = new CheckpointStore(folder, { keepMax: 2, now: () => now });
    for (const step of [0, 5, 7]) {
      await store.save(at(step));
      now += 1500;
    }
    expect(await readFile(join(folder, 'checkpoint'), 'utf8')).toBe(
      [
        'model_checkpoint_path: "model.ckpt-7.safetensors"',
        'all_model_checkpoint_paths: "model.ckpt-5.safetensors"',
        'all_model_checkpoint_paths: "model.ckpt-7.safetensors"',
        'all_model_checkpoint_timestamps: 1700000001.5',
        'all_model_checkpoint_timestamps: 1700000003',
        'last_preserved_timestamp: 1699999999',
        '',
      ].join('\n'),
    );
  });

  it('keeps the newest and one for every so many hours, whether one process saves or many', async () => {
    const hour = 3_600_000;
    const minutes = fc.array(fc.integer({ min: 1, max: 90 }), { minLength: 1, maxLength: 12 });
    const law = fc.asyncProperty(
      minutes,
      fc.integer({ min: 1, max: 3 }),
      fc.boolean(),
      async (gaps, keepMax, anew) => {
        const run = await mkdtemp(join(scratch, 'kept-'));
        let now = 1_700_000_000_000;
        const open = () => new CheckpointStore(run, { keepMax, keepEveryNHours: 2, now: () => now });
        let store = open();
        const times: number[] = [];
        for (const [step, gap] of gaps.entries()) {
          now += gap * 60_000;
          times.push(now);
          if (anew) store = open();
          await store.save(at(step));
        }
        let last = times[0]! - 1000;
        const expected = times.flatMap((time, step) => {
          if (step >= times.length - keepMax) return [step];
          if (time - last < 2 * hour) return [];
          last = time;
          return [step];
        });
        expect(await stepsIn(store)).toEqual(expected);
      },
    );
    await fc.assert(law, { numRuns: 15 });
  });

  it('goes by the files where the index is torn or missing', async () => {
    const store = new CheckpointStore(folder, { keepMax: 2 });
    for (const step of [1, 2]) await store.save(at(step));
    for (const index of ['all_model_checkpoint_paths: "model.ckpt-1.safe', '\0\0\0']) {
      await writeFile(join(folder, 'checkpoint'), index);
      expect(await stepsIn(store)).toEqual([1, 2]);
    }
    await rm(join(folder, 'checkpoint'));
    await utimes(join(folder, name(1)), new Date(0), new Date(0)); // as when files were copied
    await store.save(at(3));
    expect(await stepsIn(store)).toEqual([2, 3]);
  });

  it('saves one at a time, in the order of the calls, and after one that failed', async () => {
    const store = new CheckpointStore(folder);
    const told: string[] = [];
    const save = (step: number, failure?: Error) =>
      store.save(at(step), {
        async beforeCommit() {
          told.push(`${step} begins: ${await stepsIn(store)}`);
          if (failure) throw failure;
        },
      });
    const failure = new DataError('the events could not be written');
    const [, second] = await Promise.allSettled([save(1), save(2, failure), save(3)]);
    expect(second).toEqual({ status: 'rejected', reason: failure });
    expect(told).toEqual(['1 begins: ', '2 begins: 1', '3 begins: 1']);
    expect(await readdir(folder)).toEqual(['checkpoint', name(1), name(3)]);
  });

  it('passes damaged ones over, once, and can save their steps again', async () => {
    const store = new CheckpointStore(folder);
    for (const step of [1, 2, 3]) await store.save(at(step));
    await truncate(join(folder, name(3)), 100);
    const bytes = await readFile(join(folder, name(2)));
    bytes[bytes.length - 40]! ^= 4;
    await writeFile(join(folder, name(2)), bytes);
    expect(await store.check(join(folder, name(1)))).toBe('whole');
    expect(await store.check(join(folder, name(2)))).toEqual({
      damaged: expect.stringContaining("the SHA-256 of tensor 'dense/kernel' differs"),
    });
    const told: [string, string][] = [];
    for (let again = 0; again < 2; again++) {
      const found = await store.newestWhole((path, reason) => told.push([path, reason]));
      expect(found).toEqual({ path: join(folder, name(1)), checkpoint: at(1) });
    }
    expect(told).toEqual(
      [3, 2].map((step) => [join(folder, name(step)), expect.stringContaining(name(step))]),
    );
    expect(await stepsIn(store)).toEqual([1]);
    expect(await readdir(folder)).toContain(`${name(2)}.damaged`);
    await store.save(at(2, 'again'));
    expect((await store.newestWhole())?.checkpoint).toEqual(at(2, 'again'));
  });

  it('does not go back behind a checkpoint of a newer fovea', async () => {
    const store = new CheckpointStore(folder);
    await store.save(at(1));
    const [header, ...data] = await encodeCheckpoint(at(2));
    const newer = Buffer.from(
      Buffer.from(header!).toString('latin1').replace('"version":"1"', '"version":"2"'),
      'latin1',
    );
    data[data.length - 1] = createHash('sha256').update(newer).digest();
    await writeFile(join(folder, name(2)), [newer, ...data]);
    await expect(store.newestWhole()).rejects.toThrow(
      `${join(folder, name(2))} was written by a newer fovea`,
    );
    await expect(store.check(join(folder, name(2)))).rejects.toThrow(DataError);
    expect(await stepsIn(store)).toEqual([1, 2]);
  });

  it('says what is not there', async () => {
    const store = new CheckpointStore(folder);
    const path = await store.save(at(1));
    await expect(store.check(join(folder, name(2)))).rejects.toThrow('there is no such file');
    await expect(new CheckpointStore(path).list()).rejects.toThrow(SystemError);
  });

  it('removes what a killed process left half written, and nothing else', async () => {
    const store = new CheckpointStore(folder);
    await store.removePartials();
    const child = startScript(saving([1, 2, 3]), 'rename SIGKILL model.ckpt 3');
    expect((await child.ended).signal).toBe('SIGKILL');
    await writeFile(join(folder, 'mine.partial'), '');
    const left = await readdir(folder);
    expect(left).toHaveLength(5);
    expect(await stepsIn(store)).toEqual([1, 2]);
    await store.removePartials();
    expect(await readdir(folder)).toEqual(['checkpoint', 'mine.partial', name(1), name(2)]);
    await expect(new CheckpointStore(join(folder, 'absent')).removePartials()).resolves.toBeUndefined();
  });

  it('refuses options that cannot be meant so', () => {
    expect(() => new CheckpointStore(folder, { keepMax: -1 })).toThrow(UsageError);
    expect(() => new CheckpointStore(folder, { keepEveryNHours: -1 })).toThrow(UsageError);
  });
});

/** A script that saves these steps, keeps one, and prints what fails. */
function saving(steps: readonly number[]): string {
  return `
    const { CheckpointStore, floats } = await import(${JSON.stringify(modules)});
    const store = new CheckpointStore(${JSON.stringify(folder)}, { keepMax: 1 + ${steps.length - 2} });
    for (const step of ${JSON.stringify(steps)}) {
      await store.save({ step, values: { note: 'first' }, tensors: { 'dense/kernel': floats([step, step + 1]) } })
        .catch((error) => console.log(error.name + ': ' + error.message));
    }`;
}

describe('a disk that fails', () => {
  const faults: [what: string, fault: string, message: string, file: string][] = [
    [
      'is full',
      'open ENOSPC model.ckpt-3',
      'the disk is full: free some space, or choose another place',
      name(3),
    ],
    ['does not keep the bytes', 'sync EIO model.ckpt 3', 'the disk did not take it', name(3)],
    ['refuses the name', 'rename EDQUOT model.ckpt 3', 'the disk quota is used up', name(3)],
    ['has no place for the index', 'open ENOSPC checkpoint\\. 3', 'the disk is full', 'checkpoint'],
    ['does not keep the folder', 'sync EIO /run-\\w+$ 5', 'the disk did not take it', name(3)],
  ];
  // The full disk is Linux' own.
  const possible = faults.filter(([, fault]) => !fault.includes('ENOSPC') || existsSync('/dev/full'));
  it.each(possible)(
    'that %s is told of, and leaves the older checkpoints whole',
    async (_, fault, message, file) => {
      const { output } = await startScript(saving([1, 2, 3]), fault).ended;
      expect(output).toContain(`SystemError: cannot write ${join(folder, file)}: ${message}`);
      const store = new CheckpointStore(folder);
      const steps = await stepsIn(store);
      expect(steps).toEqual(expect.arrayContaining([1, 2]));
      for (const { path } of await store.list()) expect(await store.check(path)).toBe('whole');
      expect((await readdir(folder)).filter((each) => each.endsWith('.partial'))).toEqual([]);
      await store.save(at(4));
      expect((await store.newestWhole())?.checkpoint.step).toBe(4);
    },
  );

  it('at any moment, killed or not, leaves a checkpoint to go on from', async () => {
    for (const call of ['open', 'sync', 'rename', 'rm']) {
      for (const nth of [2, 3, 5]) {
        await rm(folder, { recursive: true });
        await startScript(saving([1, 2, 3]), `${call} SIGKILL ${folder} ${nth}`).ended;
        const store = new CheckpointStore(folder);
        const damaged: string[] = [];
        const found = await store.newestWhole((path) => damaged.push(path));
        expect(damaged).toEqual([]);
        expect(found?.checkpoint).toEqual(at(found!.checkpoint.step)); // the first was whole by then
      }
    }
  });
});

it('reads what the writer of the pieces wrote', async () => {
  const store = new CheckpointStore(folder);
  await writeFile(join(folder, name(6)), await encodeCheckpoint(at(6)));
  expect((await store.newestWhole())?.checkpoint).toEqual(at(6));
});
