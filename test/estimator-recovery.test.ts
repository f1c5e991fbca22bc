import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { vgg16 } from '../src/applications/vgg16.ts';
import { bytesOf, tensor } from '../src/core/tensor.ts';
import * as layers from '../src/layers/layers.ts';
import { model } from '../src/models/functional.ts';
import type { Model } from '../src/models/model.ts';
import { adam } from '../src/optimizers/optimizers.ts';
import { BackupAndRestore } from '../src/training/callbacks/backup-and-restore.ts';
import { CheckpointStore } from '../src/training/checkpoints/checkpoint-store.ts';
import { startScript } from './support/child.ts';
import { randomStream } from './support/random.ts';
import { oneHot } from './support/training.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-recovery-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('trainings that are killed in every way end as others do', () => {
  const script = fileURLToPath(new URL('../scripts/chaos.mjs', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [script, '--rounds', '7', '--seed', '101'], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(stdout).toContain('7 rounds');
  expect(stdout).toContain('0 wrong resumes');
  expect(status).toBe(0);
});

const modules = new URL('../dist/modules/', import.meta.url).href;

/** A training in a process of its own; it says its steps, and what is left behind it. */
const script = (modelDir: string, maxSteps: number) => `
  const load = (path) => import(${JSON.stringify(modules)} + path);
  const { floats } = await load('core/tensor.js');
  const { Dataset } = await load('data/dataset.js');
  const { dense, input } = await load('layers/layers.js');
  const { model } = await load('models/functional.js');
  const { modelToEstimator } = await load('estimator/model-to-estimator.js');
  const inputs = input({ shape: [3] });
  const net = model({ inputs, outputs: dense({ units: 2 }).apply(inputs) }, { threads: 1 });
  net.compile({ optimizer: 'adam', loss: 'mse' });
  const x = floats(Float32Array.from({ length: 24 }, (_, i) => i / 24), [8, 3]);
  const y = floats(new Float32Array(16), [8, 2]);
  const config = { saveCheckpointsSteps: 1000, logStepCountSteps: 10 };
  const estimator = modelToEstimator(net, { modelDir: ${JSON.stringify(modelDir)}, config });
  const inputFn = () => Dataset.fromTensorSlices([x, y]).repeat().batch(4);
  const hooks = [{ afterRun: async ({ step }) => {
    console.log('step ' + step);
    await new Promise((done) => setTimeout(done, 2));
  } }];
  await estimator.train({ inputFn, hooks, maxSteps: ${maxSteps} });
  await estimator.evaluate({ inputFn, steps: 2 });
  const left = process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|MessagePort|CloseReq/.test(name));
  console.log('left: ' + JSON.stringify([left, process.listenerCount('SIGTERM'), process.listenerCount('SIGINT')]));
`;

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s saves after the step, and ends the process by it',
  async (name) => {
    const modelDir = join(folder, name);
    const child = startScript(script(modelDir, 1_000_000));
    await child.saying('step 7\n');
    child.process.kill(name);
    const { output, signal } = await child.ended;
    expect(signal).toBe(name);
    expect(output).toContain(`${name}: saving after this step, then ending`);
    const last = Number([...output.matchAll(/step (\d+)\n/g)].at(-1)![1]);
    expect(await new CheckpointStore(modelDir).list()).toMatchObject([{ step: last }]);
    expect((await readdir(modelDir)).filter((file) => /lock|partial/.test(file))).toEqual([]);
  },
);

test('nothing keeps a process alive when a training has ended', async () => {
  const { output, status } = await startScript(script(join(folder, 'left'), 12)).ended;
  expect(output).toContain('left: [[],0,0]\n');
  expect(status).toBe(0);
});

/** Of 15 million weights; to compare them one by one takes a minute. */
const digests = ({ weights }: Model) =>
  weights.map(({ path, value }) => [path, createHash('sha256').update(bytesOf(value!)).digest('hex')]);

test('VGG16 whose frozen features are computed anew goes on bit for bit', async () => {
  const stream = randomStream('vgg recovery');
  const pixels = Uint8Array.from({ length: 5 * 32 * 32 * 3 }, () => stream.below(256));
  const images = tensor('uint8', [5, 32, 32, 3], pixels);
  const targets = oneHot(
    Array.from({ length: 5 }, (_, i) => i % 4),
    4,
  );
  const network = async (): Promise<Model> => {
    const base = await vgg16({ includeTop: false, inputShape: [32, 32, 3] });
    for (const layer of base.layers) layer.trainable = layer.name.startsWith('block5');
    const pooled = layers.globalAveragePooling2d().apply(base.output);
    const outputs = layers.dense({ name: 'head', units: 4, activation: 'softmax' }).apply(pooled);
    const net = model({ inputs: base.inputs, outputs }, { threads: 1 });
    net.compile({ optimizer: adam({ learningRate: 1e-4 }), loss: 'categoricalCrossentropy', seed: 2 });
    return net;
  };
  const options = { batchSize: 2, epochs: 2 };
  const whole = await network();
  const { epochs } = await whole.fit(images, targets, options);
  const expected = digests(whole);
  await whole.dispose();

  const keeping = () => new BackupAndRestore({ backupDir: join(folder, 'vgg'), saveFreq: 'epoch' });
  const first = await network();
  const dying = {
    onEpochBegin: (epoch: number) => {
      if (epoch === 1) throw new Error('the power fails');
    },
  };
  await expect(first.fit(images, targets, { ...options, callbacks: [keeping(), dying] })).rejects.toThrow(
    'power',
  );
  await first.dispose();
  const second = await network();
  // Features are not those that were kept, but come of batches of other images.
  const rest = await second.fit(images, targets, { ...options, callbacks: [keeping(), {}] });
  expect(rest.epochs).toEqual(epochs);
  expect(digests(second)).toEqual(expected);
  await second.dispose();
});
