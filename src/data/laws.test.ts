import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Dataset } from './dataset.ts';
import { IgnoredErrors } from './errors.ts';
import type { IteratorState } from './iterator.ts';
import { AUTOTUNE } from './limits.ts';

type Numbers = Dataset<number>;
/** A pipeline is drawn as functions that build it, so that each reading has one of its own, as another process would. */
type Build = () => Numbers;
type Step = { readonly name: string; readonly apply: (source: Numbers) => Numbers };

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const later = async (n: number): Promise<number> => {
  for (let i = 0; i < n % 4; i++) await undefined;
  return n;
};

const parallel = fc.constantFrom(1, 2, 5, AUTOTUNE);
const seed = fc.nat(1000);

const source: fc.Arbitrary<{ name: string; build: Build }> = fc.oneof(
  fc.constantFrom(0, 1, 12, 30).map((n) => ({ name: `range(${n})`, build: () => Dataset.range(n) })),
  fc.constantFrom(0, 3, 20).map((n) => ({
    name: `generator of ${n}`,
    build: () => Dataset.fromGenerator((epoch) => numbers(n).map((i) => i + epoch)),
  })),
  fc.constantFrom(1, 16).map((n) => ({
    name: `async generator of ${n}`,
    build: () =>
      Dataset.fromGenerator(async function* (epoch) {
        for (const i of numbers(n)) yield later(i + epoch);
      }),
  })),
);

const inner = (n: number): Numbers => Dataset.range(n, n + (n % 6));

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.constant({ name: 'map', apply: (d: Numbers) => d.map((n) => n + 1) }),
  parallel.map((numParallelCalls) => ({
    name: `map ${numParallelCalls}`,
    apply: (d: Numbers) => d.map(later, { numParallelCalls }),
  })),
  parallel.map((numParallelCalls) => ({
    name: `filter ${numParallelCalls}`,
    apply: (d: Numbers) => d.filter(async (n) => (await later(n)) % 3 > 0, { numParallelCalls }),
  })),
  fc.nat(25).map((count) => ({ name: `take ${count}`, apply: (d: Numbers) => d.take(count) })),
  fc.nat(12).map((count) => ({ name: `skip ${count}`, apply: (d: Numbers) => d.skip(count) })),
  fc.constant({ name: 'takeWhile', apply: (d: Numbers) => d.takeWhile((n) => n !== 17) }),
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.nat(3)).map(([shards, index]) => ({
    name: `shard ${shards}`,
    apply: (d: Numbers) => d.shard(shards, index % shards),
  })),
  fc.tuple(fc.integer({ min: 1, max: 30 }), seed).map(([size, seed]) => ({
    name: `shuffle ${size}`,
    apply: (d: Numbers) => d.shuffle(size, { seed }),
  })),
  fc.nat(3).map((count) => ({ name: `repeat ${count}`, apply: (d: Numbers) => d.take(20).repeat(count) })),
  fc.integer({ min: 1, max: 6 }).map((size) => ({
    name: `batch ${size}, unbatch`,
    apply: (d: Numbers) => d.batch(size).unbatch(),
  })),
  fc.integer({ min: 1, max: 5 }).map((size) => ({
    name: `batch ${size}, sum`,
    apply: (d: Numbers) => d.batch(size, { dropRemainder: true }).map((b) => b.reduce((x, y) => x + y, 0)),
  })),
  fc.constant({ name: 'enumerate', apply: (d: Numbers) => d.enumerate(2).map(([i, n]) => i * 100 + n) }),
  fc.constant({ name: 'flatMap', apply: (d: Numbers) => d.take(8).flatMap(inner) }),
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 }), parallel).map(([c, b, p]) => ({
    name: `interleave ${c} ${b} ${p}`,
    apply: (d: Numbers) =>
      d.take(8).interleave((n) => inner(n).map(later), {
        cycleLength: c,
        blockLength: b,
        numParallelCalls: p,
      }),
  })),
  fc.constantFrom(1, 3, AUTOTUNE).map((size) => ({
    name: `prefetch ${size}`,
    apply: (d: Numbers) => d.prefetch(size),
  })),
  fc.constant({ name: 'concatenate', apply: (d: Numbers) => d.concatenate(Dataset.range(100, 104)) }),
  fc.constant({
    name: 'zip',
    apply: (d: Numbers) => Dataset.zip([d, Dataset.range(15)]).map(([a, b]) => a * 50 + b),
  }),
  fc.tuple(seed, fc.boolean()).map(([seed, stopOnEmptyDataset]) => ({
    name: 'sampleFromDatasets',
    apply: (d: Numbers) =>
      Dataset.sampleFromDatasets([d, Dataset.range(200, 205)], {
        seed,
        weights: [0.7, 0.3],
        stopOnEmptyDataset,
      }),
  })),
  fc.constant({ name: 'cache', apply: (d: Numbers) => d.cache() }),
  parallel.map((numParallelCalls) => ({
    name: `failing map ${numParallelCalls}, ignoreErrors`,
    apply: (d: Numbers) =>
      d
        .map(
          async (n) => {
            if (n % 5 === 2) throw new Error('two of five');
            return later(n);
          },
          { numParallelCalls },
        )
        .ignoreErrors({ into: new IgnoredErrors() }),
  })),
  // What fails may do so behind a shuffle, which then has to know where.
  seed.map((seed) => ({
    name: 'failing map, shuffle, ignoreErrors',
    apply: (d: Numbers) =>
      d
        .map((n) => {
          if (n % 4 === 1) throw new Error('one of four');
          return n;
        })
        .shuffle(6, { seed })
        .ignoreErrors(),
  })),
  fc.constant({ name: 'withOptions', apply: (d: Numbers) => d.withOptions({ threads: 2 }) }),
);

const pipeline = fc
  .tuple(source, fc.array(step, { minLength: 1, maxLength: 6, size: 'max' }), fc.nat(2))
  .map(([{ name, build }, steps, epoch]) => ({
    epoch,
    build: () => steps.reduce((dataset, { apply }) => apply(dataset), build()).take(60),
    toString: () => [name, ...steps.map((step) => step.name)].join(' → '),
  }));

async function rest<T>(elements: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const element of elements) found.push(element);
  return found;
}

const throughJson = (state: IteratorState): IteratorState => JSON.parse(JSON.stringify(state));

describe('any pipeline', () => {
  test('goes on from a state, saved at any place, with the elements that would have come', async () => {
    await fc.assert(
      fc.asyncProperty(pipeline, async ({ build, epoch }) => {
        const all = await rest(build().iterate(epoch));
        const iterator = build().iterator({ epoch });
        for (let place = 0; place <= all.length; place++) {
          const state = throughJson(iterator.save());
          const again = build().iterator({ state });
          expect(throughJson(again.save())).toEqual(state);
          expect(await rest(again)).toEqual(all.slice(place));
          const item = await iterator.next();
          expect(item.value).toEqual(all[place]);
        }
      }),
      { numRuns: 300 },
    );
  });

  test('goes on from a state of an iterator that was itself restored', async () => {
    await fc.assert(
      fc.asyncProperty(pipeline, fc.array(fc.nat(7), { maxLength: 5 }), async ({ build, epoch }, hops) => {
        const all = await rest(build().iterate(epoch));
        const found: number[] = [];
        let iterator = build().iterator({ epoch });
        for (const hop of hops) {
          for (let i = 0; i < hop; i++) {
            const item = await iterator.next();
            if (!item.done) found.push(item.value);
          }
          const state = throughJson(iterator.save());
          await iterator.return();
          iterator = build().iterator({ state });
        }
        expect([...found, ...(await rest(iterator))]).toEqual(all);
      }),
    );
  });

  test('gives the same again for the same epoch, and says beforehand how many where it says so', async () => {
    await fc.assert(
      fc.asyncProperty(pipeline, async ({ build, epoch }) => {
        const dataset = build();
        const all = await rest(dataset.iterate(epoch));
        expect(await rest(dataset.iterate(epoch))).toEqual(all);
        if (dataset.cardinality !== undefined) expect(all).toHaveLength(dataset.cardinality);
      }),
    );
  });
});

test('shards are a partition', async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(40), fc.integer({ min: 1, max: 7 }), async (count, shards) => {
      const parts = await Promise.all(
        numbers(shards).map((index) => Dataset.range(count).shard(shards, index).toArray()),
      );
      expect(parts.flat().toSorted((a, b) => a - b)).toEqual(numbers(count));
      for (const [index, part] of parts.entries()) expect(part.every((n) => n % shards === index)).toBe(true);
    }),
  );
});
