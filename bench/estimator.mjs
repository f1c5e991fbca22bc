/**
 * What an estimator costs beside the training itself:
 *
 *     node bench/estimator.mjs [--parts overhead,saving,restart] [--rounds 3] [--threads 2] [--batch 8]
 *
 * `overhead`: the tutorial's network for Fashion-MNIST at batch 512, with its pipeline. `Estimator.train` with its own
 * hooks, summaries at every 100 steps and a checkpoint at every 500, takes turns of 25 steps with `fitDataset` without
 * anything. A round is 500 steps of each; time and processor time of the whole process, medians over rounds.
 * `saving`: block 5 of VGG16 and a head on features, batch `--batch`, of which a checkpoint is 85 MB: how long steps are
 * stopped while one is saved; how much slower they are beside the hashing and writing, which share the processors with
 * them; and how long the main thread is blocked.
 * `restart`: a training that is killed after a checkpoint: from the start of a process until the first step is made,
 * of a new training and of one that is gone on with.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { floats } from '../dist/modules/core/tensor.js';
import { Dataset } from '../dist/modules/data/dataset.js';
import { AUTOTUNE } from '../dist/modules/data/limits.js';
import { modelToEstimator } from '../dist/modules/estimator/model-to-estimator.js';
import { conv2d, dense, globalAveragePooling2d, input, maxPooling2d } from '../dist/modules/layers/layers.js';
import { model } from '../dist/modules/models/functional.js';
import { adam } from '../dist/modules/optimizers/optimizers.js';
import { Device } from '../dist/modules/runtime/device.js';
import { fashionMnistNetwork } from './fashion-mnist.mjs';

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'overhead,saving,restart' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: String(availableParallelism()) },
    batch: { type: 'string', default: '8' },
    /** What a process of `restart` trains, and where. */
    job: { type: 'string' },
    dir: { type: 'string' },
  },
});
const [rounds, threads, batch] = [values.rounds, values.threads, values.batch].map(Number);
const saveSteps = 500;
const turnSteps = 25;
/** Of each estimator; the threads of a model are not its estimator's. */
const settings = { sessionConfig: { threads }, log: () => {} };
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rows = (...shape) => floats(new Float32Array(shape.reduce((a, b) => a * b)).map(Math.random), shape);
const labels = (count, classes) =>
  floats(
    new Float32Array(count * classes).map((_, i) => +(i % (classes + 1) === 0)),
    [count, classes],
  );

const jobs = {
  'fashion-mnist': {
    network: () => fashionMnistNetwork({ threads }),
    /** The tutorial's pipeline, without end. */
    data() {
      const slices = Dataset.fromTensorSlices([rows(10_000, 28, 28, 1), labels(10_000, 10)]);
      return slices.shuffleAndRepeat(5000, { seed: 1 }).batch(512).prefetch(AUTOTUNE);
    },
  },
  'vgg16-tail': {
    network() {
      const features = input({ shape: [14, 14, 512] });
      let x = features;
      for (let i = 1; i <= 3; i++)
        x = conv2d({
          name: `block5_conv${i}`,
          filters: 512,
          kernelSize: 3,
          padding: 'same',
          activation: 'relu',
        }).apply(x);
      x = globalAveragePooling2d().apply(maxPooling2d({ poolSize: 2, strides: 2 }).apply(x));
      const outputs = dense({ units: 4, activation: 'softmax' }).apply(x);
      return model({ inputs: features, outputs }, { threads });
    },
    data: () => Dataset.fromTensors([rows(batch, 14, 14, 512), labels(batch, 4)]).repeat(),
  },
};

function compiled(job, learningRate = 1e-4) {
  const net = jobs[job].network();
  net.compile({
    optimizer: adam({ learningRate }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  });
  return net;
}

const inFolder = async (use) => {
  const folder = mkdtempSync(join(tmpdir(), 'fovea-estimator-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
};

/** Two that work in turns, each for so many steps; time and processor time of each one's turns. */
class Turns {
  constructor(first) {
    this.now = first;
    this.spent = {};
    this.waiting = [];
    this.#begin();
  }

  #begin() {
    this.since = [performance.now(), process.cpuUsage()];
  }

  /** Hands over, and waits for the turn to come back. */
  async next(who, other) {
    const { user, system } = process.cpuUsage(this.since[1]);
    const [ms, cpu] = this.spent[who] ?? [0, 0];
    this.spent[who] = [ms + performance.now() - this.since[0], cpu + (user + system) / 1000];
    this.give(other);
    await this.wait(who);
  }

  give(who) {
    this.now = who;
    this.#begin();
    for (const wake of this.waiting.splice(0)) wake();
  }

  async wait(who) {
    while (this.now !== who) await new Promise((wake) => this.waiting.push(wake));
  }

  take() {
    const { spent } = this;
    this.spent = {};
    return spent;
  }
}

async function overhead() {
  const { data } = jobs['fashion-mnist'];
  const turns = new Turns('plain');
  // Compiling and the first steps of both do not count, and a checkpoint comes in the middle of a turn.
  const warmUp = turnSteps + Math.ceil(turnSteps / 2);
  const steps = warmUp + rounds * saveSteps;
  const found = [];
  const turn = async (who, other, step) => {
    if (step < warmUp || (step - warmUp) % turnSteps !== 0) return;
    await turns.next(who, other);
    if (who === 'plain' && (step - warmUp) % saveSteps === 0) {
      const spent = turns.take();
      if (step > warmUp) found.push(spent);
    }
  };
  await inFolder(async (modelDir) => {
    const net = compiled('fashion-mnist');
    const estimator = modelToEstimator(compiled('fashion-mnist'), {
      modelDir,
      config: { saveCheckpointsSteps: saveSteps, ...settings },
    });
    const plain = net.fitDataset(data(), {
      stepsPerEpoch: steps + 1,
      callbacks: [{ onTrainBatchEnd: (_, __, { step }) => turn('plain', 'estimator', step) }],
    });
    const own = estimator.train({
      inputFn: data,
      maxSteps: steps + 1,
      hooks: [
        {
          afterCreateSession: () => turns.wait('estimator'),
          afterRun: ({ step }) => turn('estimator', 'plain', step),
        },
      ],
    });
    // At its end, each lets the other go on.
    await Promise.all([plain.then(() => turns.give('estimator')), own.then(() => turns.give('plain'))]);
    await Promise.all([net.dispose(), estimator.dispose()]);
  });
  return [0, 1].map((at) => {
    const ratios = found.map(({ plain, estimator }) => estimator[at] / plain[at]);
    const [of, by] = ['plain', 'estimator'].map((who) =>
      median(found.map((spent) => spent[who][at] / saveSteps)),
    );
    const list = ratios.map((ratio) => ratio.toFixed(3)).join(', ');
    return [
      `${at === 0 ? 'a step' : 'its processor time'} by fitDataset and Estimator.train, ms`,
      `${of.toFixed(1)}, ${by.toFixed(1)}`,
      `ratio ${median(ratios).toFixed(3)} (${list})`,
      'at most 1.02',
    ];
  });
}

async function saving() {
  const every = 15;
  const [begins, ends, saves] = [[], [], []];
  let held = 0;
  const { mark } = Device.prototype;
  /** Counts how long the thread that computes is held by handing over a state. */
  Device.prototype.mark = async function (names) {
    const collect = await mark.call(this, names);
    return async () => {
      const since = performance.now();
      const tensors = await collect();
      held = Math.max(held, performance.now() - since);
      return tensors;
    };
  };
  const blocks = monitorEventLoopDelay({ resolution: 1 });
  await inFolder(async (modelDir) => {
    const estimator = modelToEstimator(compiled('vgg16-tail'), {
      modelDir,
      config: { saveCheckpointsSteps: every, keepCheckpointMax: 2, ...settings },
    });
    await estimator.train({
      inputFn: jobs['vgg16-tail'].data,
      steps: every * (2 + 2 * rounds) - 1,
      hooks: [
        {
          beforeRun({ step }) {
            begins[step + 1] = performance.now();
          },
          afterRun({ step }) {
            ends[step] = performance.now();
            if (step === every - 3) blocks.enable();
            if (step === every * (1 + 2 * rounds) + every - 1) blocks.disable();
          },
        },
      ],
      savingListeners: [
        {
          afterSave(step) {
            saves[step] = performance.now();
          },
        },
      ],
    });
    await estimator.dispose();
  });
  Device.prototype.mark = mark;
  // Steps that began before the checkpoint was there.
  const isBeside = (step) => begins[step] < (saves[Math.floor((step - 1) / every) * every] ?? 0);
  const [others, idle] = [[], []];
  const found = { stopped: [], longest: [], sum: [] };
  for (let step = every + 1; step < ends.length; step++) {
    idle.push(begins[step] - ends[step - 1]);
    if (!isBeside(step)) others.push(ends[step] - ends[step - 1]);
  }
  const usual = median(others);
  for (let from = every; from + every < ends.length; from += every) {
    const beside = [];
    for (let step = from + 1; isBeside(step); step++) beside.push(step);
    const over = beside.map((step) => ends[step] - ends[step - 1] - usual);
    found.stopped.push(Math.max(...beside.map((step) => begins[step] - ends[step - 1])) - median(idle));
    found.longest.push(Math.max(...over));
    found.sum.push(over.reduce((sum, ms) => sum + ms, 0));
  }
  const shown = (list) =>
    `median ${median(list).toFixed(1)}, longest ${Math.max(...list).toFixed(1)} of ${list.length}`;
  const took = saves.flatMap((time, step) => (step % every === 0 ? [time - ends[step]] : []));
  return [
    ['a step, with what is between two, ms', usual.toFixed(0)],
    [
      'between two steps, longest beside a checkpoint, beyond the median, ms',
      shown(found.stopped),
      'at most 50',
    ],
    ['the thread that computes is held by the handing over, ms', `${held.toFixed(1)} at most`],
    ['the longest step beside a checkpoint, beyond the median, ms', shown(found.longest)],
    ['all steps beside a checkpoint together, beyond the median, ms', shown(found.sum)],
    ['from the mark until a checkpoint is there, ms', shown(took)],
    [
      'the main thread was blocked, ms',
      `${(blocks.max / 1e6).toFixed(0)} at most, 99.9 %: ${(blocks.percentile(99.9) / 1e6).toFixed(1)}`,
    ],
  ];
}

/** A training that tells its first step and its first checkpoint. */
async function trainAndTell() {
  const { job, dir } = values;
  const estimator = modelToEstimator(compiled(job), {
    modelDir: dir,
    config: { saveCheckpointsSteps: 10, ...settings },
  });
  const stages = [];
  let began = false;
  await estimator.train({
    inputFn() {
      stages.push(['inputFn', performance.now()]);
      return jobs[job].data();
    },
    hooks: [
      {
        begin: () => void stages.push(['begin', performance.now()]),
        afterCreateSession: () => void stages.push(['session', performance.now()]),
        afterRun() {
          if (began) return;
          began = true;
          stages.push(['first step', performance.now()]);
          console.log(JSON.stringify(stages));
        },
      },
    ],
    savingListeners: [{ afterSave: () => console.log('saved') }],
  });
}

/** Milliseconds of the stages of a process until its first step; it is killed then, or when it has saved. */
function firstStep(job, dir, until) {
  const args = [fileURLToPath(import.meta.url), '--job', job, '--dir', dir];
  args.push('--threads', String(threads), '--batch', String(batch));
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let told = '';
  return new Promise((resolve, reject) => {
    child.stdout.on('data', (data) => {
      told += data;
      if (told.includes(until)) child.kill('SIGKILL');
    });
    child.on('exit', (code, signal) => {
      if (signal === 'SIGKILL') resolve(JSON.parse(told.split('\n')[0]));
      else reject(new Error(`the process ended with ${code ?? signal}`));
    });
  });
}

async function restart() {
  const table = [];
  for (const job of Object.keys(jobs)) {
    const found = { new: [], again: [] };
    for (let round = 0; round < rounds; round++)
      await inFolder(async (dir) => {
        found.new.push(await firstStep(job, dir, 'saved'));
        found.again.push(await firstStep(job, dir, 'first step'));
      });
    const of = (kind) => median(found[kind].map((stages) => stages.at(-1)[1]));
    const stagesOf = (kind) =>
      found[kind][0].map(([name], i) => `${name} ${median(found[kind].map((s) => s[i][1])).toFixed(0)}`);
    const ratio = of('again') / of('new');
    table.push([
      `${job}: first step, new and gone on with, ms`,
      `${of('new').toFixed(0)}, ${of('again').toFixed(0)}`,
      `ratio ${ratio.toFixed(2)}`,
      'below 2',
    ]);
    for (const kind of ['new', 'again']) table.push([`${job}: ${kind}`, stagesOf(kind).join(', '), '', '']);
  }
  return table;
}

if (values.job) await trainAndTell();
else {
  console.log(`${cpus()[0].model}, ${availableParallelism()} processors, ${threads} threads`);
  const parts = { overhead, saving, restart };
  for (const part of values.parts.split(',')) {
    console.log(`\n${part}`);
    for (const line of await parts[part]()) console.log(`  ${line.filter(Boolean).join(' | ')}`);
  }
}
