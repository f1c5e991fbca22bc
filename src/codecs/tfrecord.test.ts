import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../core/errors.ts';
import { RandomStream } from '../core/random.ts';
import { crc32c, maskedCrc32c } from './crc32c.ts';
import type { Compression } from './file-chunks.ts';
import { parseExample } from './tf-example.ts';
import { frameTfRecord, readTfRecords, type TfRecordOptions } from './tfrecord.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-tfrecord-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const golden = (name: string): URL => new URL(`../../test/goldens/data/${name}`, import.meta.url);

async function read(bytes: Uint8Array, options?: TfRecordOptions): Promise<Uint8Array[]> {
  const path = join(folder, 'file.tfrecord');
  await writeFile(path, bytes);
  const records: Uint8Array[] = [];
  for await (const record of readTfRecords(path, options)) records.push(record);
  return records;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const file = Buffer.concat(['first', '', 'third'].map((content) => frameTfRecord(text(content))));

/** A head that promises so many bytes, with its right checksum. */
function head(length: bigint): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeBigUInt64LE(length);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(0, 8)), 8);
  return bytes;
}

test('the checksum is CRC-32C, as RFC 3720 has it', () => {
  expect(crc32c(text('123456789'))).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
  expect(crc32c(new Uint8Array(0))).toBe(0);
});

test('records come back, of any size, also of more than a chunk', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 9 }), async (contents) => {
      const found = await read(Buffer.concat(contents.map(frameTfRecord)));
      expect(found.map((record) => [...record])).toEqual(contents.map((content) => [...content]));
    }),
    { numRuns: 30 },
  );
  const large = Uint8Array.from({ length: 1_000_003 }, (_, i) => i * 7);
  const found = await read(gzipSync(Buffer.concat([frameTfRecord(large), file])), { compression: 'gzip' });
  expect(found).toHaveLength(4);
  expect(Buffer.compare(found[0]!, large)).toBe(0);
});

describe('refuses', () => {
  const flipped = (at: number): Buffer => {
    const bytes = Buffer.from(file);
    bytes[at]! ^= 1;
    return bytes;
  };
  const cut: [string, Uint8Array, string, Compression?][] = [
    ['a damaged length', flipped(0), 'record 0 at byte 0: the checksum of its length is wrong'],
    ['damaged bytes', flipped(13), 'record 0 at byte 0: its checksum is wrong'],
    ['a damaged checksum, later', flipped(file.length - 1), 'record 2 at byte 37: its checksum is wrong'],
    [
      'a length of 2^60',
      head(2n ** 60n),
      'it promises 1152921504606847000 bytes, and at most 1073741824 are read',
    ],
    [
      'a length beyond the file',
      Buffer.concat([file, head(1000n)]),
      'record 3 at byte 58 takes 1000 bytes, and 0 are there',
    ],
    ['a file cut short in a head', file.subarray(0, -20), 'was cut short: record 2 at byte 37 is not whole'],
    ['a file cut short in a record', file.subarray(0, -5), 'was cut short: record 2'],
    ['a gzipped file', gzipSync(file), "is gzipped: read it with compression: 'gzip'"],
    ['what is no gzip', file, 'its gzip stream is damaged', 'gzip'],
    ['a gzip cut short', gzipSync(file).subarray(0, 20), 'its gzip stream has no end', 'gzip'],
    ['a gzipped length of 2^60', gzipSync(head(2n ** 60n)), 'it promises 1152921504606847000 bytes', 'gzip'],
    ['what is no zlib', gzipSync(file), 'its zlib stream is damaged', 'zlib'],
  ];
  test.each(cut)('%s', async (_, bytes, message, compression) => {
    const reading = read(bytes, { compression });
    await expect(reading).rejects.toThrow(DataError);
    await expect(read(bytes, { compression })).rejects.toThrow(message);
    await expect(read(bytes, { compression })).rejects.toThrow('file.tfrecord');
  });

  test('a record longer than asked for', async () => {
    await expect(read(file, { maxRecordBytes: 4 })).rejects.toThrow(
      'it promises 5 bytes, and at most 4 are read',
    );
  });

  test('a folder, and a file that is gone', async () => {
    await expect(readTfRecords(folder).next()).rejects.toThrow('a file is expected, got a folder');
    await expect(readTfRecords(join(folder, 'gone')).next()).rejects.toThrow('there is no such file');
  });
});

test('mutated files give records or a named error, never anything else', async () => {
  const features = { label: 'int64', name: 'string', box: { type: 'float32', shape: [2, 2] } } as const;
  const files = await Promise.all(
    (['plain', 'gzip', 'zlib'] as const).map(async (name) => ({
      compression: name === 'plain' ? ('none' as const) : name,
      bytes: await readFile(golden(`examples-${name}.tfrecord`)),
    })),
  );
  const random = new RandomStream([2017, 8]);
  let refused = 0;
  for (let run = 0; run < 600; run++) {
    const { compression, bytes } = files[run % 3]!;
    const mutated = mutate(bytes, random);
    try {
      for (const record of await read(mutated, { compression })) parseExample(record, features);
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(400);
});

test('mutated Examples are parsed or refused by name', async () => {
  const records: Uint8Array[] = [];
  for await (const record of readTfRecords(golden('examples-plain.tfrecord').pathname)) records.push(record);
  const random = new RandomStream([2017, 9]);
  for (let run = 0; run < 2000; run++) {
    const record = mutate(records[run % records.length]!, random);
    try {
      const { label, name } = parseExample(record, { label: 'int64', name: 'string' });
      expect(Number.isSafeInteger(label)).toBe(true);
      expect(typeof name).toBe('string');
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      expect((error as Error).message).toContain('tf.train.Example');
    }
  }
});

/** Bytes changed, cut off, repeated or left out, at random. */
function mutate(bytes: Uint8Array, random: RandomStream): Uint8Array {
  const changed = Buffer.from(bytes);
  const at = random.below(changed.length);
  switch (random.below(4)) {
    case 0:
      return changed.subarray(0, at);
    case 1:
      return Buffer.concat([changed.subarray(0, at), changed.subarray(at + 1 + random.below(8))]);
    case 2:
      return Buffer.concat([changed.subarray(0, at), changed.subarray(Math.max(0, at - 9))]);
    default:
      for (let i = 0; i <= random.below(4); i++) changed[random.below(changed.length)] = random.below(256);
      return changed;
  }
}
