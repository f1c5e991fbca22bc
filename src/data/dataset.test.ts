import { setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { floats, tensor } from '../core/tensor.ts';
import { Dataset } from './dataset.ts';
import { ElementError } from './errors.ts';

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const range = (count: number): Dataset<number> => Dataset.fromArray(numbers(count));

async function collect<T>(elements: AsyncIterable<T>): Promise<T[]> {
  const result: T[] = [];
  for await (const element of elements) result.push(element);
  return result;
}

/** A source that says how many elements were asked of it, and whether it was closed. */
function observed(count: number) {
  const seen = { made: 0, closed: 0 };
  const dataset = Dataset.fromGenerator(
    async function* () {
      try {
        for (; seen.made < count; seen.made++) yield seen.made;
      } finally {
        seen.closed++;
      }
    },
    { cardinality: count },
  );
  return { seen, dataset };
}

test('a dataset can be read again and again', async () => {
  const dataset = range(5).map((n) => n * n);
  expect(await dataset.toArray()).toEqual([0, 1, 4, 9, 16]);
  expect(await dataset.toArray()).toEqual([0, 1, 4, 9, 16]);
});

describe('map', () => {
  test('keeps the order, whatever call ends first, and never runs more calls than allowed', async () => {
    let running = 0;
    let most = 0;
    const dataset = range(20).map(
      async (n) => {
        most = Math.max(most, ++running);
        await wait((n * 7) % 5);
        running--;
        return n;
      },
      { numParallelCalls: 4 },
    );
    expect(await dataset.toArray()).toEqual(numbers(20));
    expect(most).toBe(4);
  });

  test('a failure names the element and comes after the elements before it', async () => {
    const given: number[] = [];
    const cause = new TypeError('no such thing');
    const dataset = range(10).map(
      (n) => {
        if (n === 3) throw cause;
        return n;
      },
      { numParallelCalls: 8 },
    );
    const error = await (async () => {
      for await (const n of dataset) given.push(n);
    })().catch((caught: unknown) => caught);
    expect(given).toEqual([0, 1, 2]);
    expect(error).toBeInstanceOf(ElementError);
    expect(error).toMatchObject({ element: 3, cause, message: 'map: element 3: no such thing' });
  });

  test("the project's own errors, which name their subject, pass as they are", async () => {
    const own = new DataError('a.jpeg: damaged');
    const dataset = range(3).map(() => Promise.reject<number>(own));
    await expect(dataset.toArray()).rejects.toBe(own);
  });

  test('a failure of the source comes after the elements before it', async () => {
    const given: number[] = [];
    const source = Dataset.fromGenerator(function* () {
      yield 1;
      yield 2;
      throw new DataError('the source ended');
    });
    const read = async (): Promise<void> => {
      for await (const n of source.map((n) => n, { numParallelCalls: 5 })) given.push(n);
    };
    await expect(read()).rejects.toThrow('the source ended');
    expect(given).toEqual([1, 2]);
  });
});

describe('shuffle', () => {
  test('gives each element once, for any buffer', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(30),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(),
        async (count, bufferSize, seed) => {
          const shuffled = await range(count).shuffle(bufferSize, { seed }).toArray();
          expect(shuffled.toSorted((a, b) => a - b)).toEqual(numbers(count));
        },
      ),
    );
  });

  test('an element comes at most a buffer early', async () => {
    const shuffled = await range(100).shuffle(10, { seed: 3 }).toArray();
    expect(shuffled.every((element, position) => element < position + 10)).toBe(true);
    expect(shuffled).not.toEqual(numbers(100));
  });

  test('the seed and the epoch give the order, so a later epoch can be opened directly', async () => {
    const make = (): Dataset<number> => range(50).shuffle(50, { seed: 7 });
    const dataset = make();
    const epochs = [await dataset.toArray(), await dataset.toArray(), await dataset.toArray()];
    expect(epochs[1]).not.toEqual(epochs[0]);
    expect(await collect(make().iterate(2))).toEqual(epochs[2]);
    expect(await range(50).shuffle(50, { seed: 8 }).toArray()).not.toEqual(epochs[0]);
  });

  test('without reshuffling every epoch has the same order', async () => {
    const dataset = range(50).shuffle(50, { seed: 7, reshuffleEachIteration: false });
    expect(await dataset.toArray()).toEqual(await dataset.toArray());
  });

  test('every place is as likely for an element', async () => {
    const counts = new Array<number>(5).fill(0);
    for (let seed = 0; seed < 1000; seed++) {
      const shuffled = await range(5).shuffle(5, { seed }).toArray();
      counts[shuffled.indexOf(0)]! += 1;
    }
    for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(60); // 4.7 standard deviations
  });
});

describe('batch', () => {
  test('gives a last batch that is not full, or drops it', async () => {
    expect(await range(5).batch(2).toArray()).toEqual([[0, 1], [2, 3], [4]]);
    expect(await range(5).batch(2, { dropRemainder: true }).toArray()).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(await range(4).batch(2).toArray()).toHaveLength(2);
    expect(await range(0).batch(2).toArray()).toEqual([]);
  });
});

describe('repeat', () => {
  test('reads the source again, shuffled anew', async () => {
    const shuffled = range(20).shuffle(20, { seed: 1 });
    const twice = await shuffled.repeat(2).toArray();
    expect(twice).toEqual([...(await collect(shuffled.iterate(0))), ...(await collect(shuffled.iterate(1)))]);
    expect(await collect(shuffled.repeat(2).iterate(1))).toEqual([
      ...(await collect(shuffled.iterate(2))),
      ...(await collect(shuffled.iterate(3))),
    ]);
  });

  test('runs without end, but not on nothing', async () => {
    expect(await range(3).repeat().take(7).toArray()).toEqual([0, 1, 2, 0, 1, 2, 0]);
    expect(await range(0).repeat().toArray()).toEqual([]);
  });
});

describe('take and skip', () => {
  test('divide a dataset', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(12), fc.nat(15), async (count, at) => {
        const parts = [await range(count).take(at).toArray(), await range(count).skip(at).toArray()];
        expect(parts.flat()).toEqual(numbers(count));
        expect(parts[0]).toHaveLength(Math.min(count, at));
      }),
    );
  });

  test('take closes what it reads from', async () => {
    const { dataset, seen } = observed(100);
    await dataset.take(3).toArray();
    expect(seen.closed).toBe(1);
    expect(seen.made).toBe(2);
  });
});

describe('prefetch', () => {
  test('works ahead while nobody asks, by as much as it may', async () => {
    const { dataset, seen } = observed(100);
    const iterator = dataset.prefetch(3)[Symbol.asyncIterator]();
    expect((await iterator.next()).value).toBe(0);
    await wait(5);
    expect(seen.made).toBe(3); // the fourth element is being held
    expect((await iterator.next()).value).toBe(1);
    await iterator.return?.();
  });

  test('keeps order and end', async () => {
    expect(await range(10).prefetch(4).toArray()).toEqual(numbers(10));
    expect(await range(2).prefetch(4).toArray()).toEqual([0, 1]);
  });

  test('a failure ahead comes in its turn', async () => {
    const given: number[] = [];
    const dataset = range(5)
      .map((n) => {
        if (n === 2) throw new DataError('bad element');
        return n;
      })
      .prefetch(5);
    const read = async (): Promise<void> => {
      for await (const n of dataset) given.push(n);
    };
    await expect(read()).rejects.toThrow('bad element');
    expect(given).toEqual([0, 1]);
  });
});

test('stopping early ends all work behind before the loop is left, failures ahead included', async () => {
  const { dataset, seen } = observed(1000);
  let running = 0;
  const batches = dataset
    .map(
      async (n) => {
        running++;
        await wait(1);
        running--;
        if (n > 4) throw new Error('ahead of what was read');
        return n;
      },
      { numParallelCalls: 8 },
    )
    .batch(2)
    .prefetch(2);
  for await (const batch of batches) {
    expect(batch).toEqual([0, 1]);
    break;
  }
  const { made } = seen;
  expect(running).toBe(0);
  expect(seen.closed).toBe(1);
  await wait(10);
  expect(seen.made).toBe(made);
});

describe('fromTensorSlices', () => {
  const images = tensor('uint8', [2, 3], Uint8Array.of(1, 2, 3, 4, 5, 6));

  test('cuts a tensor', async () => {
    const [first, second] = await Dataset.fromTensorSlices(images).toArray();
    expect(first).toEqual({ dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 3) });
    expect(second!.data).toEqual(Uint8Array.of(4, 5, 6));
  });

  test('cuts tensors by name', async () => {
    const [, second] = await Dataset.fromTensorSlices({ images, labels: floats([7, 8]) }).toArray();
    expect(second!.labels).toEqual({ dtype: 'float32', shape: [], data: Float32Array.of(8) });
    expect(second!.images.data).toEqual(Uint8Array.of(4, 5, 6));
  });

  test('refuses what does not fit together', () => {
    expect(() => Dataset.fromTensorSlices({ images, labels: floats([1, 2, 3]) })).toThrow(
      'first axes must agree, got images [2, 3] and labels [3]',
    );
    expect(() => Dataset.fromTensorSlices(floats([1], []))).toThrow('is a scalar');
    expect(() => Dataset.fromTensorSlices({})).toThrow(UsageError);
  });
});

test('the cardinality is what a pass gives', async () => {
  const unknown = Dataset.fromGenerator(() => [1, 2, 3]);
  expect(unknown.cardinality).toBeUndefined();
  expect(unknown.batch(2).repeat(3).cardinality).toBeUndefined();
  expect(range(5).repeat().cardinality).toBe(Number.POSITIVE_INFINITY);
  expect(range(0).repeat().cardinality).toBe(0);
  for (const dataset of [
    range(5).batch(2),
    range(5).batch(2, { dropRemainder: true }),
    range(5).repeat(3).skip(2),
    range(5).skip(7),
    range(5).shuffle(2, { seed: 0 }).take(9).prefetch(1),
    range(5).repeat(0),
    range(5).map((n) => n),
  ]) {
    expect(await collect<unknown>(dataset)).toHaveLength(dataset.cardinality!);
  }
});

test.each([
  ['batch', () => range(1).batch(0)],
  ['shuffle: bufferSize', () => range(1).shuffle(0, { seed: 1 })],
  ['shuffle: seed', () => range(1).shuffle(1, { seed: 0.5 })],
  ['take', () => range(1).take(-1)],
  ['skip', () => range(1).skip(Number.NaN)],
  ['repeat', () => range(1).repeat(1.5)],
  ['prefetch', () => range(1).prefetch(0)],
  ['map: numParallelCalls', () => range(1).map((n) => n, { numParallelCalls: 0 })],
])('%s refuses a count that makes no sense, at once', (what, call) => {
  expect(call).toThrow(UsageError);
  expect(call).toThrow(what);
});
