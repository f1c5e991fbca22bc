import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { randomStream, uniform } from '../../test/support/random.ts';
import { oneHot } from '../../test/support/training.ts';
import { UsageError } from '../core/errors.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import * as layers from '../layers/layers.ts';
import { model } from '../models/functional.ts';
import { sgd } from '../optimizers/optimizers.ts';
import { stopIfLowerHook } from '../training/hooks/early-stopping.ts';
import { readScalars } from '../training/summaries/event-folder.ts';
import { SummaryWriter } from '../training/summaries/summary-writer.ts';
import { Estimator, type EvalResult } from './estimator.ts';
import { BestExporter, type Exporter, FinalExporter, LatestExporter } from './exporters.ts';
import { trainAndEvaluate } from './train-and-evaluate.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-evaluating-'));
});
afterAll(() => rm(folder, { recursive: true }));
let count = 0;

const stream = randomStream('train and evaluate');
const x = uniform(stream, [24, 3]);
const y = oneHot(
  Array.from({ length: 24 }, () => stream.below(2)),
  2,
);
const inputFn = () => Dataset.fromTensorSlices([x, y]).shuffle(24, { seed: 1 }).repeat().batch(6);
const evalFn = () => Dataset.fromTensorSlices([x, y]).batch(6);
const everyCheckpoint = { inputFn: evalFn, startDelaySecs: 0, throttleSecs: 0 };

/** Layers without names: each mode builds them anew. */
function estimator(modelDir = join(folder, String(++count))): Estimator {
  const modelFn = () => {
    const input = layers.input({ shape: [3] });
    const outputs = layers.dense({ units: 2, activation: 'softmax' }).apply(input);
    return {
      model: model({ inputs: input, outputs }, { threads: 1 }),
      optimizer: sgd({ learningRate: 0.5 }),
      loss: 'categoricalCrossentropy' as const,
    };
  };
  return new Estimator(modelFn, { modelDir, config: { saveCheckpointsSteps: 4, log: () => {} } });
}

const evaluatedSteps = async (dir: string) =>
  (await readScalars(dir)).filter(({ tag }) => tag === 'loss').map(({ step }) => step);

/** Tells what it was called with. */
class Recorder implements Exporter {
  readonly name = 'recorder';
  readonly told: [step: number, isFinal: boolean][] = [];

  async export(
    _e: Estimator,
    _dir: string,
    { globalStep }: EvalResult,
    isFinal: boolean,
  ): Promise<undefined> {
    this.told.push([globalStep, isFinal]);
  }
}

describe('trainAndEvaluate', () => {
  test('evaluates every checkpoint and the end, and trains as without', async () => {
    const [both, alone, recorder] = [estimator(), estimator(), new Recorder()];
    const result = await trainAndEvaluate(
      both,
      { inputFn, maxSteps: 10 },
      { ...everyCheckpoint, exporters: [recorder] },
    );
    await alone.train({ inputFn, maxSteps: 10 });
    expect(await evaluatedSteps(both.evalDir())).toEqual([4, 8, 10]);
    expect(recorder.told).toEqual([
      [4, false],
      [8, false],
      [10, true],
    ]);
    for (const name of await alone.getVariableNames())
      expect(await both.getVariableValue(name)).toEqual(await alone.getVariableValue(name));
    expect(result).toEqual(await both.evaluate({ inputFn: evalFn }));
    expect(await evaluatedSteps(both.evalDir())).toEqual([4, 8, 10]);
    await both.dispose();
    await alone.dispose();
  });

  test('makes an evaluation that was missed, and no other twice', async () => {
    const first = estimator();
    await first.train({ inputFn, maxSteps: 4 });
    await first.dispose();
    const second = estimator(first.modelDir);
    await trainAndEvaluate(second, { inputFn, maxSteps: 6 }, { ...everyCheckpoint, name: 'held' });
    await second.dispose();
    expect(await evaluatedSteps(second.evalDir('held'))).toEqual([4, 6]);
    expect(second.evalDir('held')).toBe(join(second.modelDir, 'eval_held'));
  });

  test('without time for an evaluation in between, evaluates the end alone', async () => {
    const one = estimator();
    await trainAndEvaluate(one, { inputFn, maxSteps: 9 }, { inputFn: evalFn });
    await one.dispose();
    expect(await evaluatedSteps(one.evalDir())).toEqual([9]);
  });

  test('ends where a hook ends the training', async () => {
    const one = estimator();
    const hooks = [stopIfLowerHook(one, 'loss', 100, { runEverySteps: 1, log: () => {} })];
    const result = await trainAndEvaluate(one, { inputFn, maxSteps: 1000, hooks }, everyCheckpoint);
    await one.dispose();
    expect(result!.globalStep).toBe(4);
  });

  test('ends with its signal', async () => {
    const one = estimator();
    const controller = new AbortController();
    const hooks = [{ afterRun: () => controller.abort() }];
    const spec = { ...everyCheckpoint, signal: controller.signal };
    expect(await trainAndEvaluate(one, { inputFn, maxSteps: 9, hooks }, spec)).toBeUndefined();
    expect(await one.latestStep()).toBe(1);
    await one.dispose();
  });

  test.each(['startDelaySecs', 'throttleSecs'])('refuses %s below 0', async (name) => {
    const spec = { inputFn: evalFn, [name]: -1 };
    await expect(trainAndEvaluate(estimator(), { inputFn, maxSteps: 1 }, spec)).rejects.toThrow(
      new UsageError(`trainAndEvaluate: ${name} must be a number from 0 on, got -1`),
    );
  });
});

test('an evaluation of a classifier of images shows its confusions and examples', async () => {
  const images = uniform(randomStream('images'), [10, 4, 4, 1]);
  const labels = tensor(
    'int32',
    [10, 1],
    Int32Array.from({ length: 10 }, (_, i) => i % 2),
  );
  const modelFn = () => {
    const input = layers.input({ shape: [4, 4, 1] });
    const outputs = layers.dense({ units: 2, activation: 'softmax' }).apply(layers.flatten().apply(input));
    return {
      model: model({ inputs: input, outputs }, { threads: 1 }),
      optimizer: sgd({ learningRate: 0.1 }),
      loss: 'sparseCategoricalCrossentropy' as const,
    };
  };
  const data = () => Dataset.fromTensorSlices([images, labels]).batch(4);
  const config = { modelDir: join(folder, 'images'), log: () => {} };
  const one = new Estimator(modelFn, { config });
  await one.train({ inputFn: data });
  const [text, image] = [
    vi.spyOn(SummaryWriter.prototype, 'text'),
    vi.spyOn(SummaryWriter.prototype, 'image'),
  ];
  await one.evaluate({ inputFn: data, images: { classNames: ['even', 'odd'], examples: 3 } });
  let right = 0;
  let count = 0;
  for await (const probabilities of one.predict({ inputFn: data })) {
    const [{ data: row }] = Object.values(probabilities) as [Tensor<'float32'>];
    if (Number(row[1]! > row[0]!) === count++ % 2) right++;
  }
  await one.dispose();
  const texts = Object.fromEntries(text.mock.calls.map(([, tag, markdown]) => [tag, markdown]));
  expect(Object.keys(texts)).toEqual(['confusion/table', 'examples/predictions']);
  expect(image.mock.calls.map(([step, tag, list]) => [step, tag, list.length])).toEqual([
    [3, 'confusion', 1],
    [3, 'examples', 3],
  ]);
  vi.restoreAllMocks();
  expect(texts['examples/predictions']!.split('\n')).toHaveLength(2 + 3);
  const cells = texts['confusion/table']!.match(/\d+(?= \|)/g)!.map(Number);
  expect(cells.reduce((a, b) => a + b)).toBe(10);
  expect(cells[0]! + cells[3]!).toBe(right);
});

test('exporters keep the newest, the best and the last', async () => {
  const one = estimator();
  const exporters = [
    new LatestExporter({ exportsToKeep: 2, classNames: ['a', 'b'] }),
    new BestExporter({ isBetter: ({ loss }, best) => loss! > best.loss! }),
    new FinalExporter(),
  ];
  await trainAndEvaluate(one, { inputFn, maxSteps: 16 }, { ...everyCheckpoint, exporters });
  await one.dispose();
  const losses = (await readScalars(one.evalDir())).filter(({ tag }) => tag === 'loss');
  const rises = losses.filter(({ value }, i) => losses.slice(0, i).every((other) => value > other.value));
  const exportsOf = (name: string) => readdir(join(one.modelDir, 'export', name));
  expect(await exportsOf('latest')).toHaveLength(2);
  expect(await exportsOf('best')).toHaveLength(Math.min(5, rises.length));
  expect(await exportsOf('final')).toHaveLength(1);
  const [newest] = await exportsOf('latest');
  expect((await readdir(join(one.modelDir, 'export', 'latest', newest!))).sort()).toEqual([
    'labels.txt',
    'model.onnx',
  ]);
});
