import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../src/core/tensor.ts';
import { tensor } from '../src/core/tensor.ts';
import { isTensor } from '../src/data/structure.ts';
import { AUTOTUNE, csv, Dataset, tfRecord } from '../src/public/data.ts';
import { goldenJson } from './support/goldens.ts';

type StepRow = [name: string, ...parameters: never[]];

interface Row {
  readonly steps: readonly StepRow[];
  readonly cardinality: number;
  readonly elements: readonly unknown[];
}

const golden = goldenJson<{
  rows: readonly Row[];
  reduce: number;
  examples: readonly Record<string, unknown>[];
  manifest: readonly unknown[][];
}>('data');
const file = (name: string): string => fileURLToPath(new URL(`./goldens/data/${name}`, import.meta.url));

const ints = (...values: number[]): Tensor<'int32'> =>
  tensor('int32', [values.length], Int32Array.from(values));

/** What make_data.py has under the same names. */
const functions: Record<string, (n: number) => never> = {
  square: (n) => (n * n) as never,
  odd: (n) => (n % 2 === 1) as never,
  below7: (n) => (n < 7) as never,
  ragged: (n) => Dataset.range(n * 10, n * 10 + ((n * 7 + 2) % 5)) as never,
  five: (n) => Dataset.range(n * 10, n * 10 + 5) as never,
  failing: (n) => {
    if (n % 3 === 0) throw new Error('third');
    return Math.trunc(n / (n % 3)) as never;
  },
  pair: (n) => [ints(n), ints(n + 1)] as never,
  vector: (n) => ints(n, n * 2, n * 3) as never,
  record: (n) => ({ a: ints(n, -n), b: n }) as never,
};

type Any = Dataset<never>;
type Build = (dataset: Any, ...parameters: never[]) => Dataset<unknown>;

const steps: Record<string, Build> = {
  range: (_, ...bounds) => Dataset.range(...(bounds as unknown as [number, number, number])),
  fromTensorSlices: (_, rows: number[][]) =>
    Dataset.fromTensorSlices(tensor('int32', [rows.length, rows[0]!.length], Int32Array.from(rows.flat()))),
  fromTensors: (_, rows: number[][]) => Dataset.fromTensors(rows),
  map: (d, fn: string, numParallelCalls: number = 1) => d.map(functions[fn]!, { numParallelCalls }),
  filter: (d, fn: string) => d.filter(functions[fn]!),
  flatMap: (d, fn: string) => d.flatMap(functions[fn]!),
  interleave: (d, fn: string, cycleLength: number, blockLength: number, numParallelCalls: number = 1) =>
    d.interleave(functions[fn]!, { cycleLength, blockLength, numParallelCalls }),
  parallelInterleave: (d, fn: string, cycleLength: number, blockLength: number) =>
    d.parallelInterleave(functions[fn]!, { cycleLength, blockLength }),
  batch: (d, size: number, dropRemainder = false) => d.batch(size, { dropRemainder }),
  unbatch: (d) => d.unbatch(),
  rebatch: (d, size: number, dropRemainder = false) => d.rebatch(size, { dropRemainder }),
  mapAndBatch: (d, fn: string, batchSize: number, dropRemainder = false) =>
    d.mapAndBatch(functions[fn]!, { batchSize, dropRemainder }),
  repeat: (d, count?: number) => d.repeat(count),
  take: (d, count: number) => d.take(count),
  skip: (d, count: number) => d.skip(count),
  takeWhile: (d, fn: string) => d.takeWhile(functions[fn]!),
  shard: (d, shards: number, index: number) => d.shard(shards, index),
  enumerate: (d, start = 0) => d.enumerate(start),
  prefetch: (d, size: number) => d.prefetch(size),
  cache: (d) => d.cache(),
  ignoreErrors: (d) => d.ignoreErrors(),
  concatenate: (d, start: number, stop: number) => d.concatenate(Dataset.range(start, stop)),
  zip: (d, start: number, stop: number) => Dataset.zip([d, Dataset.range(start, stop)]),
  withOptions: (d) => d.withOptions({ deterministic: true }),
  apply: (d, size: number) => d.apply((inner) => inner.batch(size)),
};

/** Tensors as nested lists; a vector of one is what TensorFlow calls a scalar where `pair` made it. */
function plain(value: unknown): unknown {
  if (isTensor(value)) return nested([...(value.data as Int32Array)], value.shape);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}

function nested(values: unknown[], [length, ...inner]: readonly number[]): unknown {
  if (length === undefined) return values[0];
  const size = values.length / length;
  return Array.from({ length }, (_, i) => nested(values.slice(i * size, (i + 1) * size), inner));
}

const build = (row: Row): Dataset<unknown> =>
  row.steps.reduce<Dataset<unknown>>(
    (dataset, [name, ...parameters]) => steps[name]!(dataset as Any, ...parameters),
    Dataset.range(0),
  );
const named = golden.rows.map((row) => ({
  ...row,
  name: row.steps.map((step) => step.join(' ')).join(' → '),
}));

describe('order and values are tf.data’s', () => {
  test('every step but the random ones has a row', () => {
    const rows = new Set(golden.rows.flatMap((row) => row.steps.map(([name]) => name)));
    expect([...rows].sort()).toEqual(Object.keys(steps).sort());
  });

  test.each(named)('$name', async (row) => {
    const found = plain(await build(row).toArray());
    // TensorFlow's pair is of scalars, ours of vectors of one.
    const pairs = row.steps.some(([, fn]) => (fn as unknown) === 'pair');
    expect(pairs ? JSON.parse(JSON.stringify(found).replaceAll(/\[(\d+)\]/g, '$1')) : found).toEqual(
      row.elements,
    );
  });

  test.each(named)('cardinality: $name', (row) => {
    const told = { [-1]: Number.POSITIVE_INFINITY, [-2]: undefined }[row.cardinality] ?? row.cardinality;
    const { cardinality } = build(row);
    // TensorFlow knows the size of a batch from its shape; here only reading tells.
    const unbatched = row.steps.some(([name]) => name === 'unbatch' || name === 'rebatch');
    if (row.cardinality === -2 || unbatched) expect(cardinality).toBeUndefined();
    else expect(cardinality).toBe(told);
  });

  test('the same where AUTOTUNE chooses how much runs at a time', async () => {
    for (const row of golden.rows) {
      const [name, ...parameters] = row.steps.at(-1)!;
      if (name !== 'interleave') continue;
      const [fn, cycleLength, blockLength] = parameters as unknown as [string, number, number];
      const dataset = Dataset.range(11).interleave<number>(
        (n) => (functions[fn]!(n) as Dataset<number>).map(async (m) => m),
        { cycleLength, blockLength, numParallelCalls: AUTOTUNE },
      );
      expect(await dataset.toArray()).toEqual(row.elements);
    }
  });

  test('reduce', async () => {
    expect(await Dataset.range(6).reduce(3, (sum, n) => sum * 2 + n)).toBe(golden.reduce);
  });
});

test('a CSV file has the rows that CsvDataset reads', async () => {
  const rows = csv(file('manifest.csv'), {
    columns: {
      path: 'string',
      label: { type: 'integer', default: -1 },
      score: { type: 'number', default: 0.25 },
      note: { type: 'string', default: '' },
    },
  });
  expect(await rows.map(({ path, label, score, note }) => [path, label, score, note]).toArray()).toEqual(
    golden.manifest,
  );
});

test.each(['none', 'gzip', 'zlib'] as const)(
  'Examples in a TFRecord, %s, are what parse_single_example reads',
  async (compression) => {
    const records = tfRecord(file(`examples-${compression === 'none' ? 'plain' : compression}.tfrecord`), {
      compression,
      features: {
        label: 'int64',
        name: 'string',
        pixels: 'bytes',
        box: { type: 'float32', shape: [2, 2] },
        weight: { type: 'float32', default: -1 },
        tags: { type: 'int64', variable: true },
        big: { type: 'int64', shape: [2] },
      },
    });
    const found = await records.toArray();
    const shown = found.map(({ label, name, pixels, box, weight, tags, big }) => ({
      label,
      name,
      pixels: [...pixels],
      box: plain(box),
      weight,
      tags: [...tags.data].map(Number),
      big: [...big.data].map(String),
    }));
    expect(shown).toEqual(golden.examples);
  },
);
