import { afterEach, describe, expect, type MockInstance, test, vi } from 'vitest';
import { UsageError } from '../src/core/errors.ts';
import { floats, type Tensor, tensor, zeros } from '../src/core/tensor.ts';
import * as layers from '../src/layers/layers.ts';
import { model } from '../src/models/functional.ts';
import type { Model } from '../src/models/model.ts';
import type { CompileOptions, ModelOptions } from '../src/models/model-options.ts';
import { adam, sgd } from '../src/optimizers/optimizers.ts';
import { Device, type Program, type ProgramSpec } from '../src/runtime/device.ts';
import type { Callback } from '../src/training/callback.ts';
import { EarlyStopping } from '../src/training/callbacks/early-stopping.ts';
import { randomStream, uniform } from './support/random.ts';
import { batches, valuesOf } from './support/training.ts';

const stream = randomStream('training laws');
const x = uniform(stream, [10, 5], -2, 2);
const labels = tensor(
  'uint8',
  [10],
  Uint8Array.from({ length: 10 }, () => stream.below(3)),
);
const valX = uniform(stream, [4, 5], -2, 2);
const valLabels = tensor('uint8', [4], Uint8Array.of(0, 1, 2, 1));
const validationData = { x: valX, y: valLabels };

const by = {
  optimizer: adam({ learningRate: 0.05 }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
} satisfies CompileOptions;

/** low → normal → drop → middle → head */
function network(options: CompileOptions = by, threads = 1, more: ModelOptions = {}): Model {
  const input = layers.input({ name: 'x', shape: [5] });
  let y = layers.dense({ name: 'low', units: 6, activation: 'tanh' }).apply(input);
  y = layers.batchNormalization({ name: 'normal', momentum: 0.7 }).apply(y);
  y = layers.dropout({ name: 'drop', rate: 0.2 }).apply(y);
  y = layers.dense({ name: 'middle', units: 6, activation: 'tanh' }).apply(y);
  y = layers.dense({ name: 'head', units: 3, activation: 'softmax' }).apply(y);
  const net = model({ name: 'net', inputs: input, outputs: y }, { threads, ...more });
  net.compile(options);
  return net;
}

/** What a network has learned after so many steps of four examples. */
async function learnedAfter(steps: number): Promise<Record<string, Tensor | undefined>> {
  const net = network();
  const begun = valuesOf(net);
  await net.fit(x, labels, { batchSize: 4, epochs: Math.ceil(steps / 3), callbacks: [stopAt(net, steps)] });
  await net.dispose();
  for (const [path, value] of Object.entries(valuesOf(net))) expect(value, path).not.toEqual(begun[path]);
  return valuesOf(net);
}

const stopAt = (net: Model, wanted: number): Callback => ({
  onTrainBatchEnd: (_at, _logs, { step }) => {
    if (step === wanted) net.stopTraining = true;
  },
});

afterEach(() => vi.restoreAllMocks());

/** Names of the programs that are compiled, and of those that are run. */
function watched() {
  const [compiled, run]: [string[], string[]] = [[], []];
  const { compile } = Device.prototype;
  const spy: MockInstance<typeof compile> = vi.spyOn(Device.prototype, 'compile');
  spy.mockImplementation(async function (this: Device, spec: ProgramSpec): Promise<Program> {
    compiled.push(spec.name);
    const program = await compile.call(this, spec);
    return {
      ...program,
      run: (...given) => {
        run.push(spec.name);
        return program.run(...given);
      },
    };
  });
  return { compiled, run };
}

describe('nothing is compiled again', () => {
  test('for another rate, class weights, batches of another size, another fit, evaluate or new weights', async () => {
    const { compiled } = watched();
    const net = network();
    const schedule: Callback = {
      onEpochBegin: (epoch) => {
        net.learningRate = 0.01 / (epoch + 1);
      },
    };
    await net.fit(x, labels, { batchSize: 4, epochs: 2, callbacks: [schedule], validationData });
    expect(compiled).toEqual(['training step', 'test step']);
    await net.fit(x, labels, { batchSize: 3, classWeight: { 0: 2 }, validationSplit: 0.2 });
    await net.fit(x, labels, { batchSize: 7, sampleWeight: floats(new Float32Array(10).fill(2)) });
    await net.evaluate(x, labels, { batchSize: 9 });
    await net.trainOnBatch(valX, valLabels);
    await net.testOnBatch(valX, valLabels, { classWeight: [1, 2, 3] });
    net.setWeights(net.getWeights().map(({ data, shape }) => floats(data as Float32Array, shape)));
    await net.fit(x, labels, { batchSize: 5, epochs: 2, stepsPerEpoch: 3 });
    expect(compiled).toEqual(['training step', 'test step']);
    await net.dispose();
  });

  test('but what targets of another kind, another compile or other flags ask for', async () => {
    const { compiled } = watched();
    const taken = () => compiled.splice(0).sort();
    const net = network();
    const run = () => net.fit(x, labels, { batchSize: 4 });
    await run();
    expect(taken()).toEqual(['training step']);
    await net.fit(x, floats(labels.data, [10, 1]), { batchSize: 4 });
    expect(taken()).toEqual(['training step']);
    net.compile(by);
    await run();
    expect(taken()).toEqual(['training step']);
    for (const name of ['low', 'normal']) net.getLayer(name).trainable = false;
    await run();
    expect(taken()).toEqual(['training step', 'trunk to normal']);
    net.getLayer('low').trainable = false;
    await run();
    expect(taken()).toEqual([]);
    net.getLayer('middle').trainable = false;
    await run();
    expect(taken()).toEqual(['training step']); // below it is dropout: it stays in the tail
    net.trainable = true;
    await run();
    expect(taken()).toEqual(['training step']);
    await net.dispose();
  });

  test('when frozen weights of the tail get other values, the step follows', async () => {
    const { compiled } = watched();
    const net = network();
    net.getLayer('middle').trainable = false;
    const frozen = net.getLayer('middle');
    const losses: number[] = [];
    const change: Callback = {
      onTrainBatchEnd: (at, { loss }) => {
        losses.push(loss!);
        if (at === 1) frozen.setWeights(frozen.getWeights().map(({ shape }) => zeros('float32', shape)));
      },
    };
    // The head sees zeros from then on, and its bias has hardly moved.
    const slow = { ...by, optimizer: sgd({ learningRate: 1e-6 }) };
    net.compile(slow);
    await net.fitDataset(batches(...Array.from({ length: 3 }, () => ({ inputs: x, targets: labels }))), {
      callbacks: [change],
    });
    expect(compiled).toEqual(['training step', 'training step']);
    expect(3 * losses[2]! - 2 * losses[1]!).toBeCloseTo(Math.log(3), 4);
    await net.dispose();
  });
});

describe('training that is ended leaves what it has learned, and goes on', () => {
  test('by stopTraining in the middle of an epoch', async () => {
    const net = network();
    const { epoch, epochs, interrupted } = await net.fit(x, labels, {
      batchSize: 4,
      epochs: 9,
      callbacks: [stopAt(net, 5)],
    });
    expect([epoch, epochs.length, interrupted]).toEqual([[0, 1], 2, false]);
    expect(valuesOf(net)).toEqual(await learnedAfter(5));
    expect((await net.fit(x, labels, { epochs: 2 })).epoch).toEqual([0, 1]);
    await net.dispose();
  });

  test('by a signal', async () => {
    const net = network();
    const ending = new AbortController();
    const abort: Callback = {
      onTrainBatchEnd: (_at, _logs, { step }) => void (step === 5 && ending.abort()),
    };
    const { epoch, interrupted } = await net.fit(x, labels, {
      batchSize: 4,
      epochs: 9,
      callbacks: [abort],
      signal: ending.signal,
    });
    expect([epoch, interrupted]).toEqual([[0], true]);
    expect(valuesOf(net)).toEqual(await learnedAfter(5));
    expect((await net.fit(x, labels)).interrupted).toBe(false);
    await net.dispose();
  });

  test('by an error of a callback', async () => {
    const net = network();
    const fail: Callback = {
      onTrainBatchEnd: (_at, _logs, { step }) => {
        if (step === 5) throw new Error('the callback’s own');
      },
    };
    const run = { batchSize: 4, epochs: 2 };
    await expect(net.fit(x, labels, { ...run, callbacks: [fail] })).rejects.toThrow('the callback’s own');
    expect(valuesOf(net)).toEqual(await learnedAfter(5));
    const other = network();
    await other.fit(x, labels, { ...run, callbacks: [stopAt(other, 5)] });
    for (const made of [net, other]) await made.fit(x, labels, run);
    expect(valuesOf(net)).toEqual(valuesOf(other));
    await Promise.all([net.dispose(), other.dispose()]);
  });
});

test('weights that a callback sets are those of the next step', async () => {
  const net = network();
  const begun = net.getWeights();
  const ends = net.getLayer('head').weights.map(({ path }) => path);
  const reset: Callback = { onTrainBatchEnd: (at) => void (at === 0 && net.setWeights(begun)) };
  const first = batches({ inputs: x, targets: labels }, { inputs: valX, targets: valLabels });
  // Gradient descent remembers nothing, so the first step is undone.
  const plain = { ...by, optimizer: sgd({ learningRate: 0.1 }), seed: 3 };
  net.compile(plain);
  await net.fitDataset(first, { callbacks: [reset] });
  const alone = network(plain);
  alone.setWeights(begun);
  await alone.setOptimizerState({ iterations: 1, slots: {} }); // the same dropout
  await alone.fitDataset(batches({ inputs: valX, targets: valLabels }));
  for (const path of ends) expect(valuesOf(net)[path]).toEqual(valuesOf(alone)[path]);
  await Promise.all([net.dispose(), alone.dispose()]);
});

describe('the seed', () => {
  const run = async (seed: number, threads: number) => {
    const net = network({ ...by, seed }, threads);
    const { epochs } = await net.fit(x, labels, { batchSize: 4, epochs: 3, validationSplit: 0.2 });
    await net.dispose();
    return [epochs, valuesOf(net)];
  };

  test.each([1, 2])(
    'decides all: the same gives the same bits with %d threads, another does not',
    async (threads) => {
      const [first, again, other] = [await run(7, threads), await run(7, threads), await run(8, threads)];
      expect(again).toEqual(first);
      expect(other).not.toEqual(first);
    },
  );

  test('gives each epoch an order of its own', async () => {
    const input = layers.input({ name: 'x', shape: [5] });
    const lossesOf = async (seed: number) => {
      const head = layers.dense({ name: 'head', units: 3, activation: 'softmax' });
      const net = model({ inputs: input, outputs: head.apply(input) }, { threads: 1 });
      net.compile({ ...by, optimizer: sgd({ learningRate: 0 }), seed });
      net.setWeights([uniform(randomStream('head'), [5, 3], -1, 1), floats([0, 0, 0])]);
      const firsts: number[] = [];
      const look: Callback = { onTrainBatchEnd: (at, { loss }) => void (at === 0 && firsts.push(loss!)) };
      const { history } = await net.fit(x, labels, { batchSize: 5, epochs: 3, callbacks: [look] });
      await net.dispose();
      for (const loss of history.loss!) expect(loss).toBeCloseTo(history.loss![0]!, 5);
      return firsts;
    };
    const [first, again, other] = [await lossesOf(1), await lossesOf(1), await lossesOf(2)];
    expect(again).toEqual(first);
    expect(new Set([...first, ...other]).size).toBe(6);
  });
});

describe('moving averages', () => {
  const averaging = { ...by, optimizer: sgd({ learningRate: 0.1, useEma: true, emaMomentum: 0.9 }) };

  test('have taken the weights’ place when callbacks are told of the end', async () => {
    const net = network(averaging);
    let [trained, ended]: Tensor[][] = [[], []];
    const look: Callback = {
      onEpochEnd: async () => {
        await net.syncWeights();
        trained = net.getWeights();
      },
      onTrainEnd: () => {
        ended = net.getWeights();
      },
    };
    await net.fit(x, labels, { epochs: 2, callbacks: [look] });
    expect(net.getWeights()).toEqual(ended);
    expect(ended).not.toEqual(trained);
    await net.dispose();
  });

  test('but not that of weights which a callback brings back then', async () => {
    const net = network(averaging);
    let best: readonly Tensor[] = [];
    const look: Callback = {
      onEpochEnd: async (epoch) => {
        await net.syncWeights();
        if (epoch === 0) best = net.getWeights();
      },
    };
    const stopping = new EarlyStopping({
      monitor: 'loss',
      mode: 'max',
      patience: 2,
      restoreBestWeights: true,
    });
    await net.fit(x, labels, { epochs: 9, callbacks: [look, stopping] });
    expect(net.getWeights()).toEqual(best);
    await net.dispose();
  });
});

describe('frozen layers and examples in memory', () => {
  const frozen = (more: ModelOptions = {}) => {
    const net = network(by, 1, more);
    for (const name of ['low', 'normal']) net.getLayer(name).trainable = false;
    return net;
  };

  test('are computed once for each call of fit, validation too', async () => {
    const { run } = watched();
    const trunkRuns = () => run.splice(0).filter((name) => name.startsWith('trunk')).length;
    const net = frozen();
    await net.fit(x, labels, { batchSize: 4, epochs: 4, validationData, validationBatchSize: 2 });
    expect(trunkRuns()).toBe(3 + 2);
    await net.fit(x, labels, { batchSize: 4, epochs: 4, validationSplit: 0.2 });
    expect(trunkRuns()).toBe(2 + 1);
    await net.fit(x, labels, { batchSize: 4 });
    expect(trunkRuns()).toBe(3);
    await net.evaluate(x, labels, { batchSize: 4 });
    expect(trunkRuns()).toBe(3);
    await net.dispose();
    const forgetful = frozen({ featureLimit: 0 });
    await forgetful.fit(x, labels, { batchSize: 4, epochs: 4 });
    expect(trunkRuns()).toBe(4 * 3);
    await forgetful.dispose();
  });

  test('leave room for those of the next call', async () => {
    const { run } = watched();
    const perExample = 6 * Float32Array.BYTES_PER_ELEMENT;
    const net = frozen({ featureLimit: 10 * perExample });
    for (let call = 0; call < 3; call++) {
      run.length = 0;
      await net.fit(x, labels, { batchSize: 4, epochs: 3 });
      expect(run.filter((name) => name.startsWith('trunk'))).toHaveLength(3);
    }
    await net.dispose();
  });

  test('learn what they learn without being kept', async () => {
    const learned = async (featureLimit: number) => {
      const net = frozen({ featureLimit });
      const { epochs } = await net.fit(x, labels, { batchSize: 5, epochs: 3, validationData });
      await net.dispose();
      return [epochs, valuesOf(net)];
    };
    expect(await learned(2 ** 20)).toEqual(await learned(0));
  });
});

test('what was trained on batches and is frozen then counts as it was trained', async () => {
  const [net, synced] = [network(), network()];
  for (const made of [net, synced]) await made.trainOnBatch(x, labels);
  await synced.syncWeights();
  for (const made of [net, synced]) made.trainable = false;
  expect(await net.predictOnBatch(x)).toEqual(await synced.predictOnBatch(x));
  await Promise.all([net.dispose(), synced.dispose()]);
});

describe('refuses to train', () => {
  test('without a loss, on classes weighted for two outputs, or by options that fit ill', async () => {
    const none = network({ metrics: ['accuracy'] });
    await expect(none.fit(x, labels)).rejects.toThrow(UsageError);
    await expect(none.fit(x, labels)).rejects.toThrow('give compile a loss');
    await none.dispose();
    const net = network();
    const both = { validationSplit: 0.2, validationData };
    await expect(net.fit(x, labels, both)).rejects.toThrow(
      'give validationSplit or validationData, not both',
    );
    await expect(net.fit(x, labels, { epochs: -1 })).rejects.toThrow(
      'epochs must be a whole number from 0 on',
    );
    await expect(net.fit(x, labels, { stepsPerEpoch: 0 })).rejects.toThrow(
      'stepsPerEpoch must be a whole number',
    );
    await expect(net.fit(x, valLabels)).rejects.toThrow('one number of examples, got [10,5], [4]');
    expect(() => net.compile({ ...by, seed: -1 })).toThrow('seed must be a whole number from 0');
    await net.dispose();
  });
});
