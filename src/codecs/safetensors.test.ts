import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arrayTypes, type DType } from '../core/dtype.ts';
import { DataError, UsageError } from '../core/errors.ts';
import { elementCount, floats, type Tensor, tensor } from '../core/tensor.ts';
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts';

const tensors: fc.Arbitrary<Tensor> = fc
  .tuple(
    fc.constantFrom(...(Object.keys(arrayTypes) as DType[])),
    fc.array(fc.nat(4), { maxLength: 3 }),
    fc.nat(),
  )
  .map(([dtype, shape, seed]) => {
    const data = new arrayTypes[dtype](elementCount(shape));
    new Uint8Array(data.buffer).forEach((_, i, bytes) => {
      bytes[i] = (seed + 31 * i) % 127; // no NaN among the floats, as their bits are the engine's to choose
    });
    return tensor(dtype, shape, data);
  });

const names = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('__proto__'));
const files = fc.record({
  tensors: fc.dictionary(names, tensors, { maxKeys: 5 }),
  metadata: fc.dictionary(names, fc.string({ unit: 'grapheme' }), { maxKeys: 3 }),
});

/** A file with this header, and this many bytes of data. */
function fileOf(header: unknown, size: number): Uint8Array {
  const json = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const file = new Uint8Array(8 + json.length + size);
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true);
  file.set(json, 8);
  return file;
}

const bytesAt = (begin: number, end: number) => ({
  dtype: 'U8',
  shape: [end - begin],
  data_offsets: [begin, end],
});

describe('safetensors', () => {
  it('gives back every tensor and the metadata', () => {
    const law = fc.property(files, ({ tensors, metadata }) => {
      expect(decodeSafetensors(encodeSafetensors(tensors, metadata), 'a')).toEqual({ tensors, metadata });
    });
    fc.assert(law);
  });

  it('aligns all data, so that every tensor is a view of the file', () => {
    const law = fc.property(files, ({ tensors, metadata }) => {
      const file = encodeSafetensors(tensors, metadata);
      for (const { data } of Object.values(decodeSafetensors(file, 'a').tensors)) {
        expect(data.buffer).toBe(file.buffer);
      }
    });
    fc.assert(law);
  });

  it('copies what lies unaligned in the file, also where the file is a Buffer', () => {
    const file = encodeSafetensors({ a: floats([1, 2, 3]) });
    const moved = Buffer.alloc(file.length + 1).subarray(1);
    moved.set(file);
    expect(decodeSafetensors(moved, 'a').tensors.a).toEqual(floats([1, 2, 3]));
  });

  it('writes the bytes of the format', () => {
    const header = '{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
    const padded = header.padEnd(80);
    const expected = [80, 0, 0, 0, 0, 0, 0, 0, ...new TextEncoder().encode(padded), 0, 0, 0x80, 0x3f];
    expect([...encodeSafetensors({ a: floats([1]) }, { k: 'v' })]).toEqual(expected);
  });

  it('refuses to write a tensor in the place of the metadata', () => {
    expect(() => encodeSafetensors({ __metadata__: floats([1]) })).toThrow(UsageError);
  });

  it('refuses every file that was cut short', () => {
    const file = encodeSafetensors({ a: floats([1, 2, 3]), b: floats([4]) });
    for (let length = 0; length < file.length; length++) {
      expect(() => decodeSafetensors(file.subarray(0, length), 'cut')).toThrow(DataError);
    }
  });

  const a = bytesAt(0, 4);
  const huge = new Uint8Array(16);
  new DataView(huge.buffer).setBigUint64(0, 2n ** 40n, true);
  const many = Array.from({ length: 100_001 }, (_, i) => [`t${i}`, bytesAt(0, 0)]);
  it.each<[string, Uint8Array, string]>([
    [
      'fewer than eight bytes',
      new Uint8Array(7),
      'w is no safetensors file: it has 7 bytes, and needs at least 8',
    ],
    ['a header of 2^40 bytes', huge, 'w is no safetensors file: its header would take 1099511627776 bytes'],
    ['a header that is not JSON', fileOf('{', 0), 'w is no safetensors file: its header is not JSON'],
    ['a header that is not UTF-8', Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 0xff), 'its header is not JSON'],
    ['a header that is an array', fileOf('[]', 0), 'w is no safetensors file: its header is not an object'],
    [
      'metadata of numbers',
      fileOf({ __metadata__: { a: 1 } }, 0),
      'w: __metadata__ must map names to strings',
    ],
    [
      'too many tensors',
      fileOf(Object.fromEntries(many), 0),
      'w lists 100001 tensors: at most 100000 are read',
    ],
    [
      'an unknown dtype',
      fileOf({ a: { ...a, dtype: 'F8' } }, 4),
      "w: tensor 'a' has dtype F8: fovea reads F64, ",
    ],
    ['a tensor that is a number', fileOf({ a: 1 }, 4), "w: tensor 'a' has dtype undefined"],
    [
      'a shape below zero',
      fileOf({ a: { ...a, shape: [-4] } }, 4),
      "w: tensor 'a' has no valid shape: got [-4]",
    ],
    [
      'one offset',
      fileOf({ a: { ...a, data_offsets: [4] } }, 4),
      "w: tensor 'a' needs data_offsets [begin, end], got [4]",
    ],
    [
      'a size that does not fit the shape',
      fileOf({ a: { ...a, shape: [2 ** 30, 2 ** 30] } }, 4),
      "w: tensor 'a' of uint8[1073741824, 1073741824] takes 1152921504606847000 bytes, but lies in [0, 4)",
    ],
    [
      'offsets outside the file',
      fileOf({ a, b: bytesAt(4, 9) }, 8),
      "w: tensor 'b' lies in [4, 9), but the file holds 8 bytes of data: it was cut short, or is damaged",
    ],
    [
      'overlapping tensors',
      fileOf({ b: bytesAt(3, 8), a }, 8),
      "w: tensor 'b' lies in [3, 8), and overlaps the one before it",
    ],
    [
      'a gap',
      fileOf({ a, b: bytesAt(5, 8) }, 8),
      "w: tensor 'b' starts at 5: the bytes from 4 on belong to no tensor",
    ],
    ['bytes after the last tensor', fileOf({ a }, 6), 'w: the last 2 bytes belong to no tensor'],
  ])('refuses %s', (_, file, message) => {
    expect(() => decodeSafetensors(file, 'w')).toThrow(DataError);
    expect(() => decodeSafetensors(file, 'w')).toThrow(message);
  });

  it('reads what the reference implementation wrote', async (context) => {
    const path = new URL('../../../shared/data/vgg16/vgg16_notop.safetensors', import.meta.url);
    if (!existsSync(path)) context.skip('no shared/data/vgg16');
    const { tensors, metadata } = decodeSafetensors(await readFile(path), 'vgg16');
    expect(Object.keys(tensors)).toHaveLength(26);
    expect(tensors['block1_conv1/kernel']).toMatchObject({ dtype: 'float32', shape: [3, 3, 3, 64] });
    expect(tensors['block1_conv1/kernel']?.data[0]).toBeCloseTo(0.4295, 4);
    expect(metadata.weights).toBe('imagenet');
  });
});
