import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { registerCustomObjects } from '../src/core/custom-objects.ts';
import { DataError, UsageError } from '../src/core/errors.ts';
import { tensor } from '../src/core/tensor.ts';
import type { Value } from '../src/graph/value.ts';
import * as layers from '../src/layers/layers.ts';
import { losses } from '../src/losses/losses.ts';
import { metrics } from '../src/metrics/metrics.ts';
import { model } from '../src/models/functional.ts';
import { loadModel } from '../src/models/loading.ts';
import type { Model } from '../src/models/model.ts';
import type { CompileOptions } from '../src/models/model-options.ts';
import { square, sub } from '../src/ops/elementwise.ts';
import { reduceMean } from '../src/ops/reduce.ts';
import { adafactor, adam, type Optimizer, rmsprop, sgd } from '../src/optimizers/optimizers.ts';
import { schedules } from '../src/optimizers/schedules.ts';
import type { Callback, CallbackState } from '../src/training/callback.ts';
import { EarlyStopping } from '../src/training/callbacks/early-stopping.ts';
import { ReduceLROnPlateau } from '../src/training/callbacks/reduce-lr-on-plateau.ts';
import { randomStream, uniform } from './support/random.ts';
import { valuesOf } from './support/training.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-resuming-'));
});
afterAll(() => rm(folder, { recursive: true }));
let count = 0;
const fresh = () => join(folder, `model ${++count}`);

const stream = randomStream('resuming');
const x = uniform(stream, [11, 5], -2, 2);
const labels = tensor(
  'uint8',
  [11],
  Uint8Array.from({ length: 11 }, () => stream.below(3)),
);
const options = { threads: 1 };
const data = { batchSize: 4, validationSplit: 0.2 };

function network(): Model {
  const input = layers.input({ name: 'x', shape: [5] });
  let y = layers.dense({ name: 'low', units: 6, activation: 'tanh' }).apply(input);
  y = layers.batchNormalization({ name: 'normal', momentum: 0.7 }).apply(y);
  y = layers.dropout({ name: 'drop', rate: 0.3 }).apply(y);
  y = layers.dense({ name: 'head', units: 3, activation: 'softmax', kernelRegularizer: 'l2' }).apply(y);
  return model({ name: 'net', inputs: input, outputs: y }, options);
}

const by = (optimizer: Optimizer): CompileOptions => ({
  optimizer,
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
  weightedMetrics: [metrics.sparseTopKCategoricalAccuracy({ k: 2, name: 'best' })],
  seed: 5,
});

/** Weights and history of epochs 0 and 1, then of 2 and 3, `between` having the model in hand. */
async function inTwoParts(compiled: CompileOptions, between: (net: Model) => Promise<Model>) {
  const net = network();
  net.compile(compiled);
  await net.fit(x, labels, { ...data, epochs: 2 });
  const next = await between(net);
  const { epochs } = await next.fit(x, labels, { ...data, epochs: 4, initialEpoch: 2 });
  await net.dispose();
  await next.dispose();
  return { epochs, values: valuesOf(next) };
}

describe.each<[string, Optimizer]>([
  ['Adam with amsgrad', adam({ learningRate: 0.05, amsgrad: true })],
  [
    'SGD by three batches at a time, with averages',
    sgd({ momentum: 0.9, gradientAccumulationSteps: 3, useEma: true }),
  ],
  [
    'RMSprop by a schedule',
    rmsprop({
      learningRate: schedules.exponentialDecay({ initialLearningRate: 0.05, decaySteps: 3, decayRate: 0.5 }),
    }),
  ],
  ['Adafactor, clipped', adafactor({ learningRate: 0.05, clipnorm: 0.5 })],
])('%s goes on bit for bit', (_, optimizer) => {
  const uninterrupted = () => inTwoParts(by(optimizer), async (net) => net);

  test('from its state, taken out and put in', async () => {
    const resumed = await inTwoParts(by(optimizer), async (net) => {
      const next = network();
      next.compile(by(optimizer));
      next.setWeights(net.getWeights());
      next.setOptimizerState(await net.optimizerState());
      return next;
    });
    expect(resumed).toEqual(await uninterrupted());
  });

  test('from a saved model, which is compiled as it was', async () => {
    const resumed = await inTwoParts(by(optimizer), async (net) => {
      const path = fresh();
      await net.save(path);
      return loadModel(path, options);
    });
    expect(resumed).toEqual(await uninterrupted());
    const anew = await inTwoParts(by(optimizer), async (net) => {
      net.compile(by(optimizer));
      return net;
    });
    expect(anew).not.toEqual(resumed);
  });
});

describe('callbacks go on', () => {
  const compiled = by(adam({ learningRate: 0.05 }));
  // A change that is never large enough, so that patience is what counts.
  const plateau = () => new ReduceLROnPlateau({ factor: 0.5, patience: 2, minDelta: 100 });
  const stopping = () => new EarlyStopping({ patience: 5, minDelta: 100, restoreBestWeights: true });
  const run = (net: Model, callbacks: readonly Callback[], more: object = {}) =>
    net.fit(x, labels, { ...data, epochs: 9, callbacks, ...more });

  test('with their state, and the rate that they set, from a saved model', async () => {
    const whole = network();
    whole.compile(compiled);
    const expected = await run(whole, [plateau(), stopping()]);
    expect(expected.epoch).toHaveLength(6);

    const first = network();
    first.compile(compiled);
    const [slowing, ending] = [plateau(), stopping()];
    const path = fresh();
    let text = '';
    let tensors: CallbackState['tensors'];
    const checkpoint: Callback = {
      onEpochEnd: async (epoch) => {
        if (epoch !== 3) return;
        await first.save(path);
        text = JSON.stringify([slowing, ending].map((callback) => callback.getState().values));
        ({ tensors } = ending.getState());
        throw new Error('the power fails');
      },
    };
    await expect(run(first, [slowing, ending, checkpoint])).rejects.toThrow('the power fails');

    const next = await loadModel(path, options);
    expect(next.learningRate).toBe(0.025);
    const [values, endingValues] = JSON.parse(text) as CallbackState['values'][];
    const [slower, ender] = [plateau(), stopping()];
    slower.setState({ values: values! });
    ender.setState({ values: endingValues!, tensors: tensors! });
    const rest = await run(next, [slower, ender], { initialEpoch: 4 });
    expect(rest.epochs).toEqual(expected.epochs.slice(4));
    expect(next.learningRate).toBe(whole.learningRate);
    expect(valuesOf(next)).toEqual(valuesOf(whole));
    await Promise.all([whole, first, next].map((net) => net.dispose()));
  });
});

describe('what compile was told', () => {
  const distance = (targets: Value, predictions: Value) =>
    reduceMean(square(sub(targets, predictions)), { axes: [-1] });
  registerCustomObjects({ distanceOfOnesOwn: distance });

  const twoOutputs = () => {
    const input = layers.input({ name: 'x', shape: [5] });
    const head = (name: string) => layers.dense({ name, units: 2, activation: 'sigmoid' }).apply(input);
    return model({ name: 'two', inputs: input, outputs: [head('a'), head('b')] }, options);
  };
  const saved = async (compiled: CompileOptions, make = twoOutputs) => {
    const net = make();
    net.compile(compiled);
    const path = fresh();
    await net.save(path);
    return { net, path, config: JSON.parse(await readFile(join(path, 'model.json'), 'utf8')).compile_config };
  };

  test('is written as Keras writes it', async () => {
    const { config } = await saved({
      optimizer: adam({ learningRate: 0.5, learningRateMultipliers: { a: 0.1 } }),
      loss: { a: losses.huber({ delta: 2 }), b: distance },
      lossWeights: { a: 2, b: 0.5 },
      metrics: [['accuracy'], ['mse', distance]],
    });
    expect(config).toMatchObject({
      optimizer: {
        module: 'keras.optimizers',
        class_name: 'Adam',
        config: { learning_rate: 0.5, beta_1: 0.9 },
        fovea: { learning_rate_multipliers: { a: 0.1 } },
      },
      loss: {
        a: { module: 'keras.losses', class_name: 'Huber', config: { delta: 2 }, registered_name: null },
        b: { module: 'builtins', class_name: 'function', config: 'distanceOfOnesOwn' },
      },
      loss_weights: { a: 2, b: 0.5 },
      metrics: [
        ['accuracy'],
        [{ class_name: 'MeanSquaredError', config: { name: 'mse' } }, { config: 'distanceOfOnesOwn' }],
      ],
      weighted_metrics: null,
    });
  });

  test.each<[string, CompileOptions]>([
    ['by default', { loss: 'mse' }],
    ['names, one for all', { loss: 'crossentropy', optimizer: 'sgd', metrics: ['accuracy', 'auc'], seed: 3 }],
    [
      'lists, with none',
      {
        loss: [null, 'mae'],
        lossWeights: [1, 2],
        metrics: [['accuracy'], []],
        weightedMetrics: [[], ['mae']],
      },
    ],
    ['records, with functions of one’s own', { loss: { b: distance }, metrics: { a: distance, b: ['mse'] } }],
  ])('is what a loaded model is compiled with: %s', async (_, compiled) => {
    const { net, path } = await saved(compiled);
    const loaded = await loadModel(path, options);
    expect(loaded.compiled!.seed).toBe(compiled.seed ?? 0);
    expect(loaded.compiled!.optimizer.config).toEqual(net.compiled!.optimizer.config);
    const y = [uniform(stream, [11, 2], 0, 1), uniform(stream, [11, 2], 0, 1)];
    const run = (made: Model) => made.fit(x, y, { epochs: 2, batchSize: 4 });
    expect((await run(loaded)).epochs).toEqual((await run(net)).epochs);
    expect(valuesOf(loaded)).toEqual(valuesOf(net));
    await Promise.all([net.dispose(), loaded.dispose()]);
  });

  test('finds functions by the names that the loader gives, also after it', async () => {
    const near = (targets: Value, predictions: Value) => distance(targets, predictions);
    const net = twoOutputs();
    net.compile({ loss: near });
    await expect(net.save(fresh())).rejects.toThrow(UsageError);
    await expect(net.save(fresh())).rejects.toThrow(
      /a function of one’s own can be saved once it has a name.*includeOptimizer: false/,
    );
    const { path } = await saved({ loss: distance, metrics: [distance] });
    const json = join(path, 'model.json');
    await writeFile(json, (await readFile(json, 'utf8')).replaceAll('distanceOfOnesOwn', 'near'));
    await expect(loadModel(path)).rejects.toThrow(DataError);
    await expect(loadModel(path)).rejects.toThrow(`${json}: compile_config: there is no loss`);
    const loaded = await loadModel(path, { ...options, customObjects: { near } });
    const y = uniform(stream, [11, 2], 0, 1);
    expect(Object.keys(await loaded.evaluate(x, [y, y]))).toEqual([
      'loss',
      'a_loss',
      'b_loss',
      'a_near',
      'b_near',
    ]);
    await loaded.dispose();
  });

  test('is left out where that is wanted, when saving or loading', async () => {
    const { path, net } = await saved({ loss: 'mse' });
    const plain = await loadModel(path, { ...options, compile: false });
    expect(plain.compiled).toBeUndefined();
    await expect(plain.evaluate(x, [x, x])).rejects.toThrow('call compile before evaluate');
    const bare = fresh();
    await net.save(bare, { includeOptimizer: false });
    expect((await loadModel(bare, options)).compiled).toBeUndefined();
    await Promise.all([net.dispose(), plain.dispose()]);
  });

  test.each<[string, object, string]>([
    ['an optimizer that there is not', { optimizer: { class_name: 'Best', config: {} } }, "the class 'Best'"],
    ['a metric that there is not', { metrics: ['best'] }, 'there is no metric "best"'],
    ['another output', { loss: { c: 'mse' } }, "loss: there is no output 'c'"],
    ['weights that are no numbers', { loss_weights: { a: 'x' } }, "'a' must be a finite number, got x"],
    ['no object', [], 'compile_config should be an object, and is a list'],
  ])('is refused by its file’s name: %s', async (_, change, message) => {
    const { path, config } = await saved({ loss: 'mse' });
    const json = join(path, 'model.json');
    const whole = JSON.parse(await readFile(json, 'utf8'));
    const changed = Array.isArray(change) ? change : { ...config, ...change };
    await writeFile(json, JSON.stringify({ ...whole, compile_config: changed }));
    const loading = loadModel(path);
    await expect(loading).rejects.toThrow(DataError);
    await expect(loading).rejects.toThrow(json);
    await expect(loading).rejects.toThrow(message);
  });
});
