import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ComputeError, DataError, ShapeError, UsageError } from '../src/core/errors.ts';
import { deriveKey, RandomStream } from '../src/core/random.ts';
import { floats, scalar, type Tensor } from '../src/core/tensor.ts';
import { Dataset } from '../src/data/dataset.ts';
import type { Value } from '../src/graph/value.ts';
import { type CallContext, Layer, type Weight } from '../src/layers/layer.ts';
import * as layers from '../src/layers/layers.ts';
import { Functional } from '../src/models/functional.ts';
import type { Model } from '../src/models/model.ts';
import type { CompileOptions, FitOptions } from '../src/models/model-options.ts';
import { reduceMean } from '../src/ops/reduce.ts';
import { adam, adamW, type Optimizer, sgd } from '../src/optimizers/optimizers.ts';
import { l2 } from '../src/regularizers/regularizers.ts';
import type { StepProgress } from '../src/training/callback.ts';
import type { Batch, Logs } from '../src/training/trainable.ts';
import { relativeError } from './support/goldens.ts';
import { randomStream, uniform } from './support/random.ts';
import { batches, oneHot, valuesOf } from './support/training.ts';

const labels = [0, 1, 2, 1, 0, 2, 2, 1, 0, 2];
const stream = randomStream('models');
/** Each class has its own mean, so that there is something to learn. */
const images = labels.map((label) =>
  uniform(stream, [8, 8, 2]).data.map((x, i) => x + (i % 3 === label ? 1 : 0)),
);

function batch(from: number, to: number, more: Partial<Batch> = {}): Batch {
  const data = Float32Array.from(images.slice(from, to).flatMap((image) => [...image]));
  return {
    inputs: floats(data, [to - from, 8, 8, 2]),
    targets: oneHot(labels.slice(from, to), 3),
    ...more,
  };
}

/** Ten examples in batches of four: the last has two. */
const parts = [
  [0, 4],
  [4, 8],
  [8, 10],
] as const;
const data = batches(...parts.map(([from, to]) => batch(from, to)));
const whole = batches(batch(0, 10));

interface Options {
  readonly threads?: number;
  readonly seed?: number;
  readonly dropout?: number;
  readonly regularizer?: number;
  readonly optimizer?: Optimizer;
}

/** Two convolutions, the averages of both, a softmax of three classes. */
function network({
  threads = 1,
  dropout = 0,
  regularizer,
  seed = 0,
  optimizer = adam({ learningRate: 0.01 }),
}: Options = {}): Model {
  const x = layers.input({ name: 'x', shape: [8, 8, 2] });
  const conv = { kernelSize: 3, padding: 'same', activation: 'relu' } as const;
  const low = layers.conv2d({ name: 'low', filters: 4, ...conv }).apply(x);
  const pooled = layers.maxPooling2d({ name: 'pool' }).apply(low);
  const high = layers.conv2d({ name: 'high', filters: 8, ...conv }).apply(pooled);
  const averages = [pooled, high].map((map, i) =>
    layers.globalAveragePooling2d({ name: `average${i}` }).apply(map),
  );
  const joined = layers.concatenate({ name: 'joined' }).apply(averages);
  const head = layers.dense({
    name: 'head',
    units: 3,
    activation: 'softmax',
    ...(regularizer !== undefined && { kernelRegularizer: l2(regularizer) }),
  });
  const outputs = head.apply(layers.dropout({ name: 'drop', rate: dropout }).apply(joined));
  const model = new Functional({ inputs: x, outputs, name: 'net' }, { threads });
  model.compile({ ...objective, optimizer, seed });
  return model;
}

const objective = {
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
} satisfies Partial<CompileOptions>;

/** What a new network has learned. */
async function trained(
  options: Options,
  fit: FitOptions = {},
  on: Dataset<Batch> = data,
): Promise<Record<string, Tensor | undefined>> {
  const model = network(options);
  await model.fitDataset(on, fit);
  await model.dispose();
  return valuesOf(model);
}

/** Loss and accuracy from predictions, in double precision. */
function measured({ data: rows }: Tensor<'float32'>, weights: readonly number[] = labels.map(() => 1)) {
  let [loss, hits] = [0, 0];
  labels.forEach((label, i) => {
    const row = rows.subarray(3 * i, 3 * i + 3);
    loss -= (weights[i]! * Math.log(row[label]!)) / labels.length;
    if (row.indexOf(Math.max(...row)) === label) hits++;
  });
  return { loss, accuracy: hits / labels.length };
}

function expectLogs(
  found: Readonly<Record<string, number>>,
  expected: Readonly<Record<string, number>>,
): void {
  expect(Object.keys(found)).toEqual(Object.keys(expected));
  for (const [name, value] of Object.entries(expected)) expect(found[name], name).toBeCloseTo(value, 5);
}

describe('a small network', () => {
  let model: Model;
  beforeAll(() => {
    model = network({ optimizer: adam({ learningRate: 0.02 }) });
  });
  afterAll(() => model.dispose());

  test('predicts alike in batches, whole, and one by one', async () => {
    const predictions = await model.predict(data);
    expect(predictions.shape).toEqual([10, 3]);
    for (let i = 0; i < 10; i++) {
      expect(predictions.data.slice(3 * i, 3 * i + 3).reduce((sum, p) => sum + p)).toBeCloseTo(1, 5);
      const alone = await model.predictOnBatch(batch(i, i + 1).inputs as Tensor);
      expect(relativeError(alone.data, predictions.data.slice(3 * i, 3 * i + 3))).toBeLessThan(1e-5);
    }
    expect(relativeError((await model.predict(whole)).data, predictions.data)).toBeLessThan(1e-5);
  });

  test('is evaluated as its predictions say, each example counting once', async () => {
    const expected = measured(await model.predict(data));
    expectLogs(await model.evaluateDataset(data), expected);
    expectLogs(await model.evaluateDataset(whole), expected);
  });

  test('learns, and tells its history', async () => {
    const before = await model.evaluateDataset(data);
    const { epochs, interrupted } = await model.fitDataset(data, { epochs: 30, validationData: whole });
    expect(interrupted).toBe(false);
    expect(epochs).toHaveLength(30);
    for (const logs of epochs)
      expect(Object.keys(logs)).toEqual(['loss', 'accuracy', 'val_loss', 'val_accuracy']);
    expect(epochs.at(-1)!.val_loss).toBeLessThan(0.5 * before.loss!);
    expect(epochs.at(-1)!.val_accuracy).toBe(1);
    const { loss, accuracy } = await model.evaluateDataset(whole);
    expect(loss).toBeCloseTo(epochs.at(-1)!.val_loss!, 6);
    expect(accuracy).toBe(1);
  });

  test('at a rate of zero stays as it is, and its history is the evaluation', async () => {
    const still = network({ optimizer: sgd({ learningRate: 0 }) });
    const before = valuesOf(still);
    const expected = await still.evaluateDataset(data);
    const { epochs } = await still.fitDataset(data, { epochs: 2 });
    for (const logs of epochs) expectLogs(logs, { loss: expected.loss!, accuracy: expected.accuracy! });
    for (const { path, value } of still.weights) expect(value, path).toEqual(before[path]);
    await still.dispose();
  });

  test('in no epochs does nothing', async () => {
    expect((await model.fitDataset(data, { epochs: 0 })).epochs).toEqual([]);
  });
});

describe('weights of examples', () => {
  const classWeight = [0.5, 2, 1.25];
  const weighted = batches(
    ...parts.map(([from, to]) =>
      batch(from, to, { weights: floats(labels.slice(from, to).map((label) => classWeight[label]!)) }),
    ),
  );

  test('scale each loss, and the count stays the divisor', async () => {
    const model = network();
    const weights = labels.map((label) => classWeight[label]!);
    expectLogs(await model.evaluateDataset(weighted), measured(await model.predict(data), weights));
    await model.dispose();
  });

  test('of classes do what the same weights of examples do, bit for bit', async () => {
    const byExample = await trained({}, { epochs: 2 }, weighted);
    expect(await trained({}, { epochs: 2, classWeight })).toEqual(byExample);
    expect(await trained({}, { epochs: 2 })).not.toEqual(byExample);
  });

  test('of both kinds multiply', async () => {
    const twice = batches(
      ...parts.map(([from, to]) =>
        batch(from, to, {
          weights: floats(labels.slice(from, to).map((label) => classWeight[label]! * classWeight[label]!)),
        }),
      ),
    );
    expect(await trained({}, { classWeight }, weighted)).toEqual(await trained({}, {}, twice));
  });
});

test('a penalty on a kernel is part of the loss', async () => {
  const [plain, penalised] = [network(), network({ regularizer: 0.5 })];
  const kernel = plain.getLayer('head').weights[0]!.value!.data as Float32Array;
  const penalty = 0.5 * kernel.reduce((sum, w) => sum + w * w, 0);
  const [a, b] = [await plain.evaluateDataset(whole), await penalised.evaluateDataset(whole)];
  expect(b.loss! - a.loss!).toBeCloseTo(penalty, 5);
  await Promise.all([plain.dispose(), penalised.dispose()]);
});

describe('the same seed', () => {
  test.each([1, 2])('gives the same weights, bit for bit, with %i threads', async (threads) => {
    const options = { threads, dropout: 0.3, seed: 5 };
    const first = await trained(options, { epochs: 3 });
    expect(await trained(options, { epochs: 3 })).toEqual(first);
    expect(await trained({ ...options, seed: 6 }, { epochs: 3 })).not.toEqual(first);
  });

  test('draws dropout anew at each step, and never in tests', async () => {
    const model = network({ dropout: 0.5, optimizer: sgd({ learningRate: 0 }) });
    const { epochs } = await model.fitDataset(whole, { epochs: 3 });
    expect(new Set(epochs.map(({ loss }) => loss)).size).toBe(3);
    expect(await model.evaluateDataset(whole)).toEqual(await model.evaluateDataset(whole));
    await model.dispose();
  });
});

describe('the optimizer', () => {
  test('goes on over two fits, and starts anew when the model is compiled', async () => {
    const options = { dropout: 0.3, optimizer: adam({ learningRate: 0.05 }) };
    const inOne = await trained(options, { epochs: 4 });
    const model = network(options);
    await model.fitDataset(data, { epochs: 2 });
    const halfway = valuesOf(model);
    await model.fitDataset(data, { epochs: 2 });
    expect(valuesOf(model)).toEqual(inOne);
    for (const weight of model.weights) weight.value = halfway[weight.path];
    model.compile({ ...objective, optimizer: options.optimizer });
    await model.fitDataset(data, { epochs: 2 });
    expect(valuesOf(model)).not.toEqual(inOne);
    await model.dispose();
  });

  test('takes the rate of a layer times its multiplier, the decay too', async () => {
    const options = { learningRate: 0.01, weightDecay: 0.1 };
    const slow = await trained({ optimizer: adamW({ ...options, learningRate: 0.002 }) }, {}, whole);
    const fast = await trained({ optimizer: adamW(options) }, {}, whole);
    const mixed = await trained(
      { optimizer: adamW({ ...options, learningRateMultipliers: { high: 0.2 } }) },
      {},
      whole,
    );
    for (const [path, value] of Object.entries(mixed)) {
      const [like, unlike] = path.startsWith('high') ? [slow, fast] : [fast, slow];
      expect(relativeError(value!.data as Float32Array, like[path]!.data as Float32Array), path).toBeLessThan(
        1e-6,
      );
      expect(value, path).not.toEqual(unlike[path]);
    }
  });
});

describe('freezing', () => {
  const named = ['low', 'high', 'head'];
  const subsets = Array.from({ length: 7 }, (_, i) => named.filter((_, bit) => (i + 1) & (1 << bit)));

  test('leaves what is frozen untouched, and moves the rest as if nothing were', async () => {
    const model = network({ dropout: 0.3 });
    const initial = valuesOf(model);
    const predictions = await model.predict(data);
    const step = async (trainable: readonly string[]) => {
      for (const layer of model.layers) layer.trainable = trainable.includes(layer.name);
      for (const weight of model.weights) weight.value = initial[weight.path];
      expect(relativeError((await model.predict(data)).data, predictions.data)).toBeLessThan(1e-5);
      model.compile({ ...objective, optimizer: sgd({ learningRate: 0.1 }) });
      await model.fitDataset(whole);
      return valuesOf(model);
    };
    const moved = (values: Record<string, Tensor | undefined>, path: string) =>
      (values[path]!.data as Float32Array).map((w, i) => w - Number(initial[path]!.data[i]));
    const all = await step(named);
    for (const trainable of subsets) {
      const after = await step(trainable);
      for (const path of Object.keys(after)) {
        if (!trainable.some((name) => path.startsWith(name))) expect(after[path], path).toBe(initial[path]);
        else
          expect(relativeError(moved(after, path), moved(all, path)), `${trainable}: ${path}`).toBeLessThan(
            1e-4,
          );
      }
    }
    await model.dispose();
  });

  test('lets each example be looked at once, over epochs, validation and predictions', async () => {
    const model = network();
    for (const name of ['low', 'high']) model.getLayer(name).trainable = false;
    let asked = 0;
    const keyed = batches(
      ...parts.map(([from, to]) => {
        const { inputs, ...rest } = batch(from, to);
        const given = inputs as Tensor<'float32'>;
        const keys = Array.from({ length: to - from }, (_, i) => `example ${from + i}`);
        return {
          ...rest,
          keys,
          inputs: async () => {
            asked++;
            return { ...given, data: given.data.slice() };
          },
        };
      }),
    );
    model.compile({ ...objective, optimizer: adam({ learningRate: 0.01 }) });
    await model.fitDataset(keyed, { epochs: 3, validationData: keyed });
    const predictions = await model.predict(keyed);
    expect(asked).toBe(3);
    expect(relativeError(predictions.data, (await model.predict(data)).data)).toBeLessThan(1e-5);
    expectLogs(await model.evaluateDataset(keyed), measured(predictions));
    model.getLayer('high').trainable = true;
    await model.fitDataset(keyed, { epochs: 2 }); // the cut lies elsewhere now
    expect(asked).toBe(6);
    model.getLayer('high').trainable = false;
    const changed = await model.predict(keyed); // and what depends on the trained layer is void
    expect(relativeError(changed.data, (await model.predict(data)).data)).toBeLessThan(1e-5);
    await model.dispose();
  });

  test('everything leaves a model that predicts and is evaluated, and cannot be fitted', async () => {
    const model = network();
    const expected = await model.predict(data);
    for (const layer of model.layers) layer.trainable = false;
    expect(relativeError((await model.predict(data)).data, expected.data)).toBeLessThan(1e-5);
    expectLogs(await model.evaluateDataset(data), measured(expected));
    await expect(model.fitDataset(data)).rejects.toThrow(UsageError);
    await expect(model.fitDataset(data)).rejects.toThrow("model 'net': no layer is trainable");
    await model.dispose();
  });

  test('features of a layer are those that its own model computes', async () => {
    const model = network();
    const joined = model.output.inputs[0]!.inputs[0]!;
    const own = new Functional({ inputs: model.inputs, outputs: joined }, { threads: 1 });
    const seen: number[] = [];
    const features = await model.featuresOf(joined, data, { onProgress: (examples) => seen.push(examples) });
    expect(features.shape).toEqual([10, 12]);
    expect(seen).toEqual([4, 8, 10]);
    expect(relativeError(features.data, (await own.predict(data)).data)).toBeLessThan(1e-6);
    await Promise.all([model.dispose(), own.dispose()]);
  });
});

describe('what goes wrong arrives, and leaves the model usable:', () => {
  let model: Model;
  beforeAll(() => {
    model = network();
  });
  afterAll(() => model.dispose());

  const usable = async () => {
    const initial = valuesOf(network());
    for (const weight of model.weights) weight.value = initial[weight.path];
    model.compile({ ...objective, optimizer: adam({ learningRate: 0.01 }) });
    const { epochs } = await model.fitDataset(data, { epochs: 2 });
    expect(epochs[1]!.loss).toBeLessThan(epochs[0]!.loss!);
  };

  test('a loss that is no number, with its step', async () => {
    const poisoned = batch(0, 4);
    (poisoned.inputs as Tensor<'float32'>).data[7] = Number.NaN;
    const fitting = model.fitDataset(batches(batch(0, 4), batch(4, 8), poisoned, batch(8, 10)));
    await expect(fitting).rejects.toThrow(ComputeError);
    await expect(fitting).rejects.toThrow('the loss is NaN at step 3 (epoch 1): training has diverged');
    await usable();
  });

  test('an error of a data set’s own function, and one of ours', async () => {
    const late = (error: Error) => {
      let count = 0;
      return data.map((given) => (++count === 3 ? Promise.reject(error) : given));
    };
    await expect(
      model.fitDataset(data.map(() => Promise.reject<Batch>(new Error('own reason')))),
    ).rejects.toThrow('own reason');
    await expect(model.fitDataset(late(new DataError('no such file')))).rejects.toThrow(DataError);
    await expect(model.predict(late(new DataError('no such file')))).rejects.toThrow('no such file');
    await expect(model.evaluateDataset(late(new Error('own reason')))).rejects.toThrow('own reason');
    await usable();
  });

  test('inputs that cannot be had', async () => {
    const absent = batch(0, 4, { inputs: () => Promise.reject(new DataError('a.jpeg: cannot be read')) });
    await expect(model.fitDataset(batches(batch(0, 4), absent))).rejects.toThrow('a.jpeg: cannot be read');
    await usable();
  });

  test('images of another size, targets of another number of classes', async () => {
    const small = batch(0, 2, { inputs: floats(new Float32Array(2 * 6 * 8 * 2), [2, 6, 8, 2]) });
    await expect(model.predict(batches(small))).rejects.toThrow(ShapeError);
    await expect(model.fitDataset(batches(small))).rejects.toThrow(
      "input 'x' takes [batch, 8, 8, 2], and was given [2, 6, 8, 2]",
    );
    const other = batch(0, 2, { targets: oneHot([0, 1], 2) });
    await expect(model.fitDataset(batches(other))).rejects.toThrow(ShapeError);
    await usable();
  });

  test('an interruption, after the step that is running', async () => {
    const before = valuesOf(model);
    const ending = new AbortController();
    const steps: number[] = [];
    const callback = {
      onTrainBatchEnd: (_batch: number, _logs: Logs, { step }: StepProgress) => {
        steps.push(step);
        if (step === 2) ending.abort();
      },
    };
    const history = await model.fitDataset(data, { epochs: 5, callbacks: [callback], signal: ending.signal });
    expect(history).toMatchObject({ interrupted: true, epochs: [] });
    expect(steps).toEqual([1, 2]);
    expect(valuesOf(model)).not.toEqual(before);
    await usable();
  });

  test('features that are no longer wanted', async () => {
    const joined = model.output.inputs[0]!;
    const ended = model.featuresOf(joined, data, { signal: AbortSignal.abort() });
    await expect(ended).rejects.toThrow('aborted');
    await usable();
  });
});

test('a model that was disposed of can be used again', async () => {
  const model = network();
  await model.fitDataset(data);
  const predictions = await model.predict(data);
  await model.dispose();
  await model.dispose();
  expect(await model.predict(data)).toEqual(predictions);
  await model.fitDataset(data);
  await model.dispose();
});

test('what a layer moves without reading it arrives at the layer', async () => {
  class Meter extends Layer {
    static override readonly className: string = 'Meter';
    #seen!: Weight;

    override get stateful(): boolean {
      return true;
    }

    override build(): void {
      this.#seen = this.addWeight('seen', [], { initializer: 'zeros', trainable: false });
    }

    call([x]: readonly [Value], { training, update }: CallContext): Value {
      if (training) update(this.#seen, reduceMean(x));
      return x;
    }
  }
  const meter = new Meter({ name: 'meter' });
  const x = layers.input({ name: 'x', shape: [2] });
  const outputs = layers.dense({ name: 'd', units: 2, activation: 'softmax' }).apply(meter.apply(x));
  const model = new Functional({ inputs: x, outputs }, { threads: 1 });
  model.compile({ ...objective, optimizer: sgd() });
  await model.fit(floats([1, 2, 3, 6], [2, 2]), oneHot([0, 1], 2));
  expect(meter.getWeights()).toEqual([scalar(3)]);
  await model.dispose();
});

describe('what cannot be meant is refused:', () => {
  const x = () => layers.input({ name: 'x', shape: [4] });
  const dense = (name: string) => layers.dense({ name, units: 2 });

  test('training or testing what is not compiled', async () => {
    const input = x();
    const model = new Functional({ inputs: input, outputs: dense('d').apply(input), name: 'raw' });
    await expect(model.fitDataset(data)).rejects.toThrow(UsageError);
    await expect(model.fitDataset(data)).rejects.toThrow("model 'raw': call compile before fit");
    await expect(model.evaluateDataset(data)).rejects.toThrow('call compile before evaluate');
    await model.dispose();
  });

  test('an input that the output does not come from', () => {
    const make = () =>
      new Functional({ inputs: x(), outputs: dense('d').apply(layers.input({ name: 'other', shape: [4] })) });
    expect(make).toThrow(UsageError);
    expect(make).toThrow("depends on 'other'");
  });

  test('two layers of one name', () => {
    const input = x();
    const make = () =>
      new Functional({ inputs: input, outputs: dense('same').apply(dense('same').apply(input)) });
    expect(make).toThrow("two layers have the name 'same'");
  });

  test('shapes that do not fit, by the layer', () => {
    const make = () =>
      layers.conv2d({ name: 'block1', filters: 2, kernelSize: 3 }).apply(layers.input({ shape: [2, 2, 1] }));
    expect(make).toThrow(ShapeError);
    expect(make).toThrow("layer 'block1' (Conv2D) on [batch, 2, 2, 1]");
  });

  test('a layer that is not there, a loss, a metric, a number of epochs or threads', async () => {
    const model = network();
    expect(() => model.getLayer('top')).toThrow("no layer 'top'; it has x, low, pool");
    const optimizer = sgd();
    const wrong: [object, string][] = [
      [{ loss: 'mme' }, 'is no loss; expected'],
      [{ metrics: ['acuracy'] }, 'acuracy'],
      [{ optimizer: 'adamm' }, 'adamm'],
      [{ optimiser: optimizer }, "there is no option 'optimiser'; there are optimizer, loss"],
    ];
    for (const [change, message] of wrong) {
      const compile = () => model.compile({ ...objective, optimizer, ...change });
      expect(compile).toThrow(UsageError);
      expect(compile).toThrow(message);
    }
    await expect(model.fitDataset(data, { epoch: 2 } as never)).rejects.toThrow("there is no option 'epoch'");
    await expect(model.fit(data as never, data as never)).rejects.toThrow('a dataset is for fitDataset');
    for (const epochs of [-1, 1.5, Number.NaN])
      await expect(model.fitDataset(data, { epochs })).rejects.toThrow(UsageError);
    expect(() => network({ threads: 0 })).toThrow(
      "model 'net': threads must be a whole number above 0, got 0",
    );
    await model.dispose();
  });

  test('a data set without a batch', async () => {
    const model = network();
    await expect(model.fitDataset(batches())).rejects.toThrow('gave no batch to train on');
    await expect(model.evaluateDataset(batches())).rejects.toThrow('gave no batch to test on');
    await expect(model.predict(batches())).rejects.toThrow('gave no batch to predict from');
    await model.dispose();
  });
});

test('memory and handles stay flat over hundreds of steps', async () => {
  const model = network({ threads: 2, dropout: 0.2 });
  const random = new RandomStream(deriveKey(1, 'memory'));
  const endless = Dataset.fromGenerator(() =>
    Array.from({ length: 100 }, () => batch(0, 1 + random.below(8))),
  );
  const handles = () => process.getActiveResourcesInfo().length;
  await model.fitDataset(endless, { epochs: 2 });
  const before = { rss: process.memoryUsage.rss(), handles: handles() };
  await model.fitDataset(endless, { epochs: 4 });
  await model.predict(endless);
  expect(process.memoryUsage.rss() - before.rss).toBeLessThan(64 * 2 ** 20);
  expect(handles()).toBeLessThanOrEqual(before.handles + 2);
  await model.dispose();
});
