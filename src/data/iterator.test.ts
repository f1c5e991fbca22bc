import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { Dataset } from './dataset.ts';

const unhandled: unknown[] = [];
const note = (reason: unknown): void => void unhandled.push(reason);
beforeAll(() => void process.on('unhandledRejection', note));
afterAll(() => void process.off('unhandledRejection', note));

/** A source that says how many are open, and a map that says how many calls run. */
function watched() {
  const seen = { open: 0, opened: 0, running: 0, calls: 0 };
  const source = (count: number): Dataset<number> =>
    Dataset.fromGenerator(async function* () {
      seen.open++;
      seen.opened++;
      try {
        for (let i = 0; i < count; i++) {
          await undefined;
          yield i;
        }
      } finally {
        seen.open--;
      }
    });
  const slow = async (n: number): Promise<number> => {
    seen.running++;
    seen.calls++;
    await wait(1);
    seen.running--;
    if (n % 10 === 9) throw new Error('nine');
    return n;
  };
  return { seen, source, slow };
}

type Watched = ReturnType<typeof watched>;
const pipelines: Record<string, (w: Watched) => Dataset<unknown>> = {
  'map, batch, prefetch': ({ source, slow }) =>
    source(100).map(slow, { numParallelCalls: 4 }).batch(3).prefetch(2),
  'shuffle, map out of order': ({ source, slow }) =>
    source(100).shuffle(20, { seed: 1 }).map(slow, { numParallelCalls: 4, deterministic: false }),
  'interleave in order': ({ source, slow }) =>
    source(20)
      .interleave((n) => source(n + 1).map(slow), { cycleLength: 4, blockLength: 2, numParallelCalls: 3 })
      .prefetch(2),
  'interleave, sloppy': ({ source, slow }) =>
    source(20).parallelInterleave((n) => source(n + 1).map(slow), { cycleLength: 4, sloppy: true }),
  'flatMap, repeat': ({ source, slow }) =>
    source(3)
      .flatMap(() => source(3).map(slow))
      .repeat(),
  'zip, concatenate': ({ source, slow }) =>
    Dataset.zip([source(5), source(5).map(slow, { numParallelCalls: 3 })]).concatenate(source(5)),
  'sampleFromDatasets, cache': ({ source, slow }) =>
    Dataset.sampleFromDatasets([source(9), source(9).map(slow).prefetch(3)], { seed: 1 }).cache(),
};

describe.each(Object.entries(pipelines))('%s', (_, build) => {
  test('a break ends all work behind it', async () => {
    const w = watched();
    for await (const element of build(w)) {
      expect(element).toBeDefined();
      break;
    }
    const { calls } = w.seen;
    expect(w.seen).toMatchObject({ open: 0, running: 0 });
    expect(w.seen.opened).toBeGreaterThan(0);
    await wait(5);
    expect(w.seen.calls).toBe(calls);
  });

  test('so does a failure of whoever reads', async () => {
    const w = watched();
    const reading = build(w).forEach(() => {
      throw new RangeError('the reader’s own');
    });
    await expect(reading).rejects.toThrow('the reader’s own');
    expect(w.seen).toMatchObject({ open: 0, running: 0 });
  });

  test('so does an abort, whose reason is told at once', async () => {
    const w = watched();
    const ending = new AbortController();
    const iterator = build(w).iterator({ signal: ending.signal });
    const reason = new Error('enough');
    const waiting = iterator.next();
    ending.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(iterator.next()).rejects.toBe(reason);
    await iterator.return();
    expect(w.seen).toMatchObject({ open: 0, running: 0 });
  });

  test('so does reading to the end, or to a failure', async () => {
    const w = watched();
    await build(w)
      .take(40)
      .toArray()
      .catch(() => {});
    expect(w.seen).toMatchObject({ open: 0, running: 0 });
  });
});

test('none of that left a rejection behind', async () => {
  await wait(5);
  expect(unhandled).toEqual([]);
});

test('an abort is told though a function never ends', async () => {
  const ending = new AbortController();
  const dataset = Dataset.range(3).map(() => new Promise<number>(() => {}));
  const waiting = dataset.iterator({ signal: ending.signal }).next();
  ending.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});

test('an iterator that was never asked opens nothing', async () => {
  const { seen, source } = watched();
  await source(3).iterate().return?.();
  expect(seen.opened).toBe(0);
});

test('calls that do not wait for one another get elements in order', async () => {
  const iterator = Dataset.range(4)
    .map(async (n) => n, { numParallelCalls: 2 })
    .iterate();
  const items = await Promise.all([1, 2, 3, 4, 5, 6].map(() => iterator.next()));
  expect(items.map(({ value }) => value)).toEqual([0, 1, 2, 3, undefined, undefined]);
});

describe('a state', () => {
  test('is small where the source is indexed, whatever was read', async () => {
    const dataset = Dataset.range(100_000)
      .shuffle(50_000, { seed: 1 })
      .map(async (n) => n, { numParallelCalls: 16 })
      .batch(32)
      .repeat()
      .prefetch(4);
    const iterator = dataset.iterator();
    for (let i = 0; i < 2000; i++) await iterator.next();
    const state = JSON.stringify(iterator.save());
    await iterator.return();
    expect(state.length).toBeLessThan(300);
    const rest = dataset.iterator({ state: JSON.parse(state) });
    const next = await rest.next();
    await rest.return();
    let found: unknown;
    await dataset
      .skip(2000)
      .take(1)
      .iterate(0)
      .next()
      .then(({ value }) => {
        found = value;
      });
    expect(next.value).toEqual(found);
  });

  test('is taken up without computing again what was given', async () => {
    const called: number[] = [];
    const make = () =>
      Dataset.range(1000).map((n) => {
        called.push(n);
        return n;
      });
    const iterator = make().shuffle(10, { seed: 1 }).iterator({ epoch: 0 });
    for (let i = 0; i < 500; i++) await iterator.next();
    const state = iterator.save();
    called.length = 0;
    const rest = make().shuffle(10, { seed: 1 }).iterator({ state });
    await rest.next();
    expect(called.length).toBe(11); // the ten that were kept, and the next
    expect(Math.min(...called)).toBeGreaterThan(300);
  });

  test('belongs to the element that was given last, also while one is awaited and after the end', async () => {
    const dataset = Dataset.range(3).map(async (n) => n);
    const iterator = dataset.iterator({ epoch: 4 });
    expect(iterator.save()).toEqual({ epoch: 4, position: null });
    await iterator.next();
    const state = iterator.save();
    const waiting = iterator.next();
    expect(iterator.save()).toEqual(state);
    await waiting;
    await iterator.return();
    const rest = dataset.iterator({ state: iterator.save() });
    expect((await rest.next()).value).toBe(2);
    expect((await rest.next()).done).toBe(true);
    const end = dataset.iterator({ state: rest.save() });
    expect((await end.next()).done).toBe(true);
  });

  test.each([
    ['another step', Dataset.range(5).batch(2), "it has 'take' where this one has 'batch'"],
    [
      'another source',
      Dataset.fromGenerator(() => [1, 2]).take(3),
      "has 'source' where this one has 'fromGenerator'",
    ],
    ['a shorter source', Dataset.range(1).take(3), 'the source has 1'],
  ])('is refused by %s', async (_, other, message) => {
    const iterator = Dataset.range(5).take(3).iterator();
    await iterator.next();
    await iterator.next();
    const wrong = other.iterator({ state: iterator.save() }).next();
    await expect(wrong).rejects.toThrow(UsageError);
    await expect(other.iterator({ state: iterator.save() }).next()).rejects.toThrow(message);
  });

  test('of a generator that gives fewer this time is refused', async () => {
    let count = 5;
    const dataset = Dataset.fromGenerator(() => Array.from({ length: count }, (_, i) => i));
    const iterator = dataset.iterator({ epoch: 0 });
    for (let i = 0; i < 4; i++) await iterator.next();
    count = 2;
    await expect(dataset.iterator({ state: iterator.save() }).next()).rejects.toThrow(
      'the state was saved after 4 elements, and only 2 came this time',
    );
  });

  test.each([
    ['map', Dataset.range(9).map(async (n) => n, { numParallelCalls: 2, deterministic: false })],
    [
      'filter',
      Dataset.range(9)
        .filter(async () => true, { numParallelCalls: 2 })
        .withOptions({ deterministic: false }),
    ],
    [
      'interleave',
      Dataset.range(9).interleave((n) => Dataset.range(n), {
        cycleLength: 2,
        numParallelCalls: 2,
        deterministic: false,
      }),
    ],
    [
      'parallelInterleave',
      Dataset.range(9).parallelInterleave((n) => Dataset.range(n), { cycleLength: 2, sloppy: true }),
    ],
  ])('is not there where %s keeps no order, which is said by name', async (step, dataset) => {
    const iterator = dataset.batch(2).prefetch(1).iterator();
    await iterator.next();
    expect(() => iterator.save()).toThrow(`${step} has deterministic: false`);
    expect(() => iterator.save()).toThrow(UsageError);
    await iterator.return();
  });

  test('needs an iterator of iterator(), and fits one epoch', async () => {
    const dataset = Dataset.range(3);
    const plain = dataset.iterate() as ReturnType<typeof dataset.iterator>;
    expect(() => plain.save()).toThrow('open the pass by dataset.iterator()');
    const state = dataset.iterator({ epoch: 2 }).save();
    expect(() => dataset.iterator({ state, epoch: 3 })).toThrow(
      'the state is of epoch 2, and epoch 3 is asked for',
    );
  });
});
