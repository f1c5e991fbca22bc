import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { idxBytes } from '../../test/support/idx.ts';
import { DataError } from '../core/errors.ts';
import { elementCount } from '../core/tensor.ts';
import { readIdx } from './idx.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-idx-'));
  path = join(folder, 'file');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const small = idxBytes(8, [2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));

/** The error of reading a file of these bytes. */
async function refusal(bytes: Uint8Array, options?: Parameters<typeof readIdx>[1]): Promise<string> {
  await writeFile(path, bytes);
  const error = await readIdx(path, options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(DataError);
  return (error as DataError).message.replaceAll(path, 'FILE');
}

describe('readIdx', () => {
  it('reads bytes of any shape, gzipped or plain, whatever the name', async () => {
    const shapes = fc.array(fc.nat(5), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(shapes, fc.boolean(), fc.nat(255), async (shape, gzipped, seed) => {
        const data = Uint8Array.from({ length: elementCount(shape) }, (_, i) => i * seed);
        const file = idxBytes(8, shape, data);
        await writeFile(path, gzipped ? gzipSync(file) : file);
        expect(await readIdx(path)).toEqual({ dtype: 'uint8', shape, data });
      }),
      { numRuns: 50 },
    );
  });

  it('reads the other dtypes, whose elements are big-endian in the file', async () => {
    const elements = Buffer.alloc(16);
    elements.writeInt32BE(-7, 0);
    elements.writeInt32BE(2 ** 30, 4);
    await writeFile(path, idxBytes(12, [2], elements.subarray(0, 8)));
    expect(await readIdx(path)).toEqual({ dtype: 'int32', shape: [2], data: Int32Array.of(-7, 2 ** 30) });
    elements.writeFloatBE(0.5, 0);
    await writeFile(path, idxBytes(13, [1], elements.subarray(0, 4)));
    expect(await readIdx(path)).toEqual({ dtype: 'float32', shape: [1], data: Float32Array.of(0.5) });
    elements.writeDoubleBE(0.1, 0);
    elements.writeDoubleBE(-1e300, 8);
    await writeFile(path, gzipSync(idxBytes(14, [2, 1], elements)));
    expect(await readIdx(path)).toEqual({
      dtype: 'float64',
      shape: [2, 1],
      data: Float64Array.of(0.1, -1e300),
    });
    await writeFile(path, idxBytes(9, [2], Uint8Array.of(255, 127)));
    expect(await readIdx(path)).toEqual({ dtype: 'int8', shape: [2], data: Int8Array.of(-1, 127) });
  });

  it('reads what comes in many pieces', async () => {
    const data = Uint8Array.from({ length: 1_500_000 }, (_, i) => (i * i) % 251);
    const file = idxBytes(8, [1500, 1000], data);
    for (const bytes of [file, gzipSync(file)]) {
      await writeFile(path, bytes);
      expect(Buffer.compare((await readIdx(path)).data as Uint8Array, data)).toBe(0);
    }
  });

  it('takes the dtype and shape that are asked for', async () => {
    await writeFile(path, small);
    const { shape } = await readIdx(path, { dtype: 'uint8', shape: ['rows', 3] });
    expect(shape).toEqual([2, 3]);
  });

  it('refuses every file that was cut short, gzipped or plain', async () => {
    for (const whole of [small, gzipSync(small)]) {
      for (let length = 0; length < whole.length; length++) {
        const message = await refusal(whole.subarray(0, length));
        expect(message).toMatch(/^FILE (was cut short: .*Fetch the file again|is no IDX file)/);
      }
    }
  });

  it.each<[name: string, bytes: Uint8Array, message: string]>([
    [
      'no IDX at all',
      Buffer.from('<!doctype html>'),
      'FILE is no IDX file: it must start with the bytes 0000, and starts with 3c21646f',
    ],
    [
      'a dtype that fovea lacks',
      idxBytes(11, [1], Uint8Array.of(0, 0)),
      'FILE: IDX dtype 11 is unknown: fovea reads 8 (uint8), 9 (int8), 12 (int32), 13 (float32), 14 (float64)',
    ],
    [
      'too few elements',
      idxBytes(8, [2, 3], new Uint8Array(5)),
      'FILE was cut short: its uint8[2, 3] takes 6 bytes, and 5 are there. Fetch the file again',
    ],
    [
      'too few gzipped elements',
      gzipSync(idxBytes(8, [2, 3], new Uint8Array(5))),
      'FILE was cut short: its uint8[2, 3] takes 6 bytes, and 5 are there. Fetch the file again',
    ],
    [
      'too many elements',
      idxBytes(8, [2, 3], new Uint8Array(7)),
      'FILE goes on behind its 6 bytes of uint8[2, 3]: it is damaged, or another file is appended',
    ],
    [
      'more than 2³⁰ bytes',
      idxBytes(8, [2 ** 30 + 1], new Uint8Array(1)),
      'FILE promises uint8[1073741825], which is more than 1073741824 bytes',
    ],
    [
      'dimensions beyond every number',
      idxBytes(8, Array(255).fill(2 ** 32 - 1), new Uint8Array(1)),
      'FILE promises uint8[4294967295, ',
    ],
    [
      'dimensions of infinity times nothing',
      idxBytes(8, [...Array(254).fill(2 ** 32 - 1), 0], new Uint8Array(0)),
      'FILE promises uint8[4294967295, ',
    ],
    [
      'more than deflate can make of it',
      gzipSync(idxBytes(8, [2 ** 30], new Uint8Array(1))),
      'FILE was cut short: its uint8[1073741824] takes 1073741824 bytes, and ',
    ],
    [
      'far more than its header says',
      gzipSync(idxBytes(8, [10], new Uint8Array(2 ** 25))),
      'FILE goes on behind its 10 bytes of uint8[10]',
    ],
    [
      'bytes behind its gzip stream',
      Buffer.concat([gzipSync(small), Buffer.alloc(3)]),
      'FILE has 3 bytes behind its gzip stream',
    ],
    [
      'a gzip header alone',
      Uint8Array.of(0x1f, 0x8b),
      'FILE was cut short: its gzip stream has no end. Fetch the file again',
    ],
    [
      'gzip of a method that is not deflate',
      Uint8Array.of(0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 0),
      'FILE: its gzip stream is damaged (unknown compression method). Fetch the file again',
    ],
  ])('refuses %s', async (_, bytes, message) => {
    expect(await refusal(bytes)).toContain(message);
  });

  it('notices one flipped bit in the gzipped data', async () => {
    const whole = gzipSync(small);
    for (let i = 10; i < whole.length; i++) {
      const damaged = Buffer.from(whole);
      damaged[i]! ^= 1;
      expect(await refusal(damaged)).toContain('FILE');
    }
  });

  it('refuses another dtype or shape than asked for', async () => {
    expect(await refusal(small, { dtype: 'float32' })).toBe(
      'FILE holds uint8[2, 3], but float32 is expected',
    );
    expect(await refusal(small, { shape: ['n', 28, 28] })).toBe(
      'FILE holds uint8[2, 3], but the shape [n, 28, 28] is expected',
    );
    expect(await refusal(small, { shape: [2, 4] })).toContain('but the shape [2, 4] is expected');
    expect(await refusal(small, { maxBytes: 5 })).toBe(
      'FILE promises uint8[2, 3], which is more than 5 bytes',
    );
  });

  it('refuses what is no file', async () => {
    await expect(readIdx(join(folder, 'absent'))).rejects.toThrow(
      new DataError(`cannot read ${join(folder, 'absent')}: there is no such file`),
    );
    await expect(readIdx(folder)).rejects.toThrow(
      new DataError(`${folder}: a file is expected, got a folder`),
    );
  });

  it.skipIf(process.platform === 'win32')('does not wait for a pipe that nobody writes to', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(readIdx(pipe)).rejects.toThrow('a file is expected, got a device');
  });

  it('ends with the reason of its signal', async () => {
    await writeFile(path, small);
    const reason = new Error('enough');
    await expect(readIdx(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});
