import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { ComputeError, DataError, UsageError } from '../core/errors.ts';
import { decodeImage, probeImage } from './decode.ts';
import { ImagePool } from './pool.ts';
import { render } from './render.ts';
import { viewOf } from './views.ts';

const golden = (name: string): string =>
  fileURLToPath(new URL(`../../test/goldens/images/${name}`, import.meta.url));
const target = { height: 8, width: 9, channels: 3, resize: 'bilinear' } as const;

describe('ImagePool', () => {
  const pool = new ImagePool({ threads: 2 });
  afterAll(() => pool.close());

  test('reads what decoding and rendering in this thread give, whatever the order', async () => {
    const names = [
      '420.jpg',
      'grey.jpg',
      'rgb.png',
      'rgb.webp',
      'grey16.tiff',
      'orientation-6.jpg',
      'cmyk.jpg',
    ];
    const requests = [...names, ...names].map((name, i) => ({
      ...target,
      path: golden(name),
      view: viewOf(3, name, i),
    }));
    const results = await Promise.all(requests.map((request) => pool.read(request)));
    for (const [i, request] of requests.entries()) {
      const { pixels } = await decodeImage(request.path);
      expect([...results[i]!]).toEqual([...render(pixels, request)]);
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

  test('a file that cannot be read is a DataError that names it, and the pool goes on', async () => {
    const path = golden('image.gif');
    for (const read of [() => pool.probe(path), () => pool.read({ ...target, path })]) {
      const error = await read().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(DataError);
      expect(String(error)).toContain('image.gif: not an image that can be read');
    }
    await expect(pool.read({ ...target, path: golden('grey.jpg') })).resolves.toHaveLength(216);
  });

  test.each([{ height: 0 }, { width: 2.5 }, { channels: 4 }, { resize: 'nearest' }])(
    'refuses a request of %o',
    async (wrong) => {
      const request = { ...target, ...wrong, path: golden('grey.jpg') } as Parameters<ImagePool['read']>[0];
      await expect(pool.read(request)).rejects.toThrow(UsageError);
    },
  );

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
