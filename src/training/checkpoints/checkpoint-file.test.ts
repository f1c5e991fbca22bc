import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeSafetensors, encodeSafetensors } from '../../codecs/safetensors.ts';
import { arrayTypes, type DType } from '../../core/dtype.ts';
import { DataError, UsageError } from '../../core/errors.ts';
import { bytesOf, elementCount, floats, type Tensor, tensor, zeros } from '../../core/tensor.ts';
import { type Checkpoint, DamagedCheckpoint, encodeCheckpoint, readCheckpoint } from './checkpoint-file.ts';

let folder: string;
let path: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-checkpoint-'));
  path = join(folder, 'a.safetensors');
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const encoded = async (checkpoint: Checkpoint) => Buffer.concat(await encodeCheckpoint(checkpoint));

const tensors: fc.Arbitrary<Tensor> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(arrayTypes) as DType[])),
    fc.array(fc.nat(4), { maxLength: 3 }),
    fc.infiniteStream(fc.nat(255)),
  )
  .map(([dtype, shape, bits]) => {
    const data = new arrayTypes[dtype](elementCount(shape));
    const bytes = new Uint8Array(data.buffer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = bits.next().value!;
    return tensor(dtype, shape, data);
  });
const names = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('__proto__', '0', 'sha256'));
const checkpoints: fc.Arbitrary<Checkpoint> = fc.record({
  step: fc.nat(),
  values: fc.dictionary(fc.string(), fc.double(), { noNullPrototype: true }),
  tensors: fc.dictionary(names, tensors, { maxKeys: 5, noNullPrototype: true }),
});

const small: Checkpoint = {
  step: 7,
  values: { sums: [0.1, Number.NaN, -0] },
  tensors: { 'dense/kernel': floats([1, 2, 3]), flags: tensor('bool', [3], Uint8Array.of(1, 0, 1)) },
};

describe('a checkpoint file', () => {
  it('gives back everything, bit for bit', async () => {
    const law = fc.asyncProperty(checkpoints, async (checkpoint) => {
      await writeFile(path, await encodeCheckpoint(checkpoint));
      const { tensors, ...rest } = await readCheckpoint(path);
      expect(rest).toStrictEqual({ step: checkpoint.step, values: checkpoint.values });
      const plain = (all: Checkpoint['tensors']) =>
        Object.entries(all).map(([name, value]) => [name, value.dtype, value.shape, [...bytesOf(value)]]);
      expect(plain(tensors)).toStrictEqual(plain(checkpoint.tensors));
    });
    await fc.assert(law, { numRuns: 60 });
  });

  it('does not copy the tensors, shared memory neither', async () => {
    const shared = tensor(
      'uint8',
      [4],
      new Uint8Array(new SharedArrayBuffer(4)) as Uint8Array as Uint8Array<ArrayBuffer>,
    );
    const pieces = await encodeCheckpoint({ ...small, tensors: { ...small.tensors, shared } });
    for (const { data } of [...Object.values(small.tensors), shared]) {
      expect(pieces.some(({ buffer }) => buffer === data.buffer)).toBe(true);
    }
    await writeFile(path, pieces);
    expect((await readCheckpoint(path)).tensors.shared).toEqual(zeros('uint8', [4]));
  });

  it('holds the SHA-256 of each 8 MiB of a tensor', async () => {
    const block = 8 * 2 ** 20;
    const data = new Uint8Array(block + 5).map((_, i) => i);
    await writeFile(
      path,
      await encodeCheckpoint({ ...small, tensors: { data: tensor('uint8', [data.length], data) } }),
    );
    const { metadata } = decodeSafetensors(await readFile(path), path);
    const sums = [data.subarray(0, block), data.subarray(block)].map((part) =>
      createHash('sha256').update(part).digest('hex'),
    );
    expect(JSON.parse(metadata.sha256!)).toEqual({ data: sums });
    const bytes = await readFile(path);
    bytes[bytes.length - 33]! ^= 1; // the tensor's last byte, in its second block
    await writeFile(path, bytes);
    await expect(readCheckpoint(path)).rejects.toThrow(
      `${path} is damaged: the SHA-256 of tensor 'data' differs`,
    );
  });

  it('shows a change of any single bit', async () => {
    const whole = await encoded(small);
    const unseen: string[] = [];
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const bytes = Uint8Array.from(whole);
        bytes[at]! ^= 1 << bit;
        await writeFile(path, bytes);
        const failure: unknown = await readCheckpoint(path).catch((error: unknown) => error);
        const told = failure instanceof DamagedCheckpoint && failure.message.includes(path);
        if (!told) unseen.push(`bit ${bit} of byte ${at}: ${failure}`);
      }
    }
    expect(unseen).toEqual([]);
  });

  it('shows where it was cut short, and more behind it', async () => {
    const whole = await encoded(small);
    await writeFile(path, whole);
    for (let length = whole.length - 1; length >= 0; length--) {
      await truncate(path, length);
      await expect(readCheckpoint(path)).rejects.toThrow(DamagedCheckpoint);
    }
    await writeFile(path, [whole, Uint8Array.of(0)]);
    await expect(readCheckpoint(path)).rejects.toThrow(DamagedCheckpoint);
  });

  it('shows an exchanged tensor, and a header of another checkpoint', async () => {
    const [header, ...data] = await encodeCheckpoint(small);
    const [otherHeader, ...otherData] = await encodeCheckpoint({
      ...small,
      tensors: { ...small.tensors, 'dense/kernel': floats([1, 2, 4]) },
    });
    await writeFile(path, [header!, otherData[0]!, ...data.slice(1)]);
    await expect(readCheckpoint(path)).rejects.toThrow("the SHA-256 of tensor 'dense/kernel' differs");
    await writeFile(path, [otherHeader!, ...data]);
    await expect(readCheckpoint(path)).rejects.toThrow('the SHA-256 of its header differs');
  });

  it('tells a newer format and a foreign file from damage', async () => {
    const { tensors, metadata } = decodeSafetensors(await encoded(small), 'a');
    const name = 'header.sha256';
    const newer = encodeSafetensors(
      { ...tensors, [name]: zeros('uint8', [32]) },
      { ...metadata, version: '2' },
    );
    const headerLength = 8 + Number(new DataView(newer.buffer).getBigUint64(0, true));
    newer.set(createHash('sha256').update(newer.subarray(0, headerLength)).digest(), newer.length - 32);
    await writeFile(path, newer);
    const failure: unknown = await readCheckpoint(path).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(DataError);
    expect(failure).not.toBeInstanceOf(DamagedCheckpoint);
    expect((failure as Error).message).toContain(`${path} was written by a newer fovea`);

    await writeFile(path, encodeSafetensors(small.tensors));
    await expect(readCheckpoint(path)).rejects.toThrow(`${path} is no checkpoint that fovea wrote`);
    const absent = join(folder, 'absent');
    await expect(readCheckpoint(absent)).rejects.toThrow(
      new DataError(`cannot read the checkpoint ${absent}: there is no such file`),
    );
  });

  it('refuses what it could not give back', async () => {
    const reserved = { ...small, tensors: { 'header.sha256': floats([1]) } };
    await expect(encodeCheckpoint(reserved)).rejects.toThrow(UsageError);
    const large = { ...small, values: 'x'.repeat(16 * 2 ** 20) };
    await expect(encodeCheckpoint(large)).rejects.toThrow('put large state into tensors');
  });
});
