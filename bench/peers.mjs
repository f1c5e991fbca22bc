/**
 * Times training steps beside Keras and PyTorch: `npm run bench:peers [-- --jobs vgg16,fashion-mnist] [--rounds 5]
 * [--batch N] [--threads 2] [--only pytorch,keras]`.
 *
 * `vgg16`: a fine-tuning step at batch 32, block 5 and head trainable, new pixels at every step, the trunk computed
 * anew. `fashion-mnist`: a step of the tutorial's network at batch 512, new pixels at every step. All in fp32. Systems
 * take turns within each round, so that noise meets all of them; medians are compared. Peers run in processes of their
 * own and wait in between.
 */
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { preprocessInput, vgg16 } from '../dist/modules/applications/vgg16.js';
import { tensor } from '../dist/modules/core/tensor.js';
import { toCategorical } from '../dist/modules/data/to-categorical.js';
import { dense, globalAveragePooling2d, input } from '../dist/modules/layers/layers.js';
import { Functional } from '../dist/modules/models/functional.js';
import { objectiveOf } from '../dist/modules/models/objective.js';
import { Session } from '../dist/modules/models/session.js';
import { adam } from '../dist/modules/optimizers/optimizers.js';
import { fashionMnistNetwork } from './fashion-mnist.mjs';
import { python } from './python-env.mjs';

/** What is timed: by default at which batch, how often in a round, and what fovea does. */
const jobs = {
  vgg16: { batch: 32, kinds: ['step', 'forward', 'tail'], times: 1, warmUp: 2, fovea: foveaVgg16 },
  'fashion-mnist': { batch: 512, kinds: ['step'], times: 10, warmUp: 20, fovea: foveaFashionMnist },
};

const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: Object.keys(jobs).join() },
    rounds: { type: 'string', default: '5' },
    batch: { type: 'string' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
const [rounds, threads] = [values.rounds, values.threads].map(Number);
const weights = fileURLToPath(new URL('../weights/vgg16-imagenet-notop.safetensors', import.meta.url));

/** fovea, as `fit` runs it. */
async function foveaVgg16(batch) {
  const pixels = input({ shape: [224, 224, 3], dtype: 'uint8' });
  const base = await vgg16({ includeTop: false, inputTensor: preprocessInput(pixels) });
  const outputs = dense({ units: 4, activation: 'softmax' }).apply(
    globalAveragePooling2d().apply(base.output),
  );
  const model = new Functional({ inputs: pixels, outputs });
  model.initialize(0);
  const session = await Session.open(model.network, threads, 0);
  const training = {
    objectives: objectiveOf({ loss: 'categoricalCrossentropy' }, ['dense']),
    optimizer: adam({ learningRate: 1e-4 }),
    seed: 0,
  };
  const setTrainable = (on) => {
    for (const layer of model.layers)
      layer.trainable = on && (layer.name.startsWith('block5') || layer.name === 'dense');
  };
  const targets = tensor(
    'float32',
    [batch, 4],
    new Float32Array(batch * 4).map((_, i) => (i % 4 === 0 ? 1 : 0)),
  );
  const newPixels = () => {
    const data = new Uint8Array(batch * 224 * 224 * 3);
    for (let i = 0; i < data.length; i++) data[i] = (Math.random() * 256) | 0;
    return { inputs: async () => tensor('uint8', [batch, 224, 224, 3], data), targets };
  };
  setTrainable(true);
  let step = 0;
  const trainable = session.trainable(training, {
    next: () => ({ step: ++step, learningRate: 1e-4 }),
  });
  const pool = base.output;
  const jobs = {
    step: async (examples) => trainable.trainStep(await trainable.prepare(examples)),
    forward: async (examples) => session.features.of(examples, [pool]),
    // The features are copied, as a step takes the memory of what it is fed.
    tail: async ({ kept }) => trainable.trainStep(kept),
  };
  return {
    name: 'fovea',
    versions: { node: process.version },
    async run(kind, count) {
      const ms = [];
      for (let i = 0; i < count; i++) {
        if (kind !== 'forward') setTrainable(true);
        else setTrainable(false);
        const examples = newPixels();
        if (kind === 'tail') examples.kept = await trainable.prepare(examples);
        const start = performance.now();
        await jobs[kind](examples);
        ms.push(performance.now() - start);
      }
      return ms;
    },
    close: () => session.close(),
  };
}

/** fovea, by `trainOnBatch`. */
async function foveaFashionMnist(batch) {
  const net = fashionMnistNetwork({ threads });
  net.compile({
    optimizer: adam({ learningRate: 1e-3 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return {
    name: 'fovea',
    versions: { node: process.version },
    async run(_, count) {
      const ms = [];
      for (let i = 0; i < count; i++) {
        const pixels = tensor(
          'float32',
          [batch, 28, 28, 1],
          new Float32Array(batch * 28 * 28).map(Math.random),
        );
        const labels = Array.from({ length: batch }, () => Math.floor(10 * Math.random()));
        const targets = toCategorical(labels, 10);
        const start = performance.now();
        await net.trainOnBatch(pixels, targets);
        ms.push(performance.now() - start);
      }
      return ms;
    },
    close: () => net.dispose(),
  };
}

/** A peer in a process of its own, asked by lines of JSON. */
async function peer(name, job, batch) {
  const args = [
    'bench/peers.py',
    '--job',
    job,
    '--peer',
    name,
    '--threads',
    `${threads}`,
    '--batch',
    `${batch}`,
    '--weights',
    weights,
  ];
  const child = spawn(python(), args, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: ['pipe', 'pipe', 'ignore'],
    env: { ...process.env, OMP_NUM_THREADS: `${threads}` },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${name} ended`);
    return JSON.parse(value);
  };
  const { versions } = await answer();
  return {
    name,
    versions,
    async run(kind, count) {
      child.stdin.write(`${JSON.stringify({ run: kind, count })}\n`);
      const { ms, error } = await answer();
      if (error) throw new Error(`${name}: ${error}`);
      return ms;
    },
    close: () => child.stdin.end(),
  };
}

const names = values.only ? values.only.split(',') : ['pytorch', 'keras', 'keras-jit'];
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** All systems in turns, and what came of it. */
async function compare(job, { batch: usual, kinds, times: count, warmUp, fovea }) {
  const batch = Number(values.batch ?? usual);
  const systems = [await fovea(batch)];
  for (const name of names) systems.push(await peer(name, job, batch));
  const times = Object.fromEntries(
    systems.map(({ name }) => [name, Object.fromEntries(kinds.map((kind) => [kind, []]))]),
  );
  for (const system of systems) for (const kind of kinds) await system.run(kind, warmUp);
  for (let round = 0; round < rounds; round++) {
    for (const kind of kinds)
      for (const system of systems) times[system.name][kind].push(...(await system.run(kind, count)));
  }
  for (const system of systems) await system.close();

  const rate = (name, kind) => (1000 * batch) / median(times[name][kind]);
  const shown = (text) => kinds.map((kind) => `${kind} ${text(kind)}`).join('   ');
  console.log(
    `\n${job}: ${cpus()[0].model.trim()}, ${threads} threads, batch ${batch}, median of ${rounds} interleaved rounds of ${count}, images/s`,
  );
  for (const { name, versions } of systems) {
    const rates = shown((kind) => rate(name, kind).toFixed(1).padStart(7));
    console.log(`${name.padEnd(10)} ${rates}   ${JSON.stringify(versions)}`);
  }
  if (names.length === 0) return;
  const best = (kind) => Math.max(...names.map((name) => rate(name, kind)));
  console.log(
    `fovea against the better peer: ${shown((kind) => (rate('fovea', kind) / best(kind)).toFixed(2))}`,
  );
}

for (const job of values.jobs.split(',')) {
  if (!jobs[job]) throw new Error(`--jobs takes ${Object.keys(jobs).join(' and ')}, got ${job}`);
  await compare(job, jobs[job]);
}
