import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floats, type Tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { type MetricFunction, metrics } from '../metrics/metrics.ts';
import { abs, sub } from '../ops/elementwise.ts';
import { reduceMean } from '../ops/reduce.ts';
import { Device } from '../runtime/device.ts';
import { addSums, type Sums } from '../training/trainable.ts';
import { logReader, measured } from './measure.ts';
import { type ObjectiveOptions, objectiveOf } from './objective.ts';

let device: Device;
beforeAll(async () => {
  device = await Device.open({ threads: 1 });
});
afterAll(() => device.close());

const outputs = ['a', 'b'];
const shape = ['batch', 2] as const;
const spec = { shape: [1, 2], dtype: 'float32', weightShape: [1] } as const;

/** What two outputs of these predictions measure. */
async function measuredBy(
  options: ObjectiveOptions,
  batch: Readonly<Record<string, Tensor>>,
  specs = [spec, spec],
) {
  const objectives = objectiveOf(options, outputs);
  const predictions = outputs.map((name) => input(name, shape));
  const { loss, outputs: told } = measured(predictions, objectives, specs);
  const program = await device.compile({ name: 'measures', outputs: { ...told, ...(loss && { loss }) } });
  const results = await program.run(batch);
  await program.dispose();
  const totals = Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Float64Array.from(data as Float32Array)]),
  );
  return { totals, read: logReader(objectives, specs, [shape, shape]) };
}

const batch = {
  a: floats([1, 2, 3, 4], [2, 2]),
  'target/0': floats([1, 1, 3, 1], [2, 2]),
  'weight/0': floats([1, 0]),
  b: floats([0, 0, 2, 0], [2, 2]),
  'target/1': floats([0, 0, 0, 0], [2, 2]),
  'weight/1': floats([1, 3]),
};
const numbers = (totals: Readonly<Record<string, Float64Array>>) =>
  Object.fromEntries(Object.entries(totals).map(([name, values]) => [name, [...values]]));

test('losses are told by output, and add up by their weights', async () => {
  const { totals } = await measuredBy({ loss: 'mse', lossWeights: { b: 10 } }, batch);
  // Of a: (1² + 0) / 2 · 1, the mean over two examples; of b: 2² / 2 · 3.
  expect(numbers(totals)).toEqual({ a_loss: [0.25], b_loss: [3], loss: [30.25] });
});

test('a loss of one output alone has no name of its own, and metrics need none', async () => {
  const { totals } = await measuredBy({ loss: { b: 'mse' }, metrics: { a: ['mae'] } }, batch);
  expect(numbers(totals)).toEqual({ 'a_mae/total': [2], 'a_mae/count': [2], loss: [3] });
});

test('what is not measured has no part in it', async () => {
  const { totals } = await measuredBy({ loss: { b: 'mse' } }, batch, [undefined as never, spec]);
  expect(numbers(totals)).toEqual({ loss: [3] });
  expect(measured([input('a', shape)], objectiveOf({}, ['a']), [undefined]).loss).toBeUndefined();
});

test('metrics count all examples, weighted ones by their weights', async () => {
  const options = { loss: 'mse', metrics: [['mae'], []], weightedMetrics: [['mae'], ['mae']] } as const;
  const { totals, read } = await measuredBy(options, batch);
  const { loss: _, ...logs } = read({ examples: 2, totals });
  expect(logs).toEqual({ a_loss: 0.125, b_loss: 1.5, a_mae: 1, a_weighted_mae: 0.5, b_mae: 0.75 });
});

describe('logs', () => {
  test('are those of all batches together', async () => {
    const options = {
      loss: 'mse',
      metrics: [[metrics.auc({ name: 'area' }), 'rootMeanSquaredError'], []],
    } as const satisfies ObjectiveOptions;
    const sumsOf = async (part: typeof batch, examples: number): Promise<Sums> => {
      const { totals } = await measuredBy(options, part);
      for (const name of ['loss', 'a_loss', 'b_loss']) totals[name]![0]! *= examples;
      return { examples, totals };
    };
    const row = (tensor: Tensor, at: number) => {
      const size = tensor.data.length / 2;
      return floats((tensor.data as Float32Array).slice(at * size, (at + 1) * size), [
        1,
        ...tensor.shape.slice(1),
      ]);
    };
    const scores = {
      ...batch,
      a: floats([0.2, 0.9, 0.4, 0.6], [2, 2]),
      'target/0': floats([0, 1, 1, 0], [2, 2]),
    };
    const rows = [0, 1].map(
      (at) =>
        Object.fromEntries(
          Object.entries(scores).map(([name, value]) => [name, row(value, at)]),
        ) as typeof batch,
    );
    const parts = await Promise.all(rows.map((part) => sumsOf(part, 1)));
    const whole = await sumsOf(scores, 2);
    const { read } = await measuredBy(options, scores);
    const [together, apart] = [read(whole), read(addSums(parts[0]!, parts[1]!))];
    expect(Object.keys(together)).toEqual(['loss', 'a_loss', 'b_loss', 'a_area', 'a_rootMeanSquaredError']);
    for (const [name, value] of Object.entries(together)) expect(apart[name], name).toBeCloseTo(value, 6);
  });

  test('have a number for each class where the metric has', async () => {
    const { totals, read } = await measuredBy(
      { loss: 'mse', metrics: { a: [metrics.f1Score({ threshold: 0.5 })] } },
      {
        ...batch,
        'target/0': floats([1, 1, 0, 1], [2, 2]),
      },
    );
    const logs = read({ examples: 1, totals });
    expect(logs.a_f1_score_0).toBeCloseTo(2 / 3, 6);
    expect(logs.a_f1_score_1).toBeCloseTo(1, 6);
  });

  test('tell metrics apart of which one’s name begins another’s', async () => {
    const near = (name: string, by: number): MetricFunction => {
      const distance: MetricFunction = (t, p) =>
        reduceMean(abs(sub(sub(t, p), constant(by))), { axes: [-1] });
      return Object.defineProperty(distance, 'name', { value: name });
    };
    const { totals, read } = await measuredBy(
      { loss: 'mse', metrics: { b: [near('x', 0), near('x/y', 5)] } },
      { ...batch, b: floats([0, 0, 0, 0], [2, 2]) },
    );
    expect(read({ examples: 1, totals })).toMatchObject({ b_x: 0, 'b_x/y': 5 });
  });
});
