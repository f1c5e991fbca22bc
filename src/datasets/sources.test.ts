import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { Dataset } from '../data/dataset.ts';
import { idx } from './idx.ts';
import { listFiles } from './list-files.ts';
import { tfRecord } from './tf-record.ts';

const golden = fileURLToPath(new URL('../../test/goldens/data/examples-plain.tfrecord', import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-sources-'));
  for (const name of ['a', 'b', 'c']) await copyFile(golden, join(folder, `${name}.tfrecord`));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const features = { label: 'int64' } as const;

test('records come file after file, or from several files in turn', async () => {
  const files = await listFiles(join(folder, '?.tfrecord'));
  const labels = async (numParallelReads: number) =>
    (await tfRecord(files, { features, numParallelReads }).toArray()).map(({ label }) => label);
  const one = [-2, -1, 0, 1, 2];
  expect(await labels(1)).toEqual([...one, ...one, ...one]);
  expect(await labels(3)).toEqual(one.flatMap((label) => [label, label, label]));
  expect(await tfRecord(golden).toArray()).toHaveLength(5);
});

test('what is wrong is told with file and record, and reading goes on where a state was saved', async () => {
  const wrong = tfRecord(golden, { features: { label: 'string' } });
  await expect(wrong.toArray()).rejects.toThrow(
    `${golden}: record 0: feature 'label' holds int64, and string is expected`,
  );
  const make = () => tfRecord([golden, golden], { features }).shuffle(4, { seed: 1 });
  const all = await make().toArray();
  const iterator = make().iterator({ epoch: 0 });
  for (let i = 0; i < 6; i++) await iterator.next();
  const rest: unknown[] = [];
  for await (const element of make().iterator({ state: iterator.save() })) rest.push(element);
  expect(rest).toEqual(all.slice(6));
  expect(() => tfRecord(golden, { compression: 'lz4' as never })).toThrow(UsageError);
});

test('a file that vanished between listing and reading is named', async () => {
  const path = join(folder, 'gone.tfrecord');
  await writeFile(path, '');
  const files = await listFiles(join(folder, 'gone*'));
  await rm(path);
  await expect(tfRecord(files).toArray()).rejects.toThrow(`cannot read ${path}: there is no such file`);
});

test('idx reads files under their names', async () => {
  const header = (rank: number, ...dims: number[]) =>
    Buffer.from([0, 0, 8, rank, ...dims.flatMap((dim) => [0, 0, 0, dim])]);
  const [images, labels] = [join(folder, 'images'), join(folder, 'labels')];
  await writeFile(images, Buffer.concat([header(3, 2, 1, 2), Buffer.from([1, 2, 3, 4])]));
  await writeFile(labels, Buffer.concat([header(1, 2), Buffer.from([7, 8])]));
  const both = await idx({ image: images, label: labels });
  expect(both.cardinality).toBe(2);
  expect((await both.toArray())[1]).toEqual({
    image: { dtype: 'uint8', shape: [1, 2], data: Uint8Array.of(3, 4) },
    label: { dtype: 'uint8', shape: [], data: Uint8Array.of(8) },
  });
  expect(await (await idx(images)).batch(2).take(1).elementSpec()).toEqual({
    dtype: 'uint8',
    shape: ['batch', 1, 2],
  });
  await writeFile(labels, Buffer.concat([header(1, 1), Buffer.from([7])]));
  await expect(idx({ image: images, label: labels })).rejects.toThrow('first axes must agree');
  await expect(idx(join(folder, 'none'))).rejects.toThrow(DataError);
});

test('reading that ends early leaves no file open', async () => {
  const open = (): number =>
    Number(execFileSync('sh', ['-c', `ls -l /proc/${process.pid}/fd | grep -c ${folder} || true`]));
  for await (const _ of tfRecord(await listFiles(join(folder, '?.tfrecord')), { numParallelReads: 3 })) break;
  await Dataset.range(1).toArray();
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(open()).toBe(0);
});
