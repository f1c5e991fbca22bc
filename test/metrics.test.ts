import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../src/core/errors.ts';
import { camelCase } from '../src/core/options.ts';
import type { Spec } from '../src/core/specs.ts';
import { floats, type Tensor, tensor } from '../src/core/tensor.ts';
import { input } from '../src/graph/leaves.ts';
import type { Value } from '../src/graph/value.ts';
import {
  type Metric,
  type MetricName,
  metricKind,
  metricName,
  metricResult,
  metricSums,
  metrics,
  resolveMetric,
} from '../src/metrics/metrics.ts';
import type { Totals } from '../src/metrics/row.ts';
import { metricTable } from '../src/metrics/table.ts';
import { abs, sub } from '../src/ops/elementwise.ts';
import { useDevice } from './support/device.ts';
import { goldenJson, goldenTensors } from './support/goldens.ts';

type Result = number | number[];

interface Row {
  readonly name: string;
  readonly className: string;
  /** Keras' arguments. */
  readonly options: Record<string, unknown>;
  /** What Keras saves. */
  readonly keras: { readonly config: Record<string, unknown> };
  /** After each batch. */
  readonly plain: readonly Result[];
  readonly weighted: readonly Result[];
}

const sizes = [5, 8, 3];
const rows = goldenJson<Row[]>('metrics');
const tensors = goldenTensors('metrics');
const { compile } = useDevice();

/** Options that Keras has but does not save, or saves only where they are not the default. */
const unsaved: Record<string, readonly string[]> = {
  CosineSimilarity: ['axis'],
  SparseTopKCategoricalAccuracy: ['from_sorted_ids'],
  AUC: ['thresholds'],
};

const nullable: Record<string, unknown> = { class_aggregation: 'none' };
const camel = (value: unknown) =>
  typeof value === 'string' && value.includes('_') ? camelCase(value) : value;
const camelKeys = (options: object) =>
  Object.fromEntries(
    Object.entries(options).map(([name, value]) => [
      camelCase(name),
      value === null ? nullable[name] : camel(value),
    ]),
  );
const specOf = (row: Row) =>
  metricKind.check({ className: row.className, config: camelKeys(row.options) }) as Spec;

const rowsOf = ({ shape, data }: Tensor, from: number, to: number): Tensor<'float32'> => {
  const width = data.length / shape[0]!;
  return floats((data as Float32Array).slice(from * width, to * width), [to - from, ...shape.slice(1)]);
};

/** The results after each of the three batches. */
async function streamed(
  metric: Exclude<Metric, string>,
  targets: Tensor,
  predictions: Tensor,
  weights?: Tensor,
): Promise<Result[]> {
  const given = { targets, predictions, ...(weights && { weights }) };
  const values = Object.fromEntries(
    Object.entries(given).map(([name, { shape, dtype }]) => [
      name,
      input(name, ['batch', ...shape.slice(1)], dtype),
    ]),
  );
  const sums = metricSums(metric, values.targets!, values.predictions!, values.weights);
  for (const sum of Object.values(sums)) {
    expect(sum.dtype).toBe('float32');
    expect(sum.shape.every((dim) => typeof dim === 'number')).toBe(true);
  }
  const program = await compile(sums);
  const totals: Record<string, Float64Array> = {};
  const results: Result[] = [];
  let start = 0;
  for (const size of sizes) {
    const feeds = Object.fromEntries(
      Object.entries(given).map(([name, whole]) => [name, rowsOf(whole, start, start + size)]),
    );
    for (const [name, { data }] of Object.entries(await program.run(feeds))) {
      totals[name] ??= new Float64Array(data.length);
      (data as Float32Array).forEach((sum, i) => {
        totals[name]![i]! += sum;
      });
    }
    start += size;
    results.push(metricResult(metric, totals));
  }
  await program.dispose();
  return results;
}

function expectClose(found: Result[], expected: readonly Result[]): void {
  const [a, b] = [found.flat(), expected.flat()];
  expect(found.map((each) => [each].flat().length)).toEqual(expected.map((each) => [each].flat().length));
  expect(found.map(Array.isArray)).toEqual(expected.map(Array.isArray));
  b.forEach((value, i) => {
    expect(Math.abs(a[i]! - value), `result ${i}: ${a[i]} for ${value}`).toBeLessThan(
      1e-6 * Math.max(1, Math.abs(value)),
    );
  });
}

describe.each(rows)('$className, $name', (row) => {
  const data = (part: string) => tensors[`${row.name}/${part}`]!;
  const [targets, predictions, weights] = ['targets', 'predictions', 'weights'].map(data) as [
    Tensor,
    Tensor,
    Tensor,
  ];

  test('is Keras’ after each batch', async () => {
    expectClose(await streamed(specOf(row), targets, predictions), row.plain);
  });
  test('is Keras’ with sample weights', async () => {
    expectClose(await streamed(specOf(row), targets, predictions, weights), row.weighted);
  });
  test('goes to Keras’ config and back', () => {
    const spec = specOf(row);
    const { config, ...rest } = metricKind.toKeras!(spec) as Row['keras'];
    const known = Object.keys(row.keras.config);
    const extra = Object.keys(config).filter((name) => !known.includes(name));
    const forgotten = unsaved[row.className] ?? [];
    expect(extra.filter((name) => !forgotten.includes(name))).toEqual([]);
    const back = metricKind.check(metricKind.fromKeras!(row.keras)) as Spec;
    const { config: again } = metricKind.toKeras!(back) as Row['keras'];
    const withoutExtra = (from: Record<string, unknown>) =>
      Object.fromEntries(
        Object.entries(from)
          .filter(([name]) => known.includes(name))
          // A whole `beta` is written as the number before it.
          .map(([name, value]) => [name, typeof value === 'number' ? Number(value.toPrecision(15)) : value]),
      );
    expect({ ...rest, config: withoutExtra(again) }).toEqual({
      ...row.keras,
      config: asLists(row.keras.config),
    });
    // Thresholds in a list of their own say how many there are, sorted.
    if (row.className !== 'AUC') expect(withoutExtra(config)).toEqual(withoutExtra(again));
  });
});

/** Keras writes label weights as a tensor, and reads a list as well. */
function asLists(config: Record<string, unknown>): Record<string, unknown> {
  const { label_weights: weights, ...others } = config as {
    label_weights?: { config?: { value: number[] } };
  };
  return weights === undefined ? config : { ...others, label_weights: weights?.config?.value ?? null };
}

test('a whole beta is written so that Python reads no whole number', () => {
  const json = metricKind.toKeras!(metrics.fBetaScore({ beta: 2, threshold: 1 }) as Spec);
  expect(json).toMatchObject({ config: { beta: 2 - Number.EPSILON, threshold: 1 - Number.EPSILON / 2 } });
  expect(metricKind.check(metricKind.fromKeras!(json))).toMatchObject({ config: { beta: 2, threshold: 1 } });
});

test('every metric has a golden case', () => {
  expect(new Set(rows.map(({ className }) => className))).toEqual(new Set(Object.keys(metricTable)));
});

describe('in use', () => {
  const sums = async (
    metric: Exclude<Metric, string>,
    targets: Tensor,
    predictions: Tensor,
    weights?: Tensor,
  ): Promise<Totals> => {
    const asInput = (name: string, { shape, dtype }: Tensor) =>
      input(name, ['batch', ...shape.slice(1)], dtype);
    const program = await compile(
      metricSums(metric, asInput('t', targets), asInput('p', predictions), weights && asInput('w', weights)),
    );
    const result = await program.run({ t: targets, p: predictions, ...(weights && { w: weights }) });
    await program.dispose();
    return Object.fromEntries(
      Object.entries(result).map(([name, { data }]) => [name, Float64Array.from(data as Float32Array)]),
    );
  };
  const measured = async (
    metric: Exclude<Metric, string>,
    targets: Tensor,
    predictions: Tensor,
    weights?: Tensor,
  ) => metricResult(metric, await sums(metric, targets, predictions, weights));

  test('targets may be whole numbers', async () => {
    const predictions = floats([0.1, 0.9, 0.8, 0.2], [2, 2]);
    const targets = tensor('int64', [2], BigInt64Array.of(1n, 1n));
    expect(await measured(metrics.sparseCategoricalAccuracy(), targets, predictions)).toBe(0.5);
    expect(
      await measured(metrics.auc(), tensor('uint8', [2, 2], Uint8Array.of(0, 1, 0, 1)), predictions),
    ).toBe(0.75);
  });

  test('NaN is no hit, nor a positive', async () => {
    const nan = floats([Number.NaN, Number.NaN], [1, 2]);
    const targets = floats([1, 0], [1, 2]);
    expect(await measured(metrics.topKCategoricalAccuracy({ k: 1 }), targets, nan)).toBe(0);
    expect(await measured(metrics.truePositives(), targets, nan)).toBe(0);
    expect(await measured(metrics.auc(), targets, nan)).toBe(0.5);
  });

  test('an index that is no class is never among the top', async () => {
    const metric = metrics.sparseTopKCategoricalAccuracy({ k: 2 });
    expect(await measured(metric, floats([2, -1]), floats([0.1, 0.9, 0.8, 0.2], [2, 2]))).toBe(0);
  });

  test('of nothing there is 0, and no division by it', async () => {
    const nothing = floats([0, 0]);
    for (const metric of [
      metrics.meanSquaredError(),
      metrics.precision(),
      metrics.recall(),
      metrics.auc(),
      metrics.meanIoU({ numClasses: 2 }),
    ])
      expect(await measured(metric, floats([1, 0]), floats([1, 0], [2]), nothing)).toBe(0);
  });

  test('AUC of many labels keeps no table of thresholds by labels', async () => {
    const targets = floats(
      Float32Array.from({ length: 64_000 }, (_, i) => i % 2),
      [64, 1000],
    );
    const predictions = floats(
      Float32Array.from({ length: 64_000 }, (_, i) => (i % 2) * 0.5),
      [64, 1000],
    );
    const totals = await sums(metrics.auc(), targets, predictions);
    expect(totals.histogram).toHaveLength(2 * 201);
    expect(metricResult(metrics.auc(), totals)).toBe(1);
  });

  test('a function of one’s own is a mean, weighted where there are weights', async () => {
    const distance = (t: Value, p: Value) => abs(sub(t, p));
    const [targets, predictions] = [floats([1, 2, 3]), floats([1, 0, 0])];
    expect(await measured(distance, targets, predictions)).toBeCloseTo(5 / 3, 6);
    expect(await measured(distance, targets, predictions, floats([0, 3, 1]))).toBeCloseTo(9 / 4, 6);
    expect(metricName(distance)).toBe('distance');
  });
});

describe('names', () => {
  test.each<[string, string, string]>([
    ['mse', 'MeanSquaredError', 'mse'],
    ['AUC', 'AUC', 'AUC'],
    ['auc', 'AUC', 'auc'],
    ['f1_score', 'F1Score', 'f1_score'],
    ['topKCategoricalAccuracy', 'TopKCategoricalAccuracy', 'topKCategoricalAccuracy'],
  ])('%s is %s, called %s', (name, className, called) => {
    const spec = metricKind.check(name) as Spec;
    expect(spec).toMatchObject({ className });
    expect(metricName(spec)).toBe(called);
  });

  test('every function of metrics is that of a class', () => {
    const classNames = Object.keys(metricTable);
    const plain = (name: string) => name.toLowerCase();
    expect(Object.keys(metrics).map(plain).sort()).toEqual(classNames.map(plain).sort());
    expect(metrics.auc().className).toBe('AUC');
    expect(metrics.iou({ numClasses: 2, targetClassIds: [0] })).toMatchObject({ className: 'IoU' });
  });

  test.each<[number[], number[], string]>([
    [[8], [8, 1], 'BinaryAccuracy'],
    [[8, 1], [8, 1], 'BinaryAccuracy'],
    [[8], [8, 4], 'SparseCategoricalAccuracy'],
    [[8, 1], [8, 4], 'SparseCategoricalAccuracy'],
    [[8, 4], [8, 4], 'CategoricalAccuracy'],
  ])('accuracy of targets %j and predictions %j is %s', (targets, predictions, className) => {
    expect(resolveMetric('accuracy', targets, predictions)).toMatchObject({
      className,
      config: { name: 'accuracy' },
    });
    expect(resolveMetric('acc', targets, predictions)).toMatchObject({ className, config: { name: 'acc' } });
    const crossentropy = className
      .replace('Accuracy', 'Crossentropy')
      .replace('CategoricalC', 'CategoricalC');
    expect(resolveMetric('ce', targets, predictions)).toMatchObject({ className: crossentropy });
  });

  test('the option wins', () => {
    expect(metricName(metrics.auc())).toBe('auc');
    expect(metricName(metrics.auc({ name: 'area' }))).toBe('area');
    expect(metricName({ className: 'FBetaScore', config: {} })).toBe('fbeta_score');
  });
});

describe('refuses', () => {
  const [t, p] = [input('t', ['batch', 2]), input('p', ['batch', 3])];
  const sumsOf = (metric: Exclude<Metric, string>, a: Value, b: Value) => () => metricSums(metric, a, b);
  test.each<[string, () => unknown, new (message: string) => Error, string]>([
    ['an unknown name', () => resolveMetric('mean?' as MetricName, [2], [2]), UsageError, "got 'mean?'"],
    ['an unknown option', () => metrics.auc({ curves: 'PR' } as object), UsageError, "no option 'curves'"],
    ['a wrong option', () => metrics.auc({ curve: 'pr' as 'PR' }), UsageError, 'one of ROC, PR, PRGAIN'],
    ['one threshold', () => metrics.auc({ numThresholds: 1 }), UsageError, 'above 1'],
    [
      'a missing option',
      () => metrics.precisionAtRecall({} as { recall: number }),
      UsageError,
      'recall is missing',
    ],
    ['shapes that differ', sumsOf(metrics.auc(), t, p), ShapeError, 'float32[batch, 2]'],
    ['a class that is not there', sumsOf(metrics.recall({ classId: 2 }), t, t), UsageError, 'no class 2'],
    [
      'labels of images',
      sumsOf(metrics.auc({ multiLabel: true, numLabels: 3 }), t, t),
      ShapeError,
      '[batch, 3]',
    ],
    [
      'a class beyond',
      sumsOf(metrics.iou({ numClasses: 2, targetClassIds: [2] }), t, t),
      UsageError,
      'no class 2',
    ],
    [
      'more than rows',
      sumsOf(metrics.r2Score(), input('x', ['batch']), input('y', ['batch'])),
      ShapeError,
      '[batch, outputs]',
    ],
  ])('%s', (_, call, type, message) => {
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });
});
