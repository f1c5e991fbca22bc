import { describe, expect, test } from 'vitest';
import { type Tensor, tensor } from '../src/core/tensor.ts';
import { rateAt, scheduleKind } from '../src/optimizers/learning-rate.ts';
import { optimizerOf } from '../src/optimizers/optimizers.ts';
import {
  deserializeOptimizer,
  type OptimizerJson,
  serializeOptimizer,
} from '../src/optimizers/serializing.ts';
import { optimizerTable } from '../src/optimizers/table.ts';
import { useDevice } from './support/device.ts';
import { goldenJson, goldenTensors } from './support/goldens.ts';
import { followSteps } from './support/optimizer-steps.ts';

interface OptimizerRow {
  readonly key: string;
  readonly json: OptimizerJson;
  readonly exclude: readonly string[];
  /** `dense/kernel`, `dense/kernel/momentum`: what Keras has after each step. */
  readonly kept: readonly string[];
}

interface ScheduleRow {
  readonly json: { readonly class_name: string; readonly config: object };
  readonly rates: readonly number[];
}

const rows = goldenJson<(OptimizerRow | ScheduleRow)[]>('optimizers');
const optimizerRows = rows.filter((row): row is OptimizerRow => 'key' in row);
const scheduleRows = rows.filter((row): row is ScheduleRow => 'rates' in row);
const tensors = goldenTensors('optimizers');
const { compile } = useDevice();

const startOf = (prefix: string) =>
  Object.fromEntries(
    Object.entries(tensors)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, value]) => [name.slice(prefix.length), value]),
  );
const start = startOf('start/');
const gradients = startOf('gradients/');

/** One entry along the first axis. */
function entry({ shape: [count, ...shape], data }: Tensor, i: number): Tensor {
  const size = data.length / count!;
  return tensor('float32', shape, (data as Float32Array).slice(i * size, (i + 1) * size));
}

const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

/**
 * How far a value is from Keras', and how far it may be: 1e-4 of the way from the start. A weight may be off by what
 * float32 rounds away at every step, too, which short ways are not large against.
 */
function distance(found: Tensor, due: Tensor, from: Tensor | undefined, steps: number): [number, number] {
  const [values, expected] = [found.data as Float32Array, due.data as Float32Array];
  const way = expected.map((value, i) => value - Number(from?.data[i] ?? 0));
  const rounding = from ? (steps + 1) * 2 ** -24 * norm(expected) : 0;
  return [norm(values.map((value, i) => value - expected[i]!)), 1e-4 * norm(way) + rounding];
}

test('the goldens hold every optimizer', () => {
  expect(new Set(optimizerRows.map(({ json }) => json.class_name))).toEqual(
    new Set(Object.keys(optimizerTable)),
  );
});

describe.each(optimizerRows)('$key', ({ key, json, exclude, kept }) => {
  const given = exclude.length > 0 ? { ...json, fovea: { exclude_from_weight_decay: exclude } } : json;
  const optimizer = deserializeOptimizer(given);

  test('comes from Keras’ config and goes back to it', () => {
    expect(serializeOptimizer(optimizer)).toEqual(given);
  });

  test('takes Keras’ steps', async () => {
    const steps = gradients['dense/kernel']!.shape[0]!;
    const of = (step: number) =>
      Object.fromEntries(Object.entries(gradients).map(([name, all]) => [name, entry(all, step - 1)]));
    const states = await followSteps(compile, optimizer, start, of, steps);
    for (const name of Object.keys(states[0]!)) expect(kept).toContain(name);
    for (const name of kept) {
      states.forEach((state, i) => {
        const due = entry(tensors[`${key}/${name}`]!, i);
        expect(state[name]!.shape, name).toEqual(due.shape);
        const [error, allowed] = distance(state[name]!, due, start[name], i + 1);
        expect(error, `${name} after step ${i + 1}`).toBeLessThanOrEqual(allowed);
      });
    }
  });
});

test.each(Object.keys(optimizerTable))('%s by name has Keras’ defaults', (className) => {
  const { json } = optimizerRows.find(({ json }) => json.class_name === className)!;
  expect(serializeOptimizer(optimizerOf(className.toLowerCase() as 'adam'))).toEqual(json);
});

describe.each(scheduleRows)('$json.class_name $json.config', ({ json, rates }) => {
  const schedule = scheduleKind.check(scheduleKind.fromKeras!(json))!;

  test('comes from Keras’ config and goes back to it', () => {
    expect(scheduleKind.toKeras!(schedule)).toEqual(json);
  });

  test('has Keras’ rate at every step', () => {
    expect(rates.length).toBe(61);
    rates.forEach((rate, step) => {
      expect(rateAt(schedule, step), `step ${step}`).toBeCloseTo(rate, 11);
    });
  });
});
