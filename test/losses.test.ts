import { describe, expect, test } from 'vitest';
import { gradient } from '../src/autodiff/gradient.ts';
import { ShapeError, UsageError } from '../src/core/errors.ts';
import { camelCase } from '../src/core/options.ts';
import type { Spec } from '../src/core/specs.ts';
import { floats, tensor } from '../src/core/tensor.ts';
import { constant, input } from '../src/graph/leaves.ts';
import type { Value } from '../src/graph/value.ts';
import {
  type Loss,
  type LossName,
  losses,
  lossKind,
  lossName,
  lossTerms,
  lossValue,
  lossValues,
  resolveLoss,
} from '../src/losses/losses.ts';
import { lossTable } from '../src/losses/table.ts';
import { abs, mul, sigmoid, sub } from '../src/ops/elementwise.ts';
import { reduceSum } from '../src/ops/reduce.ts';
import { softmax } from '../src/ops/softmax.ts';
import { useDevice } from './support/device.ts';
import { goldenJson, goldenTensors, relativeError } from './support/goldens.ts';

interface Row {
  readonly name: string;
  readonly className: string;
  /** Keras' arguments. */
  readonly options: Record<string, unknown>;
  /** What Keras saves. */
  readonly keras: { readonly config: Record<string, unknown> };
  /** By Keras' reduction. */
  readonly plain: Record<string, number>;
  readonly weighted: Record<string, number>;
}

const rows = goldenJson<Row[]>('losses');
const tensors = goldenTensors('losses');
const { run } = useDevice();

/** Options that Keras has but forgets to save. */
const unsaved: Record<string, readonly string[]> = {
  Huber: ['delta'],
  CosineSimilarity: ['axis'],
  SparseCategoricalCrossentropy: ['axis'],
};

const camelKeys = (options: object) =>
  Object.fromEntries(Object.entries(options).map(([name, value]) => [camelCase(name), value]));
const specOf = (row: Row) =>
  lossKind.check({ className: row.className, config: camelKeys(row.options) }) as Spec;
const withReduction = ({ className, config }: Spec, reduction: string): Spec => ({
  className,
  config: { ...config, reduction: camelCase(reduction) },
});
const close = (found: number, expected: number) =>
  expect(Math.abs(found - expected)).toBeLessThan(1e-5 * Math.max(Math.abs(expected), 1e-2));
const numbers = (value: { data: ArrayLike<number> | ArrayLike<bigint> } | undefined) =>
  value!.data as Float32Array;

test.each(rows)('$className is Keras’: $name', async (row) => {
  const spec = specOf(row);
  const data = (part: string) => tensors[`${row.name}/${part}`]!;
  const symbolic = (part: string) => input(part, ['batch', ...data(part).shape.slice(1)]);
  // The sum over the batch of `axis: 0` needs a known one.
  const isFixed = row.options.axis === 0;
  const [targets, predictions, weights] = ['targets', 'predictions', 'weights'].map((part) =>
    isFixed ? input(part, data(part).shape) : symbolic(part),
  ) as [Value, Value, Value];
  const weighted = lossValue(spec, targets, predictions, weights);
  const outputs: Record<string, Value> = {
    values: lossValues(spec, targets, predictions).values,
    gradient: gradient(weighted, [predictions])[0]!,
  };
  for (const reduction of Object.keys(row.plain)) {
    const reduced = withReduction(spec, reduction);
    outputs[`plain/${reduction}`] = lossValue(reduced, targets, predictions);
    outputs[`weighted/${reduction}`] = lossValue(reduced, targets, predictions, weights);
  }
  const feeds = { targets: data('targets'), predictions: data('predictions'), weights: data('weights') };
  const results = await run(outputs, feeds);
  for (const part of ['values', 'gradient']) {
    expect(results[part]!.shape, part).toEqual(data(part).shape);
    const error = relativeError(numbers(results[part]), numbers(data(part)));
    expect(error, part).toBeLessThan(1e-5);
  }
  for (const [reduction, expected] of Object.entries(row.plain))
    close(numbers(results[`plain/${reduction}`])[0]!, expected);
  for (const [reduction, expected] of Object.entries(row.weighted))
    close(numbers(results[`weighted/${reduction}`])[0]!, expected);
});

test.each(rows)('$className goes to Keras’ config and back: $name', (row) => {
  const spec = specOf(row);
  const { config, ...rest } = lossKind.toKeras!(spec) as Row['keras'];
  const forgotten = unsaved[row.className] ?? [];
  const saved = Object.fromEntries(Object.entries(config).filter(([name]) => !forgotten.includes(name)));
  expect({ ...rest, config: saved }).toEqual(row.keras);
  const back = lossKind.check(lossKind.fromKeras!(row.keras)) as Spec;
  const kept = Object.entries(spec.config).filter(([name]) => !forgotten.includes(name));
  expect(back).toMatchObject({ className: row.className, config: Object.fromEntries(kept) });
});

test('every loss has a golden case', () => {
  expect(new Set(rows.map(({ className }) => className))).toEqual(new Set(Object.keys(lossTable)));
});

describe('predictions that were just made are taken from their logits', () => {
  const logits = floats([100, -100, 3, 60, -60, 0], [2, 3]);
  const x = input('logits', ['batch', 3]);
  const feeds = { logits, targets: floats([0, 1, 0, 0, 0, 1], [2, 3]) };
  const targets = input('targets', ['batch', 3]);

  test.each<[string, (p: Value) => Value, (config: { fromLogits: boolean }) => Loss]>([
    ['sigmoid', sigmoid, losses.binaryCrossentropy],
    ['sigmoid', sigmoid, losses.binaryFocalCrossentropy],
    ['softmax', (value) => softmax(value), losses.categoricalCrossentropy],
  ])('%s', async (_, activation, loss) => {
    const [made, given] = [
      lossValue(loss({ fromLogits: false }), targets, activation(x)),
      lossValue(loss({ fromLogits: true }), targets, x),
    ];
    const results = await run({ made, given }, feeds);
    expect(numbers(results.made)[0]).toBeGreaterThan(10);
    expect(numbers(results.made)[0]).toBe(numbers(results.given)[0]);
  });

  test('also of one output whose axis is put right', async () => {
    const one = input('one', ['batch', 3, 1]);
    const loss = lossValue('bce', targets, sigmoid(one));
    const result = await run({ loss }, { one: floats(logits.data, [2, 3, 1]), targets: feeds.targets });
    expect(numbers(result.loss)[0]).toBeGreaterThan(20);
  });

  test('not where softmax went along another axis', async () => {
    const loss = losses.categoricalCrossentropy({ axis: 0 });
    const found = lossValue(loss, targets, softmax(x));
    const expected = lossValue(loss, targets, mul(softmax(x), constant(1)));
    const mild = { ...feeds, logits: floats([1, -1, 2, 0, 0.5, 1], [2, 3]) };
    const result = await run({ found, expected }, mild);
    expect(numbers(result.found)[0]).toBeGreaterThan(0.1);
    expect(numbers(result.found)[0]).toBe(numbers(result.expected)[0]);
  });
});

describe('sparse targets', () => {
  const p = input('p', ['batch', 3]);
  const feeds = { p: floats([0.2, 0.3, 0.5, 0.1, 0.8, 0.1], [2, 3]) };
  const expected = -(Math.log(0.5) + Math.log(0.8)) / 2;

  test.each(['int32', 'int64', 'uint8'] as const)('may be %s', async (dtype) => {
    const data = { int32: Int32Array.of(2, 1), int64: BigInt64Array.of(2n, 1n), uint8: Uint8Array.of(2, 1) };
    const loss = lossValue('sparseCategoricalCrossentropy', input('t', ['batch'], dtype), p);
    const result = await run({ loss }, { ...feeds, t: tensor(dtype, [2], data[dtype] as never) });
    close(numbers(result.loss)[0]!, expected);
  });

  test.each([3, -1])('that are no class (%d) give NaN, so that training ends and says so', async (wrong) => {
    const loss = lossValue('sparseCategoricalCrossentropy', input('t', ['batch']), p);
    const result = await run({ loss }, { ...feeds, t: floats([wrong, 1]) });
    expect(numbers(result.loss)[0]).toBeNaN();
  });

  test('all of the ignored class give a loss of 0', async () => {
    const loss = lossValue(
      losses.sparseCategoricalCrossentropy({ ignoreClass: 2 }),
      input('t', ['batch']),
      p,
    );
    const [slope] = gradient(loss, [p]);
    const result = await run({ loss, slope: slope! }, { ...feeds, t: floats([2, 2]) });
    expect(numbers(result.loss)[0]).toBe(0);
    expect([...numbers(result.slope)]).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

test('two halves of a batch add up to the whole', async () => {
  const [t, p, w] = [input('t', ['batch', 2]), input('p', ['batch', 2]), input('w', ['batch'])];
  const loss = losses.meanSquaredError({ reduction: 'meanWithSampleWeight' });
  const { sum, divisor } = lossTerms(loss, t, p, w);
  const outputs = { sum, divisor: divisor!, whole: lossValue(loss, t, p, w) };
  const part = async (from: number, to: number) => {
    const rowsOf = (all: number[]) => floats(all.slice(2 * from, 2 * to), [to - from, 2]);
    const feeds = {
      t: rowsOf([1, 2, 3, 4, 5, 6]),
      p: rowsOf([0, 1, 5, 4, 2, 2]),
      w: floats([1, 0.5, 2].slice(from, to)),
    };
    const result = await run(outputs, feeds);
    return [numbers(result.sum)[0]!, numbers(result.divisor)[0]!, numbers(result.whole)[0]!] as const;
  };
  const [a, b, whole] = [await part(0, 1), await part(1, 3), await part(0, 3)];
  close((a[0] + b[0]) / (a[1] + b[1]), whole[2]);
});

test('without weight at all a loss is 0', async () => {
  const [t, p, w] = [input('t', ['batch']), input('p', ['batch', 1]), input('w', ['batch'])];
  const loss = lossValue(losses.meanSquaredError({ reduction: 'meanWithSampleWeight' }), t, p, w);
  const result = await run({ loss }, { t: floats([1, 2]), p: floats([3, 5], [2, 1]), w: floats([0, 0]) });
  expect(numbers(result.loss)[0]).toBe(0);
});

test('a function of one’s own is a mean over its values', async () => {
  const furthest = (t: Value, p: Value) => reduceSum(abs(sub(t, p)), { axes: [-1] });
  const [t, p] = [input('t', ['batch', 2]), input('p', ['batch', 2])];
  const result = await run(
    { loss: lossValue(furthest, t, p) },
    { t: floats([1, 2, 3, 4], [2, 2]), p: floats([0, 0, 0, 1], [2, 2]) },
  );
  expect(numbers(result.loss)[0]).toBe(4.5);
  expect(lossName(furthest)).toBe('furthest');
});

describe('names', () => {
  test.each<[string, string]>([
    ['mse', 'MeanSquaredError'],
    ['MAE', 'MeanAbsoluteError'],
    ['kld', 'KLDivergence'],
    ['klDivergence', 'KLDivergence'],
    ['kl_divergence', 'KLDivergence'],
    ['SparseCategoricalCrossentropy', 'SparseCategoricalCrossentropy'],
    ['logCosh', 'LogCosh'],
  ])('%s is %s', (name, className) => {
    expect(lossKind.check(name)).toMatchObject({ className });
  });

  test('every function of losses gives what its name is the name of', () => {
    for (const [name, make] of Object.entries(losses)) expect(lossKind.check(name)).toEqual(make());
    expect(Object.keys(losses)).toHaveLength(Object.keys(lossTable).length);
  });

  test.each<[number[], number[], string]>([
    [[8], [8, 1], 'BinaryCrossentropy'],
    [[8, 1], [8, 1], 'BinaryCrossentropy'],
    [[8], [8, 4], 'SparseCategoricalCrossentropy'],
    [[8, 1], [8, 4], 'SparseCategoricalCrossentropy'],
    [[8, 4], [8, 4], 'CategoricalCrossentropy'],
  ])('crossentropy of targets %j and predictions %j is %s', (targets, predictions, className) => {
    expect(resolveLoss('crossentropy', targets, predictions)).toMatchObject({ className });
    expect(resolveLoss('ce', targets, predictions)).toMatchObject({ className, config: { name: 'ce' } });
  });

  test('logs have Keras’ names, or the option', () => {
    expect(lossName(losses.huber())).toBe('huber_loss');
    expect(lossName(losses.huber({ name: 'mine' }))).toBe('mine');
    expect(lossName('mse')).toBe('mse');
  });

  test('Keras’ reduction None is kept apart from the default', () => {
    const json = {
      module: 'keras.losses',
      class_name: 'MeanSquaredError',
      config: { name: 'mean_squared_error', reduction: null },
      registered_name: null,
    };
    expect(lossKind.check(lossKind.fromKeras!(json))).toMatchObject({ config: { reduction: 'none' } });
  });
});

describe('refuses', () => {
  const [t, p] = [input('t', ['batch', 2]), input('p', ['batch', 3])];
  test.each<[string, () => unknown, new (message: string) => Error, string]>([
    ['an unknown name', () => lossValue('mean' as LossName, t, p), UsageError, "got 'mean'"],
    ['an unknown option', () => losses.huber({ delt: 1 } as object), UsageError, "no option 'delt'"],
    ['targets of another shape', () => lossValue('mse', t, p), ShapeError, 'float32[batch, 2]'],
    [
      'class indexes of another shape',
      () => lossValue('sparseCategoricalCrossentropy', t, p),
      ShapeError,
      '[batch]',
    ],
    [
      'to train by values apart',
      () => lossValue(losses.meanSquaredError({ reduction: 'none' }), p, p),
      UsageError,
      "choose 'sumOverBatchSize'",
    ],
    [
      'embeddings of images',
      () => lossValue('circle', t, input('x', ['batch', 2, 2])),
      ShapeError,
      'embeddings',
    ],
  ])('%s', (_, call, type, message) => {
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });
});
