/**
 * A small training for `chaos.mjs`, which kills it: `node chaos-training.mjs MODULES FOLDER SPEC`, with the URL of the folder of
 * modules and a JSON object. It says `begin STEP` and `step STEP` on standard output; when it has come to its end, all that it
 * learned is in `FOLDER/result.json`.
 */
import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const [modules, folder, spec] = [process.argv[2], process.argv[3], JSON.parse(process.argv[4])];
const load = (path) => import(new URL(path, modules).href);
const [
  { RandomStream, deriveKey },
  { bytesOf, floats },
  { Dataset },
  layers,
  { model },
  { adam, sgd },
  { schedules },
  { SummarySaverHook },
] = await Promise.all(
  [
    'core/random.js',
    'core/tensor.js',
    'data/dataset.js',
    'layers/layers.js',
    'models/functional.js',
    'optimizers/optimizers.js',
    'optimizers/schedules.js',
    'training/hooks/summary-saver-hook.js',
  ].map(load),
);

const maxSteps = 60;
const examples = 40;
const batchSize = 8;
const classes = 3;

const schedule = () => schedules.cosineDecay({ initialLearningRate: 0.02, decaySteps: maxSteps });
const optimizers = {
  adam: () => adam({ learningRate: 0.01 }),
  'adam by a schedule': () => adam({ learningRate: schedule(), amsgrad: true }),
  'sgd with averages': () => sgd({ learningRate: 0.05, momentum: 0.9, useEma: true }),
  'sgd by three batches': () =>
    sgd({ learningRate: schedule(), momentum: 0.9, gradientAccumulationSteps: 3, clipnorm: 1 }),
};

function network() {
  const x = layers.input({ name: 'x', shape: [4] });
  let y = layers.dense({ name: 'low', units: 8, activation: 'relu' }).apply(x);
  y = layers.batchNormalization({ name: 'normal', momentum: 0.8 }).apply(y);
  y = layers.dropout({ name: 'drop', rate: 0.3 }).apply(y);
  y = layers.dense({ name: 'head', units: classes, activation: 'softmax' }).apply(y);
  const net = model({ name: 'net', inputs: x, outputs: y }, { threads: 1 });
  const loss = 'categoricalCrossentropy';
  net.compile({ optimizer: optimizers[spec.optimizer](), loss, metrics: ['accuracy'], seed: 3 });
  return net;
}

const stream = new RandomStream(deriveKey(7, 'chaos'));
const x = floats(
  Float32Array.from({ length: examples * 4 }, () => stream.uniform(-1, 1)),
  [examples, 4],
);
const y = floats(
  Float32Array.from({ length: examples * classes }, (_, i) =>
    i % classes === Math.floor(i / classes) % classes ? 1 : 0,
  ),
  [examples, classes],
);

let read = 0;
/** Gives an example, now and then later than those behind it, and fails as a busy file server does. */
async function slowly(element) {
  read++;
  if (read % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (spec.failsAt === read) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
  return element;
}
const training = (times) =>
  Dataset.fromTensorSlices([x, y])
    .shuffle(16, { seed: 1 })
    .map(slowly, { numParallelCalls: 3 })
    .repeat(times)
    .batch(batchSize)
    .prefetch(2);
const testing = () => Dataset.fromTensorSlices([x, y]).batch(batchSize);

const say = (line) => process.stdout.write(`${line}\n`);
const teller = {
  afterCreateSession: ({ step }) => void say(`begin ${step}`),
  afterRun: ({ step }) => void say(`step ${step}`),
};
const summaries = () =>
  new SummarySaverHook({ outputDir: folder, saveSteps: 1, gradients: true, weights: true });
const digest = (tensor) => createHash('sha256').update(bytesOf(tensor)).digest('hex');

async function trainEstimator() {
  const { modelToEstimator } = await load('estimator/model-to-estimator.js');
  const { CheckpointStore } = await load('training/checkpoints/checkpoint-store.js');
  const store = new CheckpointStore(folder);
  const config = {
    saveCheckpointsSteps: spec.saveSteps,
    saveSummarySteps: 0,
    logStepCountSteps: 7,
    exactResume: true,
    log: () => {},
  };
  const estimator = modelToEstimator(network(), { modelDir: folder, config });
  const hooks = [summaries(), teller];
  const inputFn = () => training(spec.passes);
  const evaluate = async (step) => {
    say('evaluates');
    if (!(await estimator.isEvaluated(step))) await estimator.evaluate({ inputFn: testing });
  };
  if (spec.kind === 'train') await estimator.train({ inputFn, maxSteps, hooks });
  else {
    for (;;) {
      const step = (await store.newestWhole())?.checkpoint.step ?? 0;
      if (step > 0 && step % 15 === 0) await evaluate(step);
      if (step >= maxSteps) break;
      await estimator.train({ inputFn, maxSteps: (Math.floor(step / 15) + 1) * 15, hooks });
    }
  }
  const names = await estimator.getVariableNames();
  const values = await Promise.all(names.map((name) => estimator.getVariableValue(name)));
  await estimator.dispose();
  return { weights: Object.fromEntries(names.map((name, i) => [name, digest(values[i])])) };
}

async function trainByEpochs() {
  const [{ BackupAndRestore }, { EarlyStopping }, { ReduceLROnPlateau }] = await Promise.all(
    ['backup-and-restore', 'early-stopping', 'reduce-lr-on-plateau'].map((name) =>
      load(`training/callbacks/${name}.js`),
    ),
  );
  const net = network();
  const callbacks = [
    new EarlyStopping({
      monitor: 'val_loss',
      patience: spec.patience,
      minDelta: 100,
      restoreBestWeights: true,
    }),
    new BackupAndRestore({ backupDir: join(folder, 'backup'), saveFreq: spec.saveFreq }),
  ];
  if (!/schedule|three/.test(spec.optimizer))
    callbacks.unshift(new ReduceLROnPlateau({ patience: 2, minDelta: 100 }));
  const history = await net.fitDataset(training(1), {
    epochs: maxSteps / 5,
    validationData: testing(),
    callbacks,
    hooks: [summaries(), teller],
    exactResume: true,
  });
  const weights = Object.fromEntries(net.weights.map(({ path, value }) => [path, digest(value)]));
  await net.dispose();
  return { weights, history: history.epochs };
}

try {
  const result = await (spec.kind === 'fit' ? trainByEpochs() : trainEstimator());
  const path = join(folder, 'result.json');
  await writeFile(`${path}.new`, JSON.stringify(result));
  await rename(`${path}.new`, path);
  say('done');
} catch (error) {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = error.exitStatus ?? 70;
}
