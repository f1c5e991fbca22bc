import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { gradient } from '../src/autodiff/gradient.ts';
import type { Tensor } from '../src/core/tensor.ts';
import { atOnce, concatenated } from '../src/core/turns.ts';
import { constant, input } from '../src/graph/leaves.ts';
import type { Value } from '../src/graph/value.ts';
import type { Weight } from '../src/layers/layer.ts';
import { modelFromJSON } from '../src/models/from-keras.ts';
import type { Model } from '../src/models/model.ts';
import { toPortableOnnx } from '../src/models/portable.ts';
import { forward } from '../src/models/topology.ts';
import { add, mul } from '../src/ops/elementwise.ts';
import { reduceSum } from '../src/ops/reduce.ts';
import { useDevice } from './support/device.ts';
import { goldenJson, goldenTensors, relativeError } from './support/goldens.ts';

/** A random model of Keras and some calls of it, as test/goldens/make_models.py writes them. */
interface Row {
  readonly name: string;
  /** Keras' JSON. */
  readonly model: object;
  readonly weights: readonly { readonly path: string; readonly shape: number[]; readonly tensor: string }[];
  /** Which of the weights gradients change. */
  readonly trainable: readonly number[];
  readonly inputs: readonly { readonly tensor: string; readonly shape: readonly number[] }[];
  readonly upstreams: readonly string[];
  readonly calls: readonly {
    readonly training: boolean;
    readonly outputs: readonly string[];
    readonly inputGradients: readonly (string | null)[];
    readonly weightGradients: readonly string[];
    readonly updated: Readonly<Record<string, string>>;
  }[];
}

// `npm run fuzz:models` gives another file.
const stem = process.env.FOVEA_MODELS ?? 'models';
const tensors = goldenTensors(stem);
const rows = goldenJson<Row[]>(stem);
const limit = 1e-4;

const { run } = useDevice();
const norm = (values: Float32Array) => Math.hypot(...values);
const numbers = (value: Tensor | undefined) => value!.data as Float32Array;

function restored(row: Row): Model {
  const model = modelFromJSON(row.model, { threads: 1 });
  model.setWeights(row.weights.map(({ tensor }) => tensors[tensor]!));
  return model;
}

/** The outputs, their gradients and the weights' new values, as one graph. */
function graphOf(model: Model, row: Row, training: boolean) {
  const { network } = model;
  const inputs = network.inputs.map(({ shape, dtype }, i) => input(`x${i}`, shape, dtype));
  const weights = new Map<Weight, Value>(
    model.weights.map((weight, i) => [weight, input(`w${i}`, weight.shape)]),
  );
  const updates = new Map<Weight, Value>();
  const outputs = forward(
    network.outputs,
    new Map(network.inputs.map((tensor, i) => [tensor, inputs[i]!])),
    (node) => ({
      training: training && node.training !== false,
      read: (weight) => updates.get(weight) ?? weights.get(weight)!,
      update: (weight, value) => void updates.set(weight, value),
      addLoss: () => {},
      randomKey: () => {
        throw new Error('these models are the same at each call');
      },
    }),
  );
  const loss = outputs.reduce(
    (sum, output, i) => add(sum, reduceSum(mul(output, input(`upstream${i}`, output.shape)))),
    constant(0),
  );
  const values = [...weights.values()];
  const gradients = gradient(loss, [...inputs, ...row.trainable.map((i) => values[i]!)]);
  return { outputs, gradients, updates };
}

describe.each(rows.map((row) => [row.name, row] as const))('random model %s', (_, row) => {
  const feeds: Record<string, Tensor> = Object.fromEntries([
    ...row.inputs.map(({ tensor }, i) => [`x${i}`, tensors[tensor]!]),
    ...row.upstreams.map((tensor, i) => [`upstream${i}`, tensors[tensor]!]),
    ...row.weights.map(({ tensor }, i) => [`w${i}`, tensors[tensor]!]),
  ]);

  test('has Keras’ weights', () => {
    const { weights, trainableWeights } = restored(row);
    expect(weights.map(({ path, shape }) => [path, [...shape]])).toEqual(
      row.weights.map(({ path, shape }) => [path, shape]),
    );
    expect(trainableWeights.map((weight) => weights.indexOf(weight))).toEqual(row.trainable);
  });

  test.each(row.calls.map((call) => [call.training ? 'training' : 'inference', call] as const))(
    'has Keras’ values and gradients in %s',
    async (_, call) => {
      const model = restored(row);
      const { outputs, gradients, updates } = graphOf(model, row, call.training);
      const wanted: (string | null)[] = [...call.inputGradients, ...call.weightGradients];
      const graph: Record<string, Value> = {};
      outputs.forEach((value, i) => {
        graph[call.outputs[i]!] = value;
      });
      wanted.forEach((name, i) => {
        if (name !== null) graph[name] = gradients[i]!;
      });
      for (const [i, name] of Object.entries(call.updated))
        graph[name] = updates.get(model.weights[Number(i)]!)!;
      expect(updates.size).toBe(Object.keys(call.updated).length);
      const results = await run(graph, feeds);
      const largest = Math.max(...wanted.map((name) => (name === null ? 0 : norm(numbers(tensors[name])))));
      for (const name of Object.keys(graph)) {
        expect(results[name]!.shape, name).toEqual(tensors[name]!.shape);
        const expected = numbers(tensors[name]);
        // One that cancels out is rounding here.
        if (norm(expected) === 0) expect(norm(numbers(results[name])), name).toBeLessThan(limit * largest);
        else expect(relativeError(numbers(results[name]), expected), name).toBeLessThan(limit);
      }
    },
  );

  test('is the same when it is written and read, and as an ONNX file', async () => {
    const model = restored(row);
    const again = modelFromJSON(JSON.stringify(model), { threads: 1 });
    expect(again.toJSON()).toEqual(model.toJSON());
    again.setWeights(model.getWeights());
    const inputs = row.inputs.map(({ tensor }) => tensors[tensor]!);
    const found = await model.predictAllOnBatch(inputs);
    expect(await again.predictAllOnBatch(inputs)).toEqual(found);
    const session = await InferenceSession.create(atOnce(concatenated(toPortableOnnx(model))), {
      intraOpNumThreads: 1,
    });
    const fed = Object.fromEntries(
      session.inputNames.map((name) => {
        const i = model.inputs.findIndex(({ layer }) => layer.name === name);
        return [name, new OrtTensor('float32', numbers(inputs[i]), inputs[i]!.shape)];
      }),
    );
    const results = await session.run(fed);
    session.outputNames.forEach((name, i) => {
      expect(relativeError(results[name]!.data as Float32Array, numbers(found[i]))).toBeLessThan(limit);
    });
    await session.release();
    await Promise.all([model.dispose(), again.dispose()]);
  });
});
