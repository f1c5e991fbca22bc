import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { readEventFile } from '../../codecs/event-file.ts';
import { SystemError, UsageError } from '../../core/errors.ts';
import { tensor } from '../../core/tensor.ts';
import { readScalars } from './event-folder.ts';
import { SummaryWriter } from './summary-writer.ts';

let base: string;
let folder: string;
let made = 0;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-summaries-'));
});
beforeEach(() => {
  folder = join(base, String(made++), 'eval');
});
afterAll(() => rm(base, { recursive: true, force: true }));

const now = (): number => 1_500_000_000_250;
const files = (): Promise<string[]> => readdir(folder);
const onlyFile = async (): Promise<Buffer> => readFile(join(folder, (await files())[0]!));
/** A PNG in an event file: from its signature to its last chunk. */
const pngsIn = (file: Buffer): Buffer[] => {
  const pngs: Buffer[] = [];
  for (
    let at = file.indexOf('\x89PNG', 0, 'latin1');
    at >= 0;
    at = file.indexOf('\x89PNG', at + 1, 'latin1')
  ) {
    pngs.push(file.subarray(at, file.indexOf('IEND', at) + 8));
  }
  return pngs;
};

test('a file is made with the first summary, and named as TensorFlow names it', async () => {
  const writer = await SummaryWriter.open(folder, { now });
  await writer.flush();
  expect(await files()).toEqual([]);
  writer.scalars(1, {});
  await writer.flush();
  expect(await files()).toEqual([]);
  writer.scalars(3, { loss: 0.25, accuracy: Number.NaN });
  writer.scalars(4, { loss: -Infinity });
  await writer.close();
  const [name, ...others] = await files();
  expect(others).toEqual([]);
  expect(name).toMatch(/^events\.out\.tfevents\.1500000000\..+\.\d+\.\d+$/);
  expect(name).toContain(`.${hostname()}.${process.pid}.`);
  expect(await readScalars(folder)).toEqual([
    { step: 3, tag: 'loss', value: 0.25, wallTime: 1_500_000_000.25 },
    { step: 3, tag: 'accuracy', value: Number.NaN, wallTime: 1_500_000_000.25 },
    { step: 4, tag: 'loss', value: -Infinity, wallTime: 1_500_000_000.25 },
  ]);
  const { records } = readEventFile('file', await onlyFile());
  expect(records.map(({ event }) => event.fileVersion)).toEqual(['brain.Event:2', undefined, undefined]);
});

test('after a flush all is in the file; each is there once', async () => {
  const writer = await SummaryWriter.open(folder);
  for (let step = 1; step <= 20; step++) {
    writer.scalars(step, { loss: step });
    if (step % 3 === 0) {
      await writer.flush();
      expect((await readScalars(folder)).map(({ value }) => value)).toEqual(
        Array.from({ length: step }, (_, i) => i + 1),
      );
    }
  }
  await Promise.all([writer.flush(), writer.flush(), writer.close()]);
  await writer.close();
  expect(await readScalars(folder)).toHaveLength(20);
});

test('beyond 64 KiB it writes by itself', async () => {
  const writer = await SummaryWriter.open(folder);
  const line = 'x'.repeat(1000);
  for (let i = 0; i < 60; i++) writer.text(0, 'note', line);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await files()).toEqual([]);
  for (let i = 0; i < 10; i++) writer.text(0, 'note', line);
  await expect.poll(async () => (await files()).length).toBe(1);
  await expect.poll(async () => (await onlyFile()).length).toBeGreaterThan(2 ** 16);
  await writer.close();
  expect(readEventFile('file', await onlyFile()).records).toHaveLength(71);
});

test('images are PNGs with the very pixels, in the order in which they were given', async () => {
  const rgb = tensor(
    'uint8',
    [2, 3, 3],
    Uint8Array.from({ length: 18 }, (_, i) => i * 14),
  );
  const grey = tensor('uint8', [2, 3, 1], Uint8Array.of(0, 50, 100, 150, 200, 255));
  const writer = await SummaryWriter.open(folder);
  const noise = tensor(
    'uint8',
    [400, 400, 3],
    new Uint8Array(480_000).map((_, i) => (i * i) >> 7),
  );
  const given = [
    writer.image(1, 'input', [noise]),
    writer.image(2, 'input', [rgb, rgb]),
    writer.image(3, 'input', [grey]),
  ];
  await writer.flush();
  await Promise.all(given);
  const file = await onlyFile();
  expect(readEventFile('file', file).records.map(({ event }) => event.step)).toEqual([0, 1, 2, 3]);
  const decoded = await Promise.all(pngsIn(file).map((png) => sharp(png).raw().toBuffer()));
  const stored = await Promise.all(pngsIn(file).map((png) => sharp(png).metadata()));
  expect(stored.map(({ channels }) => channels)).toEqual([3, 3, 3, 1]);
  expect(decoded.map((data) => data.equals(noise.data))).toEqual([true, false, false, false]);
  expect(decoded.map((data) => data.equals(rgb.data))).toEqual([false, true, true, false]);
  expect(decoded[3]).toEqual(Buffer.from([...grey.data].flatMap((value) => [value, value, value])));
  await writer.close();
});

describe('refuses', () => {
  test('a step that is none', async () => {
    const writer = await SummaryWriter.open(folder);
    for (const step of [-1, 0.5, Number.NaN, 2 ** 53]) {
      expect(() => writer.scalars(step, { loss: 1 })).toThrow(UsageError);
      expect(() => writer.histogram(step, 'weights', Float32Array.of(1))).toThrow(`got ${step}`);
    }
    await writer.close();
    expect(await files()).toEqual([]);
  });

  test('what is no image, and images of several sizes', async () => {
    const writer = await SummaryWriter.open(folder);
    const of = (...shape: number[]) =>
      tensor('uint8', shape, new Uint8Array(shape.reduce((a, b) => a * b, 1)));
    const cases: [ReturnType<typeof of>[], string][] = [
      [[], 'at least one image'],
      [[of(2, 2)], 'an image must be uint8 [height, width, 1 or 3 channels], got uint8 [2, 2]'],
      [[of(2, 2, 4)], 'got uint8 [2, 2, 4]'],
      [[of(0, 2, 3)], 'got uint8 [0, 2, 3]'],
      [[of(2, 2, 3), of(2, 3, 3)], 'must have one size, got [2, 2, 3] and [2, 3, 3]'],
    ];
    for (const [images, message] of cases) {
      await expect(writer.image(1, 'input', images)).rejects.toThrow(UsageError);
      await expect(writer.image(1, 'input', images)).rejects.toThrow(message);
    }
    await writer.close();
  });

  test('a tag of another kind', async () => {
    const writer = await SummaryWriter.open(folder);
    writer.scalars(1, { confusion: 1 });
    expect(() => writer.text(1, 'confusion', 'table')).toThrow(
      "SummaryWriter.text: the tag 'confusion' was given to scalars",
    );
    writer.scalars(2, { confusion: 1 });
    await writer.close();
    expect(await readScalars(folder)).toHaveLength(2);
  });

  test('summaries after it is closed', async () => {
    const writer = await SummaryWriter.open(folder);
    await writer.close();
    expect(() => writer.text(0, 'note', 'late')).toThrow('SummaryWriter.text: the writer is closed');
    await expect(writer.image(0, 'input', [])).rejects.toThrow(UsageError);
  });
});

describe('what the system refuses', () => {
  test('a folder that cannot be made is told at once', async () => {
    await mkdir(join(folder, '..'), { recursive: true });
    await writeFile(folder, 'a file');
    await expect(SummaryWriter.open(join(folder, 'within'))).rejects.toThrow(SystemError);
    await expect(SummaryWriter.open(join(folder, 'within'))).rejects.toThrow('is a file, not a folder');
  });

  test('a failure to write is thrown by flush and close, not before; what comes then is dropped', async () => {
    const writer = await SummaryWriter.open(folder);
    await rm(folder, { recursive: true });
    await writeFile(folder, 'a file');
    for (let i = 0; i < 3; i++) {
      writer.text(0, 'note', 'x'.repeat(2 ** 17));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await expect(writer.flush()).rejects.toThrow(SystemError);
    writer.scalars(1, { loss: 1 });
    await expect(writer.close()).rejects.toThrow(`cannot write ${folder}`);
    expect((await stat(folder)).size).toBe('a file'.length);
  });
});
