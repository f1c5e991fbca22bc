import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataError, UsageError } from '../src/core/errors.ts';
import * as layers from '../src/layers/layers.ts';
import { model } from '../src/models/functional.ts';
import type { Model } from '../src/models/model.ts';
import { type Optimizer, rmsprop, sgd } from '../src/optimizers/optimizers.ts';
import type { Callback } from '../src/training/callback.ts';
import { BackupAndRestore } from '../src/training/callbacks/backup-and-restore.ts';
import { EarlyStopping } from '../src/training/callbacks/early-stopping.ts';
import { ReduceLROnPlateau } from '../src/training/callbacks/reduce-lr-on-plateau.ts';
import { CheckpointStore } from '../src/training/checkpoints/checkpoint-store.ts';
import { randomStream, uniform } from './support/random.ts';
import { oneHot, valuesOf } from './support/training.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-backup-'));
});
afterAll(() => rm(folder, { recursive: true }));
let count = 0;
const fresh = () => join(folder, String(++count));

const stream = randomStream('backup');
const x = uniform(stream, [22, 5]);
const y = oneHot(
  Array.from({ length: 22 }, (_, i) => i % 3),
  3,
);
const options = { batchSize: 4, validationSplit: 0.2, epochs: 9 };

function network(optimizer: Optimizer = rmsprop({ learningRate: 0.01 }), units = 6): Model {
  const input = layers.input({ name: 'x', shape: [5] });
  let out = layers.dense({ name: 'low', units, activation: 'tanh' }).apply(input);
  out = layers.batchNormalization({ name: 'normal', momentum: 0.7 }).apply(out);
  out = layers.dropout({ name: 'drop', rate: 0.3 }).apply(out);
  out = layers.dense({ name: 'head', units: 3, activation: 'softmax' }).apply(out);
  const net = model({ name: 'net', inputs: input, outputs: out }, { threads: 1 });
  net.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'], seed: 5 });
  return net;
}

/** Improvements are never large enough, so that patience is what counts. */
const patient = () => [
  new ReduceLROnPlateau({ factor: 0.5, patience: 2, minDelta: 100 }),
  new EarlyStopping({ patience: 5, minDelta: 100, restoreBestWeights: true }),
];

async function trained(callbacks: readonly Callback[], optimizer?: Optimizer) {
  const net = network(optimizer);
  const { epochs } = await net.fit(x, y, { ...options, callbacks });
  const values = valuesOf(net);
  await net.dispose();
  return { epochs, values };
}

/** Throws in a moment of an epoch. */
const dying = (
  moment: 'onTrainBatchBegin' | 'onTrainBatchEnd' | 'onEpochBegin' | 'onEpochEnd' | 'onTestBatchEnd',
  epoch: number,
): Callback => {
  let now = 0;
  const fail = (): void => {
    if (now === epoch) throw new Error('the power fails');
  };
  return {
    onEpochBegin: (at) => {
      now = at;
      if (moment === 'onEpochBegin') fail();
    },
    ...(moment !== 'onEpochBegin' && { [moment]: fail }),
  };
};

const moments = [
  'onTrainBatchBegin',
  'onTrainBatchEnd',
  'onEpochBegin',
  'onEpochEnd',
  'onTestBatchEnd',
] as const;
test.each(
  moments.flatMap((moment) => [['epoch', moment] as const, [3, moment] as const, [5, moment] as const]),
)('saved every %s, failed in %s, a training goes on bit for bit', async (saveFreq, moment) => {
  const expected = await trained(patient());
  expect(expected.epochs).toHaveLength(6);
  const backupDir = fresh();
  const backup = () => new BackupAndRestore({ backupDir, saveFreq });
  for (const epoch of [2, 5])
    await expect(trained([...patient(), backup(), dying(moment, epoch)])).rejects.toThrow('the power fails');
  expect(await new CheckpointStore(backupDir).list()).toHaveLength(1);
  expect(await trained([...patient(), backup(), {}])).toEqual(expected);
  expect(existsSync(backupDir)).toBe(false);
});

test.each([
  ['plain weights', rmsprop({ learningRate: 0.01 })],
  ['averages', sgd({ learningRate: 0.1, useEma: true })],
])(
  'a backup that is kept is of the end: nothing is trained on, and the result is the same, with %s',
  async (_, optimizer) => {
    const expected = await trained(patient(), optimizer);
    const backupDir = fresh();
    const backup = () => new BackupAndRestore({ backupDir, deleteCheckpoint: false });
    for (let i = 0; i < 2; i++) expect(await trained([...patient(), backup()], optimizer)).toEqual(expected);
  },
);

test('another model, two keepers, and a second training are refused', async () => {
  const backupDir = fresh();
  const backup = () => new BackupAndRestore({ backupDir });
  await expect(trained([backup(), dying('onEpochBegin', 1)])).rejects.toThrow('the power fails');
  const other = network(undefined, 7);
  const training = other.fit(x, y, { ...options, callbacks: [backup()] });
  await expect(training).rejects.toThrow(DataError);
  await expect(training).rejects.toThrow("its weight 'low/kernel' is [5, 6], and the model’s [5, 7]");
  await expect(trained([backup(), backup()])).rejects.toThrow(UsageError);
  const second: Callback = { onEpochEnd: async () => void (await trained([backup()])) };
  await expect(trained([backup(), second])).rejects.toThrow('training is under way here');
  await other.dispose();
  expect(() => new BackupAndRestore({ backupDir: 'a', saveFreq: 0 })).toThrow(UsageError);
});
