import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { InferenceSession } from 'onnxruntime-node';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { DataError, UsageError } from '../src/core/errors.ts';
import { floats, type Tensor } from '../src/core/tensor.ts';
import { Dataset } from '../src/data/dataset.ts';
import { Estimator, type EstimatorOptions } from '../src/estimator/estimator.ts';
import type { RunConfigOptions } from '../src/estimator/run-config.ts';
import type { EstimatorSpec, ModelFnArgs } from '../src/estimator/spec.ts';
import * as layers from '../src/layers/layers.ts';
import type { BatchElement } from '../src/models/elements.ts';
import { model } from '../src/models/functional.ts';
import { adam, type Optimizer, sgd } from '../src/optimizers/optimizers.ts';
import { schedules } from '../src/optimizers/schedules.ts';
import { DeviceLostError } from '../src/runtime/device.ts';
import { readCheckpoint } from '../src/training/checkpoints/checkpoint-file.ts';
import { modelTensors } from '../src/training/checkpoints/state-file.ts';
import type { SessionRunHook } from '../src/training/hook.ts';
import { SummarySaverHook } from '../src/training/hooks/summary-saver-hook.ts';
import { readScalars } from '../src/training/summaries/event-folder.ts';
import { randomStream, uniform } from './support/random.ts';
import { oneHot } from './support/training.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-estimator-'));
});
afterAll(() => rm(folder, { recursive: true }));
const made: Estimator[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const each of made.splice(0)) await each.dispose();
});
let count = 0;
const fresh = () => join(folder, String(++count));

const stream = randomStream('estimator');
const x = uniform(stream, [40, 4]);
const y = oneHot(
  Array.from({ length: 40 }, (_, i) => i % 3),
  3,
);
const weights = uniform(stream, [40], 0, 2);

type Data = () => Dataset<BatchElement>;
const endless: Data = () =>
  Dataset.fromTensorSlices([x, y]).shuffle(40, { seed: 1 }).repeat().batch(8).prefetch(2);
const once: Data = () => Dataset.fromTensorSlices([x, y]).batch(8);

interface Made {
  readonly optimizer?: Optimizer;
  readonly units?: number;
  readonly seed?: number;
}

/** Layers that are not named are named anew in each mode. */
function modelFn({ params }: Pick<ModelFnArgs, 'params'>): EstimatorSpec {
  const { optimizer = adam({ learningRate: 0.01 }), units = 8, seed = 3 } = params as Made;
  const input = layers.input({ shape: [4] });
  let out = layers.dense({ units, activation: 'relu' }).apply(input);
  out = layers.batchNormalization({ momentum: 0.8 }).apply(out);
  out = layers.dropout({ rate: 0.3 }).apply(out);
  out = layers.dense({ units: 3, activation: 'softmax' }).apply(out);
  return {
    model: model({ inputs: input, outputs: out }, { threads: 1 }),
    optimizer,
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
    seed,
  };
}

const quiet: RunConfigOptions = {
  saveCheckpointsSteps: 5,
  saveSummarySteps: 1,
  logStepCountSteps: 0,
  log: () => {},
};

/** An estimator whose network is made of these; they are no parameters of the training. */
function estimator(
  modelDir: string,
  {
    spec = {},
    config = {},
    ...options
  }: Omit<EstimatorOptions, 'config'> & { spec?: Made; config?: RunConfigOptions } = {},
): Estimator {
  const own = new Estimator(() => modelFn({ params: { ...spec } }), {
    modelDir,
    config: { ...quiet, ...config },
    ...options,
  });
  made.push(own);
  return own;
}

async function learned(of: Estimator): Promise<Record<string, Tensor>> {
  const { tensors } = await readCheckpoint((await of.latestCheckpoint())!);
  return { ...tensors };
}

const summaries = async (path: string) =>
  (await readScalars(path)).map(({ step, tag, value }) => ({ step, tag, value }));

/** What a training of 23 steps learns that is never stopped. */
async function uninterrupted(inputFn: Data = endless, spec: Made = {}): Promise<Estimator> {
  const whole = estimator(fresh(), { spec });
  return whole.train({ inputFn, maxSteps: 23 });
}

const throwing = (moment: string): SessionRunHook => {
  class BrokenHook {}
  return Object.assign(new BrokenHook(), {
    [moment]: (session: { step?: number }) => {
      if (moment === 'begin' || moment === 'afterCreateSession' || moment === 'end' || session.step! >= 7)
        throw new Error('it broke');
    },
  });
};

describe('two halves are the whole', () => {
  const accumulating = { gradientAccumulationSteps: 3, momentum: 0.9 };
  const schedule = schedules.exponentialDecay({ initialLearningRate: 0.05, decaySteps: 3, decayRate: 0.8 });
  const generated: Data = () =>
    Dataset.fromGenerator(function* () {
      for (;;) yield [x, y] as const;
    });
  const weighted: Data = () => Dataset.fromTensorSlices([x, y, weights]).repeat(7).batch(8);
  const parallel: Data = () =>
    endless().map(
      async (element) => {
        await new Promise((resolve) => setImmediate(resolve));
        return element;
      },
      { numParallelCalls: 3 },
    );
  test.each<[string, Made, Data]>([
    ['Adam', {}, endless],
    ['SGD with momentum', { optimizer: sgd({ momentum: 0.9 }) }, endless],
    ['averages', { optimizer: sgd({ learningRate: 0.1, useEma: true }) }, endless],
    ['three batches at a time', { optimizer: sgd(accumulating) }, endless],
    ['a schedule', { optimizer: adam({ learningRate: schedule }) }, endless],
    ['a generator', {}, generated],
    ['weights of examples, data that end', {}, weighted],
    ['a map in parallel', {}, parallel],
  ])('%s', async (_, spec, inputFn) => {
    const whole = await uninterrupted(inputFn, spec);
    const path = fresh();
    await estimator(path, { spec }).train({ inputFn, maxSteps: 11 });
    const second = await estimator(path, { spec }).train({ inputFn, maxSteps: 23 });
    expect(await learned(second)).toEqual(await learned(whole));
    expect(await summaries(path)).toEqual(await summaries(whole.modelDir));
    expect(await second.latestStep()).toBe(23);
    const evaluated = [await second.evaluate({ inputFn: once }), await whole.evaluate({ inputFn: once })];
    expect(evaluated[0]).toEqual(evaluated[1]);
  });
});

test('with and without hooks the weights are the same bits, on a convolutional network', async () => {
  const images = uniform(stream, [12, 28, 28, 1], 0, 1);
  const classes = oneHot(
    Array.from({ length: 12 }, (_, i) => i % 10),
    10,
  );
  const data = () => Dataset.fromTensorSlices([images, classes]).repeat().batch(6);
  const conv = (filters: number) => layers.conv2d({ filters, kernelSize: 3, activation: 'relu' });
  const network = (): EstimatorSpec => {
    const input = layers.input({ shape: [28, 28, 1] });
    const stack = [
      conv(32),
      layers.maxPooling2d({ poolSize: 2, name: 'pooled' }),
      conv(64),
      layers.maxPooling2d({ poolSize: 2 }),
      conv(64),
      layers.flatten(),
      layers.dense({ units: 64, activation: 'relu', name: 'hidden' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ];
    const outputs = stack.reduce((below, layer) => layer.apply(below), input);
    return {
      model: model({ inputs: input, outputs }, { threads: 1 }),
      optimizer: 'adam',
      loss: 'categoricalCrossentropy',
    };
  };
  const seen: number[] = [];
  const fetcher: SessionRunHook = {
    begin: (graph) => {
      for (const name of ['outputs/pooled', 'outputs/hidden']) graph.fetch(name);
    },
    beforeRun: ({ step }) => (step % 2 === 0 ? ['outputs/pooled', 'outputs/hidden'] : undefined),
    afterRun: (_, { fetched }) => void seen.push(Object.keys(fetched).length),
  };
  const train = async (hooks: (path: string) => SessionRunHook[]) => {
    const path = fresh();
    const own = new Estimator(network, { modelDir: path, config: { ...quiet, saveSummarySteps: 0 } });
    made.push(own);
    return learned(await own.train({ inputFn: data, maxSteps: 4, hooks: hooks(path) }));
  };
  const plain = await train(() => []);
  expect(
    await train((outputDir) => [
      new SummarySaverHook({ outputDir, saveSteps: 1, gradients: true, weights: true }),
    ]),
  ).toEqual(plain);
  expect(await train(() => [fetcher])).toEqual(plain);
  expect(seen).toEqual([2, 0, 2, 0]);
});

describe('steps', () => {
  test('are more ones, maxSteps all; where all are made, none is', async () => {
    const own = estimator(fresh());
    const steps: number[] = [];
    const hooks = [{ afterRun: ({ step }) => void steps.push(step) } satisfies SessionRunHook];
    await own.train({ inputFn: endless, steps: 3, hooks });
    await own.train({ inputFn: endless, steps: 3, hooks });
    await own.train({ inputFn: endless, maxSteps: 7, hooks });
    await own.train({ inputFn: endless, maxSteps: 7, hooks });
    expect(steps).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test('end with the data; the next call reads them again, also where the last batch was saved', async () => {
    const own = estimator(fresh());
    for (const step of [5, 10, 15]) {
      await own.train({ inputFn: once });
      expect(await own.latestStep()).toBe(step);
    }
    const again = estimator(own.modelDir);
    await again.train({ inputFn: once });
    expect(await again.latestStep()).toBe(20);
  });

  test.each<[string, object]>([
    ['both', { steps: 1, maxSteps: 2 }],
    ['none', { steps: 0 }],
    ['a part', { maxSteps: 1.5 }],
  ])('are refused: %s', async (_, options) => {
    await expect(estimator(fresh()).train({ inputFn: endless, ...options })).rejects.toThrow(UsageError);
  });
});

describe('what has changed is named', () => {
  const other = <T extends object>(options: T) => options;
  test.each<[string, Parameters<typeof estimator>[1], Data, RegExp]>([
    ['a layer', { spec: { units: 9 } }, endless, /model\..*units was 8 and is 9/],
    [
      'the optimizer',
      { spec: { optimizer: adam({ learningRate: 0.01, beta1: 0.8 }) } },
      endless,
      /beta_1 was 0.9 and is 0.8/,
    ],
    ['the seed', { spec: { seed: 4 } }, endless, /seed was 3 and is 4/],
    [
      'the data',
      {},
      () =>
        endless().map((element) =>
          other({ x: (element as [Tensor, Tensor])[0], y: (element as [Tensor, Tensor])[1] }),
        ),
      /data\.elements/,
    ],
    ['parameters', { params: { depth: 2 } }, endless, /params\.depth was null and is 2/],
  ])('%s', async (_, options, inputFn, message) => {
    const path = fresh();
    await estimator(path).train({ inputFn: endless, maxSteps: 2 });
    const training = estimator(path, options).train({ inputFn, maxSteps: 4 });
    await expect(training).rejects.toThrow(DataError);
    await expect(training).rejects.toThrow(message);
    expect(await estimator(path).latestStep()).toBe(2);
  });

  test('a start that failed before its first step binds nobody', async () => {
    const path = fresh();
    const wrong = () =>
      Dataset.fromTensorSlices([uniform(stream, [8, 5]), y]).batch(8) as Dataset<BatchElement>;
    await expect(
      estimator(path).train({ inputFn: () => Dataset.fromTensorSlices([x, x]).batch(8), maxSteps: 2 }),
    ).rejects.toThrow();
    await expect(estimator(path).train({ inputFn: wrong, maxSteps: 2 })).rejects.toThrow();
    const own = await estimator(path).train({ inputFn: endless, maxSteps: 2 });
    expect(await own.latestStep()).toBe(2);
  });
});

test('data whose order cannot be repeated are refused, or warned of', async () => {
  const shuffled: Data = () =>
    endless().map((element) => element, { numParallelCalls: 2, deterministic: false });
  const exact = estimator(fresh(), { config: { exactResume: true } });
  await expect(exact.train({ inputFn: shuffled, maxSteps: 2 })).rejects.toThrow(/deterministic/);
  const warn = vi.spyOn(process, 'emitWarning').mockReturnValue();
  await estimator(fresh()).train({ inputFn: shuffled, maxSteps: 3 });
  expect(warn).toHaveBeenCalledTimes(1);
  expect(String(warn.mock.calls[0]![0])).toContain('other batches');
});

describe('warmStartFrom', () => {
  const start = async (options: EstimatorOptions['warmStartFrom'], spec: Made = {}) => {
    const own = estimator(fresh(), {
      spec,
      ...(options !== undefined && { warmStartFrom: options }),
      config: { saveCheckpointsSteps: 1 },
    });
    await own.train({ inputFn: endless, maxSteps: 1 });
    return own;
  };
  test('takes all, some by a pattern, or by other names', async () => {
    const source = await uninterrupted(endless, { optimizer: sgd({ learningRate: 0 }) });
    const still = { optimizer: sgd({ learningRate: 0 }), seed: 9 };
    const kernel = 'dense/kernel';
    const value = await source.getVariableValue(kernel);
    expect(await (await start(source.modelDir, still)).getVariableValue(kernel)).toEqual(value);
    const some = await start(
      { checkpoint: (await source.latestCheckpoint())!, variables: /_1\/kernel$/ },
      still,
    );
    expect(await some.getVariableValue(kernel)).not.toEqual(value);
    expect(await some.getVariableValue('dense_1/kernel')).toEqual(
      await source.getVariableValue('dense_1/kernel'),
    );
    const renamed = await start(
      {
        checkpoint: source.modelDir,
        variables: ['batch_normalization/gamma'],
        previousNames: { 'batch_normalization/gamma': 'dense/bias' },
      },
      still,
    );
    expect(await renamed.getVariableValue('batch_normalization/gamma')).toEqual(
      await source.getVariableValue('dense/bias'),
    );
  });

  test.each<[string, (path: string) => EstimatorOptions['warmStartFrom'], Made, RegExp]>([
    ['another shape', (path) => path, { units: 9 }, /\[4, 8\].*\[4, 9\]/],
    [
      'a name that is not there',
      (path) => ({ checkpoint: path, previousNames: { 'dense/kernel': 'gone' } }),
      {},
      /has no 'gone'/,
    ],
    ['a weight that is none', (path) => ({ checkpoint: path, variables: ['gone'] }), {}, /no weight 'gone'/],
    ['no checkpoint', () => folder, {}, /no whole checkpoint/],
  ])('refuses %s', async (_, settings, spec, message) => {
    const source = await estimator(fresh()).train({ inputFn: endless, maxSteps: 1 });
    await expect(start(settings(source.modelDir), spec)).rejects.toThrow(message);
  });
});

test('so many checkpoints are kept', async () => {
  const own = estimator(fresh(), { config: { keepCheckpointMax: 2 } });
  await own.train({ inputFn: endless, maxSteps: 18 });
  const names = (await readdir(own.modelDir)).filter((name) => name.startsWith('model.ckpt'));
  expect(names.sort()).toEqual(['model.ckpt-15.safetensors', 'model.ckpt-18.safetensors']);
});

test('a second training in the directory is refused, and use of a model that is trained', async () => {
  const own = estimator(fresh());
  const refused: unknown[] = [];
  const hook: SessionRunHook = {
    afterRun: async ({ step }) => {
      if (step !== 6) return;
      for (const run of [
        () => estimator(own.modelDir).train({ inputFn: endless, maxSteps: 9 }),
        () => own.train({ inputFn: endless, maxSteps: 9 }),
      ])
        await run().catch((error: Error) => refused.push(error.message));
    },
  };
  await own.train({ inputFn: endless, maxSteps: 9, hooks: [hook] });
  expect(refused).toEqual([
    expect.stringContaining('training is under way here'),
    expect.stringContaining('is being trained'),
  ]);
  expect(await own.latestStep()).toBe(9);
  expect(existsSync(join(own.modelDir, 'training.lock'))).toBe(false);
});

test('a model that serves all modes is not evaluated while it is trained', async () => {
  const spec = modelFn({ params: {} });
  const own = new Estimator(() => spec, { modelDir: fresh(), config: quiet });
  made.push(own);
  await expect(own.predict({ inputFn: once }).next()).rejects.toThrow('train first');
  const savingListeners = [{ afterSave: async () => void (await own.evaluate({ inputFn: once })) }];
  await expect(own.train({ inputFn: endless, maxSteps: 7, savingListeners })).rejects.toThrow(
    'is being trained',
  );
});

test('a damaged checkpoint is named and passed over, and the end is the same', async () => {
  const whole = await uninterrupted();
  const lines: string[] = [];
  const path = fresh();
  await estimator(path).train({ inputFn: endless, maxSteps: 12 });
  await truncate(join(path, 'model.ckpt-12.safetensors'), 5000);
  const own = estimator(path, { config: { log: (line) => void lines.push(line) } });
  await own.train({ inputFn: endless, maxSteps: 23 });
  expect(lines[0]).toContain('model.ckpt-12.safetensors');
  expect(lines[1]).toContain('going on from step 10');
  expect(await learned(own)).toEqual(await learned(whole));
  expect(await summaries(path)).toEqual(await summaries(whole.modelDir));
});

describe('a hook that throws', () => {
  test.each([
    ['begin', undefined],
    ['afterCreateSession', undefined],
    ['beforeRun', 7],
    ['afterRun', 7],
    ['end', 23],
  ])('in %s is named, and the last step saved', async (moment, saved) => {
    const path = fresh();
    // Others that come after it lack no step.
    const hooks = [throwing(moment), new SummarySaverHook({ outputDir: join(path, 'more'), saveSteps: 1 })];
    const training = estimator(path).train({ inputFn: endless, maxSteps: 23, hooks });
    await expect(training).rejects.toThrow(`the hook BrokenHook failed in ${moment}: it broke`);
    const own = estimator(path);
    expect(await own.latestStep()).toBe(saved);
    await own.train({ inputFn: endless, maxSteps: 23, hooks: [hooks[1]!] });
    const whole = await uninterrupted();
    expect(await learned(own)).toEqual(await learned(whole));
    expect(await summaries(join(path, 'more'))).toEqual(await summaries(whole.modelDir));
  });

  test('is not masked by another that fails at the failure', async () => {
    const path = fresh();
    const failing: SessionRunHook = { failed: () => Promise.reject(new Error('and this too')) };
    const training = estimator(path).train({
      inputFn: endless,
      maxSteps: 23,
      hooks: [throwing('afterRun'), failing],
    });
    await expect(training).rejects.toThrow('it broke');
    expect(await estimator(path).latestStep()).toBe(7);
  });
});

describe('inputFn', () => {
  test('that throws, or gives no dataset, is said', async () => {
    const own = estimator(fresh());
    const broken = () => {
      throw new Error('no such share');
    };
    await expect(own.train({ inputFn: broken, maxSteps: 1 })).rejects.toThrow(
      'inputFn failed: no such share',
    );
    await expect(own.train({ inputFn: (() => [x, y]) as never, maxSteps: 1 })).rejects.toThrow(
      'must return a Dataset',
    );
    await own.train({ inputFn: endless, maxSteps: 1 });
  });

  test.each(['EIO', 'EMFILE'])('whose data fail by %s for a while is read again, exactly', async (code) => {
    let calls = 0;
    const busy: Data = () =>
      endless().map((element) => {
        if ([4, 5, 13].includes(++calls)) throw Object.assign(new Error(code), { code });
        return element;
      });
    const own = await estimator(fresh()).train({ inputFn: busy, maxSteps: 23 });
    expect(calls).toBeGreaterThan(23);
    expect(await learned(own)).toEqual(await learned(await uninterrupted()));
  });
});

describe('a thread that dies', () => {
  /** Ends the thread that computes, before these steps. */
  const ending = (...steps: number[]): SessionRunHook => {
    const workers = new Set<Worker>();
    const post = Worker.prototype.postMessage;
    vi.spyOn(Worker.prototype, 'postMessage').mockImplementation(function (this: Worker, ...given) {
      workers.add(this);
      return post.apply(this, given);
    });
    return {
      afterRun: async ({ step }) => {
        if (step !== steps[0]) return;
        steps.shift();
        await [...workers].at(-1)!.terminate();
      },
    };
  };
  test.each([
    ['before the first checkpoint', 3],
    ['behind one', 12],
  ])('is started again, %s', async (_, step) => {
    const lines: string[] = [];
    const own = estimator(fresh(), { config: { log: (line) => void lines.push(line) } });
    await own.train({ inputFn: endless, steps: 23, hooks: [ending(step)] });
    expect(lines.filter((line) => line.includes('in a new one'))).toHaveLength(1);
    expect(await own.latestStep()).toBe(23);
    vi.restoreAllMocks();
    const whole = await uninterrupted();
    expect(await learned(own)).toEqual(await learned(whole));
    expect(await summaries(own.modelDir)).toEqual(await summaries(whole.modelDir));
  });

  test('twice fails', async () => {
    const own = estimator(fresh());
    const training = own.train({ inputFn: endless, steps: 23, hooks: [ending(7, 9)] });
    await expect(training).rejects.toThrow(DeviceLostError);
    expect(await own.latestStep()).toBe(5);
  });
});

test('a training that diverged begins anew in the same process as in another', async () => {
  const path = fresh();
  const nothing = floats(new Float32Array(160).fill(Number.NaN), [40, 4]);
  const bad = () => Dataset.fromTensorSlices([nothing, y]).repeat().batch(8);
  let isBad = true;
  const own = estimator(path);
  const inputFn = () => (isBad ? bad() : endless());
  await expect(own.train({ inputFn, maxSteps: 23 })).rejects.toThrow('diverged');
  isBad = false;
  await own.train({ inputFn, maxSteps: 23 });
  expect(await learned(own)).toEqual(await learned(await uninterrupted()));
});

test('evaluations are written once for each step', async () => {
  const own = estimator(fresh());
  await expect(own.evaluate({ inputFn: once })).rejects.toThrow('train first');
  const steps: number[] = [];
  for (const maxSteps of [4, 8]) {
    await own.train({ inputFn: endless, maxSteps });
    for (let i = 0; i < 2; i++) {
      const hooks: SessionRunHook[] = [{ end: ({ step }) => void steps.push(step) }];
      expect(await own.evaluate({ inputFn: once, hooks })).toMatchObject({ globalStep: maxSteps });
    }
  }
  expect(steps).toEqual([4, 4, 8, 8]);
  expect((await summaries(own.evalDir())).map(({ step, tag }) => `${step} ${tag}`)).toEqual([
    '4 loss',
    '4 accuracy',
    '8 loss',
    '8 accuracy',
  ]);
  await own.evaluate({ inputFn: once, name: 'few', steps: 1 });
  expect(await own.isEvaluated(8, 'few')).toBe(true);
});

test('an older checkpoint is evaluated without harm to what newer ones said', async () => {
  const own = await estimator(fresh()).train({ inputFn: endless, maxSteps: 8 });
  await own.evaluate({ inputFn: once });
  await own.evaluate({ inputFn: once, checkpointPath: join(own.modelDir, 'model.ckpt-5.safetensors') });
  expect([await own.isEvaluated(5), await own.isEvaluated(8)]).toEqual([true, true]);
});

test('predictions are examples or batches, of the outputs that are wanted', async () => {
  const own = estimator(fresh());
  await expect(own.predict({ inputFn: once }).next()).rejects.toThrow('train first');
  await own.train({ inputFn: endless, maxSteps: 3 });
  const examples = [];
  for await (const each of own.predict({ inputFn: once })) examples.push(each);
  expect(examples).toHaveLength(40);
  expect(examples[0]!.dense_1!.shape).toEqual([3]);
  const batches = [];
  for await (const each of own.predict({
    inputFn: once,
    predictKeys: ['dense_1'],
    yieldSingleExamples: false,
  }))
    batches.push(each);
  expect(batches.map(({ dense_1 }) => dense_1!.shape)).toEqual(Array(5).fill([8, 3]));
  expect([...batches[0]!.dense_1!.data].slice(0, 3)).toEqual([...examples[0]!.dense_1!.data]);
  await expect(own.predict({ inputFn: once, predictKeys: ['gone'] }).next()).rejects.toThrow(
    "no output 'gone'",
  );
});

test('an export is a folder that ONNX Runtime reads', async () => {
  const own = await estimator(fresh()).train({ inputFn: endless, maxSteps: 3 });
  const classNames = ['a', 'b', 'c'];
  const path = await own.exportSavedModel(join(own.modelDir, 'export'), { classNames });
  expect(path).toMatch(/\/\d+$/);
  expect(await readFile(join(path, 'labels.txt'), 'utf8')).toBe('a\nb\nc\n');
  const session = await InferenceSession.create(join(path, 'model.onnx'));
  expect(session.outputNames).toHaveLength(1);
  await session.release();
});

test('variables have names and values', async () => {
  const own = estimator(fresh());
  await expect(own.getVariableNames()).rejects.toThrow('train first');
  await own.train({ inputFn: endless, maxSteps: 3 });
  expect(await own.getVariableNames()).toContain('dense_1/kernel/momentum');
  expect((await own.getVariableValue('dense/kernel')).shape).toEqual([4, 8]);
  await expect(own.getVariableValue('gone')).rejects.toThrow("no variable 'gone'");
  const saved = modelTensors(await readCheckpoint((await own.latestCheckpoint())!));
  expect(await own.getVariableValue('dense/kernel')).toEqual(saved['dense/kernel']);
});
