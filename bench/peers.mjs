/**
 * Times a fine-tuning step of VGG16 beside Keras and PyTorch: `npm run bench:peers [-- --rounds 5] [--batch 32] [--threads 2]`.
 *
 * fp32, block 5 and head trainable, new pixels at every step, the trunk computed anew. Systems take turns within each
 * round, so that noise meets all of them; medians are compared. Peers run in processes of their own and wait in between.
 */
import { spawn } from 'node:child_process';
import { cpus } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { preprocessInput, vgg16 } from '../dist/applications/vgg16.js';
import { tensor } from '../dist/core/tensor.js';
import { dense, globalAveragePooling2d, input } from '../dist/layers/layers.js';
import { losses } from '../dist/losses/losses.js';
import { Functional } from '../dist/models/functional.js';
import { Session } from '../dist/models/session.js';
import { adam } from '../dist/optimizers/optimizers.js';
import { python } from './python-env.mjs';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    batch: { type: 'string', default: '32' },
    threads: { type: 'string', default: '2' },
    only: { type: 'string' },
  },
});
const [rounds, batch, threads] = [values.rounds, values.batch, values.threads].map(Number);
const weights = fileURLToPath(new URL('../weights/vgg16-imagenet-notop.safetensors', import.meta.url));

/** fovea, as `fit` runs it. */
async function fovea() {
  const pixels = input({ shape: [224, 224, 3], dtype: 'uint8' });
  const base = await vgg16({ includeTop: false, inputTensor: preprocessInput(pixels) });
  const outputs = dense({ units: 4, activation: 'softmax' }).apply(
    globalAveragePooling2d().apply(base.output),
  );
  const model = new Functional({ inputs: pixels, outputs });
  model.initialize(0);
  const session = await Session.open(model.network, threads, 0);
  const training = {
    objective: { loss: losses.categoricalCrossentropy, metrics: [] },
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
  const trainable = session.trainable(training, () => ++step);
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

/** A peer in a process of its own, asked by lines of JSON. */
async function peer(name) {
  const args = [
    'bench/peers.py',
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
const systems = [await fovea()];
for (const name of names) systems.push(await peer(name));
const kinds = ['step', 'forward', 'tail'];
const times = Object.fromEntries(systems.map(({ name }) => [name, { step: [], forward: [], tail: [] }]));
for (const system of systems) for (const kind of kinds) await system.run(kind, 2); // warm-up
for (let round = 0; round < rounds; round++) {
  for (const kind of kinds)
    for (const system of systems) times[system.name][kind].push(...(await system.run(kind, 1)));
}
for (const system of systems) await system.close();

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rate = (name, kind) => (1000 * batch) / median(times[name][kind]);
console.log(
  `\n${cpus()[0].model.trim()}, ${threads} threads, batch ${batch}, median of ${rounds} interleaved rounds, images/s`,
);
for (const { name, versions } of systems) {
  console.log(
    `${name.padEnd(10)} ${kinds.map((kind) => `${kind} ${rate(name, kind).toFixed(1).padStart(6)}`).join('   ')}   ${JSON.stringify(versions)}`,
  );
}
if (names.length > 0) {
  const best = (kind) => Math.max(...names.map((name) => rate(name, kind)));
  console.log(
    `fovea against the better peer: ${kinds.map((kind) => `${kind} ${(rate('fovea', kind) / best(kind)).toFixed(2)}`).join('   ')}`,
  );
}
