import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { floats, scalar, type Tensor, tensor } from '../core/tensor.ts';
import { Dataset } from './dataset.ts';
import { ElementError, IgnoredErrors } from './errors.ts';
import { AUTOTUNE } from './limits.ts';

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);
const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** Pearson's statistic of counts that should be as expected. */
function chiSquare(counts: readonly number[], expected: readonly number[]): number {
  return counts.reduce((sum, count, i) => sum + (count - expected[i]!) ** 2 / expected[i]!, 0);
}

describe('errors name the element and the step', () => {
  test.each([
    [
      'map: element 1 (b.png): no',
      Dataset.fromArray(['a.png', 'b.png']).map((path) => {
        if (path === 'b.png') throw new Error('no');
        return path;
      }),
    ],
    [
      'map: element 1 (b.png): no',
      Dataset.fromArray([{ path: 'a.png' }, { path: 'b.png' }]).map(
        async ({ path }) => {
          if (path === 'b.png') throw new Error('no');
          return path;
        },
        { numParallelCalls: 2 },
      ),
    ],
    ['map: element 0: the function gave undefined', Dataset.range(3).map(() => undefined)],
    ['map: element 0: the function gave undefined', Dataset.range(3).map(async () => undefined)],
    [
      'filter: element 0: the function must say true or false, got 0',
      Dataset.range(3).filter((n) => n as never),
    ],
    [
      'takeWhile: element 0: the function must say true or false',
      Dataset.range(3).takeWhile(() => undefined as never),
    ],
    [
      'flatMap: element 0: the function must give a Dataset, got 1,2',
      Dataset.range(3).flatMap(() => [1, 2] as never),
    ],
    [
      'interleave: element 1: oh',
      Dataset.range(3).interleave(
        (n) => {
          if (n === 1) throw new Error('oh');
          return Dataset.range(n);
        },
        { cycleLength: 2, numParallelCalls: 2 },
      ),
    ],
    [
      'fromGenerator: element 2: gone',
      Dataset.fromGenerator(function* () {
        yield 1;
        yield 2;
        throw new Error('gone');
      }),
    ],
    [
      'batch: element 3: it is float32[3], and the first of its batch is float32[2]',
      Dataset.fromArray([2, 2, 2, 3])
        .map((n) => floats(numbers(n)))
        .batch(2),
    ],
    [
      'batch: element 1: image.left is int32[1], and the first of its batch is float32[1]',
      Dataset.fromArray<unknown>([
        { image: { left: floats([1]) } },
        { image: { left: tensor('int32', [1], Int32Array.of(1)) } },
      ]).batch(2),
    ],
    [
      'batch: element 1 (x): it is a record of path, and the first of its batch is a record of path, image',
      Dataset.fromArray<unknown>([{ path: 'w', image: floats([1]) }, { path: 'x' }]).batch(2),
    ],
    ['unbatch: element 1: unbatch: the tensor is number', Dataset.fromArray<unknown>([[1], 2]).unbatch()],
  ] as [string, Dataset<unknown>][])('%s', async (message, dataset) => {
    const error = await dataset.toArray().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ElementError);
    expect((error as Error).message).toContain(message);
  });

  test('a step goes on behind a failed element, and counts it', async () => {
    const ignored = new IgnoredErrors(2);
    const dataset = Dataset.range(10)
      .map((n) => {
        if (n % 3 === 1) throw new Error(`bad ${n}`);
        return n;
      })
      .ignoreErrors({ into: ignored });
    expect(await dataset.toArray()).toEqual([0, 2, 3, 5, 6, 8, 9]);
    expect(ignored.count).toBe(3);
    expect(ignored.errors.map(String)).toEqual([
      'ElementError: map: element 1: bad 1',
      'ElementError: map: element 4: bad 4',
    ]);
  });

  test('a wrong call is not ignored', async () => {
    const dataset = Dataset.range(3).map(() => {
      throw new UsageError('meant otherwise');
    });
    await expect(dataset.ignoreErrors().toArray()).rejects.toThrow('meant otherwise');
  });
});

describe('batch', () => {
  test('puts tensors together, in tuples and records too', async () => {
    const element = (n: number) => ({ image: floats([n, -n]), about: [scalar(n), `file ${n}`] as const, n });
    const [first, last] = await Dataset.range(3).map(element).batch(2).toArray();
    expect(first).toEqual({
      image: tensor('float32', [2, 2], Float32Array.of(0, -0, 1, -1)),
      about: [floats([0, 1]), ['file 0', 'file 1']],
      n: [0, 1],
    });
    expect(last!.image.shape).toEqual([1, 2]);
    const typed: Tensor<'float32'> = first!.about[0];
    expect(typed.dtype).toBe('float32');
  });

  test('makes lists of what holds no tensor', async () => {
    expect(
      await Dataset.fromArray([{ a: 1 }, { a: 2 }])
        .batch(2)
        .toArray(),
    ).toEqual([[{ a: 1 }, { a: 2 }]]);
    expect(
      await Dataset.fromArray([[1, 2], [3]])
        .batch(2)
        .toArray(),
    ).toEqual([[[1, 2], [3]]]);
  });

  test('takes a size that no memory would hold', async () => {
    expect(await Dataset.range(3).batch(1e9).shuffle(1e9, { seed: 1 }).prefetch(1e9).toArray()).toEqual([
      [0, 1, 2],
    ]);
    const cycle = Dataset.range(3).interleave((n) => Dataset.range(n), {
      cycleLength: 1e9,
      numParallelCalls: 1e9,
    });
    expect(await cycle.toArray()).toEqual([0, 0, 1]);
  });

  const leaf = fc.oneof(
    fc.integer().map((n) => floats([n, n / 2])),
    fc.constant('text'),
    fc.nat(),
    fc.constant([1, 2]),
  );
  const element = fc.oneof(leaf, fc.record({ a: leaf, b: fc.tuple(leaf, leaf) }), fc.tuple(leaf, leaf));

  test('then unbatch is identity', async () => {
    await fc.assert(
      fc.asyncProperty(element, fc.nat(9), fc.integer({ min: 1, max: 4 }), async (like, count, size) => {
        const elements = numbers(count).map(() => like);
        expect(await Dataset.fromArray<unknown>(elements).batch(size).unbatch().toArray()).toEqual(elements);
        expect(await Dataset.fromArray<unknown>(elements).batch(3).rebatch(size).unbatch().toArray()).toEqual(
          elements,
        );
      }),
    );
  });
});

test('fromTensorSlices cuts lists, and tuples of tensors and lists', async () => {
  expect(await Dataset.fromTensorSlices({ path: ['a', 'b'], label: [0, 1] }).toArray()).toEqual([
    { path: 'a', label: 0 },
    { path: 'b', label: 1 },
  ]);
  const [, [pixel, name]] = (await Dataset.fromTensorSlices([floats([1, 2]), ['a', 'b']]).toArray()) as [
    unknown,
    [Tensor, string],
  ];
  expect([pixel, name]).toEqual([scalar(2), 'b']);
  expect(() => Dataset.fromTensorSlices({ path: ['a'], label: [0, 1] })).toThrow(
    'got path a list of 1 and label a list of 2',
  );
});

describe('elementSpec', () => {
  test('tells what elements are like, and that a batch may be smaller', async () => {
    const dataset = Dataset.range(5).map((n) => ({
      image: floats([n, n], [1, 2]),
      label: n,
      path: 'x',
      tags: ['a', 'b'],
    }));
    expect(await dataset.shuffle(3, { seed: 1 }).elementSpec()).toEqual({
      image: { dtype: 'float32', shape: [1, 2] },
      label: 'number',
      path: 'string',
      tags: 'string[]',
    });
    expect(await dataset.batch(2).prefetch(1).elementSpec()).toMatchObject({
      image: { dtype: 'float32', shape: ['batch', 1, 2] },
      label: 'number[]',
    });
    expect(await dataset.batch(2, { dropRemainder: true }).elementSpec()).toMatchObject({
      image: { shape: [2, 1, 2] },
    });
    expect(await Dataset.range(0).elementSpec()).toBeUndefined();
  });
});

describe('at random', () => {
  test('every order of a small shuffle is as likely', async () => {
    const counts = new Map<string, number>();
    for (let seed = 0; seed < 2400; seed++) {
      const order = (await Dataset.range(4).shuffle(4, { seed }).toArray()).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    expect(chiSquare([...counts.values()], new Array(24).fill(100))).toBeLessThan(49.7); // p = 0.001, 23 degrees of freedom
  });

  test('a shuffle’s buffer bounds how early an element comes, and all come', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 50 }), fc.nat(), async (count, size, seed) => {
        const order = await Dataset.range(count).shuffle(size, { seed }).toArray();
        expect(sorted(order)).toEqual(numbers(count));
        order.forEach((element, place) => {
          expect(element).toBeLessThan(place + size);
        });
      }),
    );
  });

  test('sampleFromDatasets chooses by the weights', async () => {
    const weights = [0.5, 0.3, 0.2, 0];
    const sources = weights.map((_, i) =>
      Dataset.range(1)
        .repeat()
        .map(() => i),
    );
    const found = await Dataset.sampleFromDatasets(sources, { weights, seed: 5 }).take(5000).toArray();
    const counts = weights.map((_, i) => found.filter((n) => n === i).length);
    expect(counts[3]).toBe(0);
    expect(chiSquare(counts.slice(0, 3), [2500, 1500, 1000])).toBeLessThan(13.8); // p = 0.001, 2 degrees of freedom
  });

  test('sampleFromDatasets gives all elements, each dataset’s in order, unless it stops with the first', async () => {
    const sources = [Dataset.range(0, 30), Dataset.range(100, 110)];
    const all = await Dataset.sampleFromDatasets(sources, { seed: 1 }).toArray();
    expect(all.filter((n) => n < 100)).toEqual(numbers(30));
    expect(all.filter((n) => n >= 100)).toEqual(numbers(10).map((n) => n + 100));
    const some = await Dataset.sampleFromDatasets(sources, { seed: 1, stopOnEmptyDataset: true }).toArray();
    expect(some).toEqual(all.slice(0, some.length));
    expect(some.length).toBeLessThan(40);
  });
});

describe('in parallel', () => {
  test('no more calls than allowed run, and threads bound them all', async () => {
    for (const [options, threads, expected] of [
      [{ numParallelCalls: 5 }, undefined, 5],
      [{ numParallelCalls: 5, deterministic: false }, undefined, 5],
      [{ numParallelCalls: 5 }, 2, 2],
    ] as const) {
      let [running, most] = [0, 0];
      const dataset = Dataset.range(40).map(async (n) => {
        most = Math.max(most, ++running);
        await wait(n % 3);
        running--;
        return n;
      }, options);
      expect(sorted(await dataset.withOptions({ threads }).toArray())).toEqual(numbers(40));
      expect(most).toBe(expected);
    }
  });

  test('without order, what is ready comes first', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const dataset = Dataset.range(3).map(
      async (n) => {
        if (n === 0) await gate;
        return n;
      },
      { numParallelCalls: 2, deterministic: false },
    );
    const found: number[] = [];
    for await (const n of dataset) {
      found.push(n);
      if (found.length === 2) release();
    }
    expect(found).toEqual([1, 2, 0]);
  });

  test('an interleave has no more datasets at work than allowed, and keeps its order', async () => {
    let [running, most] = [0, 0];
    const inner = (n: number) =>
      Dataset.range(n * 10, n * 10 + (n % 4)).map(async (m) => {
        most = Math.max(most, ++running);
        await wait(1);
        running--;
        return m;
      });
    const make = (numParallelCalls: number) =>
      Dataset.range(12).interleave(inner, { cycleLength: 5, blockLength: 2, numParallelCalls }).toArray();
    const alone = await make(1);
    expect(most).toBe(1);
    expect(await make(3)).toEqual(alone);
    expect(most).toBe(3);
  });

  test('a sloppy interleave passes over what is not ready, and gives all', async () => {
    const dataset = Dataset.range(4).parallelInterleave(
      (n) =>
        Dataset.range(n * 10, n * 10 + 3).map(async (m) => {
          await wait(n === 0 ? 30 : 0);
          return m;
        }),
      { cycleLength: 4, sloppy: true },
    );
    const found = await dataset.toArray();
    expect(sorted(found)).toEqual([0, 1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32]);
    expect(found.indexOf(0)).toBeGreaterThan(0);
    expect(found.filter((n) => n >= 10 && n < 20)).toEqual([10, 11, 12]);
  });

  test('AUTOTUNE changes no order', async () => {
    const dataset = Dataset.range(200)
      .map(
        async (n) => {
          await wait(n % 3 === 0 ? 1 : 0);
          return n;
        },
        { numParallelCalls: AUTOTUNE },
      )
      .prefetch(AUTOTUNE);
    expect(await dataset.toArray()).toEqual(numbers(200));
  });
});

test('skip and shard do not compute what they leave out', async () => {
  const called: number[] = [];
  const dataset = Dataset.range(20).map((n) => {
    called.push(n);
    return n;
  });
  expect(await dataset.skip(15).shard(2, 1).toArray()).toEqual([16, 18]);
  expect(called).toEqual([16, 18]);
});

test('prefetch works ahead of a source that answers at once only when nothing else is to do', async () => {
  const called: number[] = [];
  const iterator = Dataset.range(9)
    .map((n) => {
      called.push(n);
      return n;
    })
    .prefetch(3)
    .iterate();
  await iterator.next();
  expect(called).toEqual([0]);
  for (let turns = 0; turns < 9; turns++) await turn();
  expect(called).toEqual([0, 1, 2, 3]);
  await iterator.return?.();
});

test('forEach waits for each call', async () => {
  const order: string[] = [];
  await Dataset.range(2).forEach(async (n, i) => {
    order.push(`${n} begins`);
    await wait(1);
    order.push(`${i} ends`);
  });
  expect(order).toEqual(['0 begins', '0 ends', '1 begins', '1 ends']);
});

test.each([
  ['range', () => Dataset.range(0, 5, 0)],
  ['range', () => Dataset.range(0.5)],
  ['shard: index', () => Dataset.range(5).shard(2, 2)],
  ['shard: numShards', () => Dataset.range(5).shard(0, 0)],
  ['interleave: cycleLength', () => Dataset.range(5).interleave(() => Dataset.range(1), { cycleLength: 0 })],
  [
    'interleave: blockLength',
    () => Dataset.range(5).interleave(() => Dataset.range(1), { cycleLength: 1, blockLength: 0 }),
  ],
  [
    'parallelInterleave: bufferOutputElements',
    () =>
      Dataset.range(5).parallelInterleave(() => Dataset.range(1), {
        cycleLength: 1,
        bufferOutputElements: 0,
      }),
  ],
  ['mapAndBatch: batchSize', () => Dataset.range(5).mapAndBatch((n) => n, { batchSize: 0 })],
  ['prefetch: bufferSize', () => Dataset.range(5).prefetch('all' as never)],
  ['withOptions: threads', () => Dataset.range(5).withOptions({ threads: 0 })],
  ['enumerate: start', () => Dataset.range(5).enumerate(-1)],
  ['zip', () => Dataset.zip([])],
  ['zip', () => Dataset.zip([[1, 2]] as never)],
  ['concatenate', () => Dataset.range(1).concatenate([1] as never)],
  [
    'sampleFromDatasets: weights',
    () => Dataset.sampleFromDatasets([Dataset.range(1)], { seed: 1, weights: [0] }),
  ],
  [
    'sampleFromDatasets: weights',
    () => Dataset.sampleFromDatasets([Dataset.range(1)], { seed: 1, weights: [1, 1] }),
  ],
  ['cache', () => Dataset.range(1).cache('')],
  ['IgnoredErrors', () => new IgnoredErrors(-1)],
])('%s refuses what makes no sense, at once', (what, call) => {
  expect(call).toThrow(UsageError);
  expect(call).toThrow(what);
});

test('a generator must give something to iterate over', async () => {
  await expect(Dataset.fromGenerator(() => 5 as never).toArray()).rejects.toThrow(UsageError);
});

test('the project’s own errors pass through every step as they are', async () => {
  const own = new DataError('a.jpeg: damaged');
  const dataset = Dataset.range(2)
    .map(() => Promise.reject<number>(own))
    .shuffle(2, { seed: 1 })
    .batch(2)
    .prefetch(1);
  await expect(dataset.toArray()).rejects.toBe(own);
});
