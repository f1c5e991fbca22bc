import { describe, expect, test } from 'vitest';
import { gradient } from '../src/autodiff/gradient.ts';
import type { DType } from '../src/core/dtype.ts';
import { asList } from '../src/core/lists.ts';
import type { Tensor } from '../src/core/tensor.ts';
import { constant, input } from '../src/graph/leaves.ts';
import type { Value } from '../src/graph/value.ts';
import { Dense } from '../src/layers/core.ts';
import { InputLayer } from '../src/layers/input.ts';
import type { Layer, Weight } from '../src/layers/layer.ts';
import { layerClasses } from '../src/layers/layers.ts';
import { Flatten } from '../src/layers/reshaping.ts';
import { deserializeLayer, modelFromJSON } from '../src/models/from-keras.ts';
import { Functional } from '../src/models/functional.ts';
import { serializeLayer } from '../src/models/to-keras.ts';
import { add, cast, mul } from '../src/ops/elementwise.ts';
import { reduceSum } from '../src/ops/reduce.ts';
import { sgd } from '../src/optimizers/optimizers.ts';
import { penaltyOf } from '../src/regularizers/regularizers.ts';
import { useDevice } from './support/device.ts';
import { goldenJson, goldenTensors, relativeError } from './support/goldens.ts';
import { keyTensor } from './support/random.ts';
import { batches, oneHot } from './support/training.ts';

/** A layer of Keras on inputs of its own, as test/goldens/make_layers.py writes it. */
interface Row {
  readonly name: string;
  readonly layer: { readonly class_name: string; readonly config: Readonly<Record<string, unknown>> };
  readonly inputs: readonly {
    readonly tensor: string;
    readonly shape: readonly number[];
    readonly dtype: DType;
  }[];
  readonly training: boolean;
  readonly weights: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly trainable: boolean;
    readonly tensor: string;
  }[];
  readonly output: string;
  readonly upstream: string;
  readonly inputGradients: readonly (string | null)[];
  /** By the index of the weight. */
  readonly weightGradients: Readonly<Record<string, string>>;
  /** What the call in training makes of weights. */
  readonly updated: Readonly<Record<string, string>>;
  /** What the layer adds to the loss. */
  readonly loss?: number;
}

const { run } = useDevice();
const tensors = goldenTensors('layers');
const rows = goldenJson<Row[]>('layers');

/** Element by element, or moving elements about: no sums whose order could matter. */
const exact = new Set(
  'Activation ReLU LeakyReLU PReLU ELU Add Subtract Multiply Average Maximum Minimum Concatenate Flatten Reshape Permute RepeatVector ZeroPadding2D Cropping2D Rescaling Normalization Dropout SpatialDropout2D GaussianNoise GaussianDropout ActivityRegularization Identity'.split(
    ' ',
  ),
);

/** Options that Keras writes and that say nothing here. */
const silent = ['dtype', 'quantization_config'];

const withoutSilent = (config: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(config).filter(([key]) => !silent.includes(key)));

function restored(row: Row): Layer {
  const layer = deserializeLayer(row.layer, { where: row.name });
  layer.applyAll(
    row.inputs.map(({ shape, dtype }) => new InputLayer({ shape: shape.slice(1), dtype }).output),
  );
  return layer;
}

const numbers = (value: Tensor | undefined) => Float32Array.from(value!.data as Float32Array);

describe.each(rows.map((row) => [row.name, row] as const))('%s', (_, row) => {
  test('has Keras’ config, read and written', () => {
    const written = serializeLayer(restored(row));
    expect(written.class_name).toBe(row.layer.class_name);
    expect(withoutSilent(written.config)).toEqual(withoutSilent(row.layer.config));
  });

  test('has Keras’ weights', () => {
    const { weights, trainableWeights } = restored(row);
    const found = weights.map((weight) => ({
      name: weight.name,
      shape: [...weight.shape],
      trainable: trainableWeights.includes(weight),
    }));
    expect(found).toEqual(row.weights.map(({ name, shape, trainable }) => ({ name, shape, trainable })));
  });

  test('has Keras’ values and gradients', async () => {
    const layer = restored(row);
    const feeds: Record<string, Tensor> = { upstream: tensors[row.upstream]! };
    const inputs = row.inputs.map(({ tensor, shape, dtype }, i) => {
      feeds[`x${i}`] = tensors[tensor]!;
      return input(`x${i}`, ['batch', ...shape.slice(1)], dtype);
    });
    const weights = new Map<Weight, Value>(
      layer.weights.map((weight, i) => {
        feeds[`w${i}`] = tensors[row.weights[i]!.tensor]!;
        return [weight, input(`w${i}`, weight.shape)];
      }),
    );
    const updates = new Map<Weight, Value>();
    const losses: Value[] = [];
    let keys = 0;
    const result = layer.call(inputs, {
      training: row.training,
      read: (weight) => weights.get(weight)!,
      update: (weight, value) => void updates.set(weight, value),
      addLoss: (loss) => void losses.push(loss),
      randomKey: () => {
        const name = `key${keys++}`;
        feeds[name] = keyTensor('layers', row.name, keys);
        return input(name, [2], 'uint32');
      },
    });
    const y = asList(result)[0]!;
    const floating = cast(y, { to: 'float32' });
    const scalar = reduceSum(mul(floating, input('upstream', y.shape)));
    const wantedInputs = row.inputGradients.flatMap((name, i) => (name === null ? [] : [[name, i] as const]));
    const wantedWeights = Object.entries(row.weightGradients).map(([i, name]) => [name, Number(i)] as const);
    const values = [...weights.values()];
    const gradients = gradient(scalar, [
      ...wantedInputs.map(([, i]) => inputs[i]!),
      ...wantedWeights.map(([, i]) => values[i]!),
    ]);
    const gradientNames = [...wantedInputs, ...wantedWeights].map(([name]) => name);
    const wantedUpdates = Object.entries(row.updated);
    const penalties = layer.weights.flatMap((weight) =>
      weight.regularizer ? [penaltyOf(weight.regularizer, weights.get(weight)!)] : [],
    );
    const outputs: Record<string, Value> = {
      y: floating,
      loss: [...losses, ...penalties].reduce((sum, loss) => add(sum, loss), constant(0)),
    };
    gradients.forEach((value, i) => {
      outputs[`gradient/${gradientNames[i]}`] = value;
    });
    expect([...updates.keys()].map((weight) => layer.weights.indexOf(weight)).sort()).toEqual(
      wantedUpdates.map(([i]) => Number(i)).sort(),
    );
    for (const [i, name] of wantedUpdates)
      outputs[`update/${name}`] = updates.get(layer.weights[Number(i)]!)!;
    const results = await run(outputs, feeds);
    const limit = exact.has(layer.className) ? 1e-5 : 1e-4;
    const compare = (found: Tensor | undefined, name: string) => {
      expect(found!.shape, name).toEqual(tensors[name]!.shape);
      expect(relativeError(numbers(found), numbers(tensors[name])), name).toBeLessThan(limit);
    };
    compare(results.y, row.output);
    for (const name of gradientNames) compare(results[`gradient/${name}`], name);
    for (const [, name] of wantedUpdates) compare(results[`update/${name}`], name);
    const expected = row.loss ?? 0;
    const found = (results.loss!.data as Float32Array)[0]!;
    expect(Math.abs(found - expected), `${found} for ${expected}`).toBeLessThanOrEqual(
      1e-4 * Math.abs(expected),
    );
  });
});

/** The layer on inputs of its own, with a classifier of two classes above. */
function inModel(row: Row, trainable: boolean): { model: Functional; layer: Layer } {
  const layer = deserializeLayer(row.layer, { where: row.name });
  layer.trainable = trainable;
  const inputs = row.inputs.map(
    ({ shape, dtype }, i) => new InputLayer({ name: `input${i}`, shape: shape.slice(1), dtype }).output,
  );
  const flat = new Flatten({ name: 'flat' }).apply(layer.apply(inputs));
  const outputs = new Dense({ name: 'head', units: 2, activation: 'softmax' }).apply(flat);
  const model = new Functional({ inputs, outputs }, { threads: 1 });
  layer.setWeights(row.weights.map(({ tensor }) => tensors[tensor]!));
  model.initialize();
  return { model, layer };
}

const firstOfClass = rows.filter(
  ({ layer }, i) => rows.findIndex((other) => other.layer.class_name === layer.class_name) === i,
);

describe.each(firstOfClass.map((row) => [row.layer.class_name, row] as const))('%s in a model', (_, row) => {
  const inputs = row.inputs.map(({ tensor }) => tensors[tensor]!);
  const examples = row.inputs[0]!.shape[0]!;
  const labels = Array.from({ length: examples }, (_, i) => i % 2);

  test.each([true, false])('trains what is trainable (%s), and nothing else', async (trainable) => {
    const { model, layer } = inModel(row, trainable);
    model.compile({ optimizer: sgd({ learningRate: 0.5 }), loss: 'categoricalCrossentropy' });
    const before = new Map(model.weights.map((weight) => [weight, weight.value!]));
    await model.fitDataset(batches({ inputs, targets: oneHot(labels, 2) }));
    await model.dispose();
    const changing = new Set(layer.stateful ? layer.weights : layer.trainableWeights);
    for (const weight of layer.weights) {
      const same = relativeError(numbers(weight.value), numbers(before.get(weight))) === 0;
      expect(same, weight.path).toBe(!changing.has(weight));
    }
  });

  test('is the same when it is written and read', async () => {
    const { model } = inModel(row, true);
    const again = modelFromJSON(JSON.stringify(model), { threads: 1 });
    again.setWeights(model.getWeights());
    expect(await again.predictOnBatch(inputs)).toEqual(await model.predictOnBatch(inputs));
    await Promise.all([model.dispose(), again.dispose()]);
  });
});

/** Keras has no such layer, or it computes nothing. */
const withoutRows = ['InputLayer', 'Logarithm', 'Preprocessing'];
const rowClasses = [...layerClasses].filter(([className]) => !withoutRows.includes(className));

test('every layer that Keras has too has rows', () => {
  const covered = new Set(rows.map(({ layer }) => layer.class_name));
  expect(rowClasses.map(([className]) => className).filter((name) => !covered.has(name))).toEqual([]);
});

/** What stands at its default in every row, by its name in all layers or in one, and why. */
const alwaysDefault: Readonly<Record<string, string>> = {
  dataFormat: 'has one value: images are channels last everywhere',
  'Resizing fillMode': 'has one value: Keras fills with a constant only',
};

test('every option has a row', () => {
  const missing = rowClasses.flatMap(([className, { options }]) => {
    const found = rows.filter(({ layer }) => layer.class_name === className).map(restored);
    return Object.entries(options).flatMap(([name, { kind, required, fallback }]) => {
      const written = (held: unknown) =>
        JSON.stringify(held !== undefined && kind.toKeras ? kind.toKeras(held) : held);
      const valueIn = (layer: Layer) => (layer.options as Readonly<Record<string, unknown>>)[name];
      const has = found.some((layer) => required || written(valueIn(layer)) !== written(fallback));
      if (has) return [];
      return Object.hasOwn(alwaysDefault, name) ? [name] : [`${className} ${name}`];
    });
  });
  expect(new Set(missing)).toEqual(new Set(Object.keys(alwaysDefault)));
});
