import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { ComputeError, DataError, UsageError } from '../core/errors.ts';
import { applyOps } from './apply.ts';
import { decodeImage, probeImage } from './decode.ts';
import { type ImageOp, ops } from './ops.ts';
import { policies } from './policies.ts';
import { ImagePool } from './pool.ts';
import { viewOps } from './view-ops.ts';
import { viewOf } from './views.ts';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../test/goldens/images/${name}`, import.meta.url));
const target = { height: 8, width: 9, channels: 3, resize: 'bilinear' } as const;
const names = ['420.jpg', 'grey.jpg', 'rgb.png', 'rgb.webp', 'grey16.tiff', 'orientation-6.jpg', 'cmyk.jpg'];

describe('ImagePool', () => {
  const pool = new ImagePool({ threads: 2 });
  afterAll(() => pool.close());

  test('reads what decoding and the view’s operations in this thread give, whatever the order', async () => {
    const requests = [...names, ...names].map((name, i) => ({
      ...target,
      path: golden(name),
      view: viewOf(3, name, i),
    }));
    const results = await Promise.all(requests.map((request) => pool.read(request)));
    for (const [i, request] of requests.entries()) {
      const { pixels } = await decodeImage(request.path);
      expect([...results[i]!]).toEqual([...applyOps(pixels, viewOps(request)).data]);
    }
  });

  test('each result lies in a buffer of its own', async () => {
    const result = await pool.read({ ...target, path: golden('grey.jpg') });
    expect(result.byteOffset).toBe(0);
    expect(result.buffer.byteLength).toBe(8 * 9 * 3);
  });

  test('probes and checks', async () => {
    const info = await probeImage(golden('420.jpg'));
    expect(await pool.probe(golden('420.jpg'))).toEqual(info);
    expect(await pool.check(golden('420.jpg'))).toEqual(info);
  });

  test('runs operations on files, bytes and pixels alike', async () => {
    const list = [ops.resize({ height: 7, width: 5, method: 'lanczos3' }), ops.rot90()];
    for (const name of names) {
      const { pixels } = await decodeImage(golden(name));
      const expected = applyOps(pixels, list);
      expect(await pool.run(golden(name), list)).toEqual(expected);
      expect(await pool.run(new Uint8Array(readFileSync(golden(name))), list)).toEqual(expected);
      expect(await pool.run(pixels, list)).toEqual(expected);
    }
  });

  test('without operations gives the decoded pixels, as the first operation has it', async () => {
    const { pixels } = await decodeImage(golden('rgb16.png'));
    expect(await pool.run(golden('rgb16.png'), [])).toEqual(pixels);
    const options = { channels: 1, dtype: 'uint16' } as const;
    const deep = await decodeImage(golden('rgb16.png'), options);
    expect(await pool.run(golden('rgb16.png'), [ops.decodeImage(options)])).toEqual(deep.pixels);
  });

  test('random operations draw by seed and element alone', async () => {
    const looks = [...policies.oct, ops.randomNoise({ stddev: [0, 0.1] }), ops.randomErasing()];
    const draws = Array.from({ length: 12 }, (_, i) => ({ seed: 5, element: ['420.jpg', i] }));
    const forwards = await Promise.all(draws.map((draw) => pool.run(golden('420.jpg'), looks, draw)));
    const backwards = await Promise.all(
      draws.toReversed().map((draw) => pool.run(golden('420.jpg'), looks, draw)),
    );
    expect(backwards.toReversed()).toEqual(forwards);
    const { pixels } = await decodeImage(golden('420.jpg'));
    expect(applyOps(pixels, looks, draws[3])).toEqual(forwards[3]);
    expect(new Set(forwards.map(({ data }) => data.join())).size).toBe(draws.length);
    const otherSeed = await pool.run(golden('420.jpg'), looks, { ...draws[0]!, seed: 6 });
    expect(otherSeed).not.toEqual(forwards[0]);
  });

  test('puts pixels where they are wanted', async () => {
    const batch = new Uint8Array(2 * 60);
    const list = [ops.decodeImage({ channels: 1 }), ops.resize({ height: 6, width: 10 })];
    const row = await pool.run(golden('420.jpg'), list, { into: batch.subarray(60) });
    expect(row.data.buffer).toBe(batch.buffer);
    expect([...batch.subarray(60)]).toEqual([...(await pool.run(golden('420.jpg'), list)).data]);
    expect(batch.subarray(0, 60).every((level) => level === 0)).toBe(true);
    for (const into of [new Uint8Array(59), new Float32Array(60)]) {
      await expect(pool.run(golden('420.jpg'), list, { into })).rejects.toThrow(
        'into must be Uint8Array of 60',
      );
    }
  });

  test('a file that cannot be read is a DataError that names it, and the pool goes on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'fovea-pool-'));
    const path = join(folder, 'notes.png');
    await writeFile(path, 'not an image');
    for (const read of [
      () => pool.probe(path),
      () => pool.read({ ...target, path }),
      () => pool.run(path, []),
    ]) {
      const error = await read().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(DataError);
      expect(String(error)).toContain('notes.png: not an image that can be read');
    }
    await rm(folder, { recursive: true });
    await expect(pool.run(path, [])).rejects.toThrow('notes.png: there is no such file');
    await expect(pool.run(folder, [])).rejects.toThrow('there is no such file');
    await expect(pool.run(tmpdir(), [])).rejects.toThrow(`${tmpdir()}: not a file`);
    await expect(pool.run(new Uint8Array(0), [])).rejects.toThrow('image of 0 bytes: there are no bytes');
    await expect(pool.read({ ...target, path: golden('grey.jpg') })).resolves.toHaveLength(216);
  });

  test('an image that does not allow an operation is a DataError that names both', async () => {
    const error = await pool
      .run(golden('grey.jpg'), [ops.randomCrop({ height: 100, width: 20 })], { seed: 1, element: 0 })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toContain(
      'grey.jpg: cropAt: a crop of 100×20 pixels does not fit into the image of 37×45',
    );
  });

  test.each([{ height: 0 }, { width: 2.5 }, { channels: 4 }, { resize: 'nearest' }])(
    'refuses a request of %o',
    async (wrong) => {
      const request = { ...target, ...wrong, path: golden('grey.jpg') } as Parameters<ImagePool['read']>[0];
      await expect(pool.read(request)).rejects.toThrow(UsageError);
    },
  );

  test('refuses operations and draws that make no sense, before anything is read', async () => {
    const random: ImageOp[] = [ops.randomFlipLeftRight()];
    await expect(pool.run('none', random)).rejects.toThrow('operation 0, randomFlipLeftRight: it is random');
    await expect(pool.run('none', random, { seed: 1 })).rejects.toThrow('element is missing');
    await expect(pool.run('none', random, { seed: -1, element: 'a' })).rejects.toThrow('seed must be');
    const { pixels } = await decodeImage(golden('grey.png'));
    await expect(pool.run(pixels, [ops.decodeImage()])).rejects.toThrow('these are pixels already');
  });

  test('refuses a count of threads that makes no sense', () => {
    expect(() => new ImagePool({ threads: 0 })).toThrow('threads must be a whole number from 1 on, got 0');
  });
});

test('closing answers everything that was asked, and refuses what comes later', async () => {
  const pool = new ImagePool({ threads: 1 });
  const asked = Array.from({ length: 20 }, () => pool.probe(golden('grey.jpg')));
  const answers = Promise.allSettled(asked);
  await pool.close();
  const kinds = (await answers).map(({ status }) => status);
  expect(kinds.slice(0, 2)).toEqual(['fulfilled', 'fulfilled']);
  expect(kinds.slice(2).every((kind) => kind === 'rejected')).toBe(true);
  await expect(pool.probe(golden('grey.jpg'))).rejects.toThrow(ComputeError);
  await pool.close();
});
