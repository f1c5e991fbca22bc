import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import type { Batch, Fed } from '../training/trainable.ts';
import {
  type ArrayBatchOptions,
  type Arrays,
  arrayBatches,
  countOf,
  ownKeys,
  splitArrays,
} from './arrays.ts';

/** Examples that know their number. */
const numbered = (count: number): Arrays => ({
  x: tensor(
    'uint8',
    [count, 2],
    Uint8Array.from({ length: 2 * count }, (_, i) => i >> 1),
  ),
  y: floats(Array.from({ length: count }, (_, i) => i)),
  sampleWeight: { only: floats(Array.from({ length: count }, (_, i) => -i)) },
});
const numbersOf = (fed: unknown): number[] => Array.from((fed as Tensor).data as Float32Array);

async function read(arrays: Arrays, options: ArrayBatchOptions, epoch = 0) {
  const list: { x: Fed; batch: Batch }[] = [];
  for await (const batch of arrayBatches(arrays, options).iterate(epoch))
    list.push({ x: await (batch.inputs as () => Promise<Fed>)(), batch });
  return list;
}
const orderOf = async (options: ArrayBatchOptions, epoch = 0, count = 10) =>
  (await read(numbered(count), options, epoch)).map(({ batch }) => numbersOf(batch.targets));

describe('batches', () => {
  test('hold each example once, with what belongs to it, the last one the rest', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 12 }),
        fc.boolean(),
        async (count, batchSize, shuffle) => {
          const all = await read(numbered(count), { batchSize, shuffle, seed: 3, keys: 'k/' });
          expect(all.map(({ batch }) => numbersOf(batch.targets).length)).toEqual(
            Array.from({ length: Math.ceil(count / batchSize) }, (_, i) =>
              Math.min(batchSize, count - i * batchSize),
            ),
          );
          const seen = all.flatMap(({ x, batch }) => {
            const numbers = numbersOf(batch.targets);
            expect(numbersOf(x)).toEqual(numbers.flatMap((n) => [n, n]));
            expect(numbersOf((batch.weights as Record<string, Tensor>).only)).toEqual(numbers.map((n) => -n));
            expect(batch.keys).toEqual(numbers.map((n) => `k/${n}`));
            return numbers;
          });
          expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
        },
      ),
    );
  });

  test('come in their order, or in one of the seed and the epoch', async () => {
    expect(await orderOf({ batchSize: 4 }, 3)).toEqual([
      [0, 1, 2, 3],
      [4, 5, 6, 7],
      [8, 9],
    ]);
    const shuffled = { batchSize: 10, shuffle: true };
    const orders = await Promise.all([
      orderOf({ ...shuffled, seed: 1 }, 0),
      orderOf({ ...shuffled, seed: 1 }, 0),
      orderOf({ ...shuffled, seed: 1 }, 1),
      orderOf({ ...shuffled, seed: 2 }, 0),
    ]);
    expect(orders[0]).toEqual(orders[1]);
    expect(new Set(orders.map((order) => order.join())).size).toBe(3);
  });

  test('are copies: what a batch does with its memory leaves the examples as they are', async () => {
    const arrays = numbered(6);
    for (const shuffle of [false, true]) {
      for (const { x, batch } of await read(arrays, { batchSize: 6, shuffle }))
        for (const part of [x, batch.targets]) ((part as Tensor).data as Float32Array).fill(99);
    }
    expect(arrays).toEqual(numbered(6));
  });

  test('take lists and records of inputs, and know how many they are', async () => {
    const [a, b] = [floats([1, 2, 3]), floats([4, 5, 6])];
    const [list] = await read({ x: [a, b] }, { batchSize: 2 });
    expect(list!.x).toEqual([floats([1, 2]), floats([4, 5])]);
    const [record] = await read({ x: { a, b } }, { batchSize: 2 });
    expect(record!.x).toEqual({ a: floats([1, 2]), b: floats([4, 5]) });
    const { batch } = record!;
    expect(batch).toMatchObject({ targets: [] });
    expect(batch.keys).toBeUndefined();
    expect(arrayBatches({ x: a }, { batchSize: 2 }).cardinality).toBe(2);
  });
});

test('keys of one call are not those of another', () => {
  const [a, b] = [ownKeys(), ownKeys()];
  expect(a.startsWith(b) || b.startsWith(a)).toBe(false);
});

describe('a split', () => {
  test('keeps the last share of all that belongs together, not copied', () => {
    const arrays = numbered(10);
    const { training, validation } = splitArrays(arrays, 0.25);
    expect([countOf(training), countOf(validation)]).toEqual([7, 3]);
    expect(numbersOf(validation.y)).toEqual([7, 8, 9]);
    expect(numbersOf((validation.sampleWeight as Record<string, Tensor>).only)).toEqual([-7, -8, -9]);
    expect((training.x as Tensor).data.buffer).toBe((arrays.x as Tensor).data.buffer);
    expect(splitArrays({ x: floats([1, 2]) }, 0.5)).toEqual({
      training: { x: floats([1]), y: undefined, sampleWeight: undefined },
      validation: { x: floats([2]), y: undefined, sampleWeight: undefined },
    });
  });

  test.each([0, 1, -0.1, 1.5, Number.NaN, 0.99])('leaves examples on both sides, not %d', (share) => {
    expect(() => splitArrays(numbered(10), share)).toThrow(UsageError);
  });
});

describe('refuses', () => {
  test('other counts of examples, and what is no tensor', () => {
    const x = floats([1, 2, 3]);
    expect(() => countOf({ x, y: floats([1, 2]) })).toThrow(ShapeError);
    expect(() => countOf({ x, y: floats([1, 2]) })).toThrow('one number of examples, got [3], [2]');
    expect(() => countOf({ x: floats([1], []) })).toThrow(ShapeError);
    for (const wrong of [[], [1, 2], { a: 1 }, x.data])
      expect(() => countOf({ x: wrong as unknown as Fed })).toThrow(UsageError);
  });

  test.each([0, -1, 1.5, Number.NaN])('a batch of %d', (batchSize) => {
    expect(() => arrayBatches(numbered(3), { batchSize })).toThrow(
      `batchSize must be a whole number above 0, got ${batchSize}`,
    );
  });
});
