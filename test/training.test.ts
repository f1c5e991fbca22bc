import { describe, expect, test } from 'vitest';
import type { Tensor } from '../src/core/tensor.ts';
import { compileOptionsFrom } from '../src/models/compile-config.ts';
import { modelFromJSON } from '../src/models/from-keras.ts';
import type { Model } from '../src/models/model.ts';
import type { ClassWeight } from '../src/models/targets.ts';
import type { Fed } from '../src/training/trainable.ts';
import { goldenJson, goldenTensors, relativeError } from './support/goldens.ts';

type Names = string | readonly string[] | Readonly<Record<string, string>>;

interface Data {
  readonly x: Names;
  readonly y: Names;
  readonly sampleWeight?: Names;
}

interface Call extends Data {
  readonly method: 'fit' | 'evaluate' | 'trainOnBatch' | 'testOnBatch';
  readonly options: Readonly<Record<string, number | readonly number[]>>;
  readonly classWeight?: ClassWeight;
  readonly validation?: Data;
  readonly result: object;
}

/** What test/goldens/make_fit.py writes of a model and what is called on it. */
interface Row {
  readonly name: string;
  readonly model: object;
  readonly compile: object;
  readonly weights: readonly string[];
  readonly calls: readonly Call[];
  readonly final: readonly string[];
}

const tensors = goldenTensors('fit');
const rows = goldenJson<Row[]>('fit').map((row) => [row.name, row] as const);

function fed(names: Names): Fed {
  if (typeof names === 'string') return tensors[names]!;
  if (Array.isArray(names)) return names.map((name: string) => tensors[name]!);
  return Object.fromEntries(Object.entries(names).map(([output, name]) => [output, tensors[name]!]));
}

function dataOf({ x, y, sampleWeight }: Data) {
  return { x: fed(x), y: fed(y), ...(sampleWeight && { sampleWeight: fed(sampleWeight) }) };
}

async function called(model: Model, call: Call): Promise<object> {
  const { method, options, classWeight, validation } = call;
  const { x, y, sampleWeight } = dataOf(call);
  const weighted = { ...(sampleWeight && { sampleWeight }), ...(classWeight && { classWeight }) };
  if (method === 'evaluate') return model.evaluate(x, y, { ...options, ...weighted });
  if (method !== 'fit') return model[method](x, y, weighted);
  const validationData = validation && { validationData: dataOf(validation) };
  const all = { ...options, ...weighted, ...validationData, shuffle: false };
  const { epoch, history } = await model.fit(x, y, all);
  return { epoch, history };
}

/** Every number within 1e-5, and the same names. */
function expectAlike(found: unknown, expected: unknown, where: string): void {
  if (typeof expected === 'number') {
    expect(Math.abs((found as number) - expected), where).toBeLessThan(
      1e-5 * Math.max(1, Math.abs(expected)),
    );
    return;
  }
  expect(Object.keys(found as object).sort(), where).toEqual(Object.keys(expected as object).sort());
  for (const [name, value] of Object.entries(expected as object))
    expectAlike((found as Record<string, unknown>)[name], value, `${where}.${name}`);
}

describe.each(rows)('%s', (_, row) => {
  test('has Keras’ history, logs and weights', async () => {
    const model = modelFromJSON(row.model, { threads: 1 });
    model.setWeights(row.weights.map((name) => tensors[name]!));
    model.compile(compileOptionsFrom(row.compile, row.name));
    for (const [i, call] of row.calls.entries())
      expectAlike(await called(model, call), call.result, `${i + 1}. ${call.method}`);
    await model.syncWeights();
    await model.dispose();
    model.weights.forEach(({ path, value }, i) => {
      const [begun, found, expected] = [row.weights[i]!, value!, row.final[i]!].map((w) =>
        typeof w === 'string' ? tensors[w]! : w,
      ) as [Tensor, Tensor, Tensor];
      if (row.final[i] === row.weights[i]) expect(found.data, path).toEqual(begun.data);
      else
        expect(relativeError(found.data as Float32Array, expected.data as Float32Array), path).toBeLessThan(
          1e-5,
        );
    });
  });
});
