/**
 * What a training step costs with its pipeline beside it:
 *
 *     node bench/pipeline-training.mjs [--jobs vgg16,fashion-mnist] [--rounds 5] [--threads 2] [--pool 2] [--prefetch 2]
 *
 * `vgg16`: block 5 and a head train on files of 224×224 to be, batch 32, the trunk computed anew at each step.
 * `fashion-mnist`: the tutorial's network on JPEGs of 28×28 grey pixels, batch 512. Three kinds take turns in one
 * process: training on one batch in memory (`step`), the pipeline alone (`decode`), and training from the pipeline
 * (`both`). A batch's time is taken between ends of steps, from the first one's on.
 *
 * Step and pipeline share the processors. Where the step keeps all of them busy, `both` cannot take less than the sum of
 * the processor times over their number: the bound that is printed beside the ratios.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { preprocessInput, vgg16 } from '../dist/modules/applications/vgg16.js';
import { floats, tensor } from '../dist/modules/core/tensor.js';
import { Dataset } from '../dist/modules/data/dataset.js';
import { ops } from '../dist/modules/images/ops.js';
import { ImagePool } from '../dist/modules/images/pool.js';
import { pixelsTensor } from '../dist/modules/images/tensors.js';
import { dense, globalAveragePooling2d, input } from '../dist/modules/layers/layers.js';
import { model } from '../dist/modules/models/functional.js';
import { adam } from '../dist/modules/optimizers/optimizers.js';
import { fashionMnistNetwork } from './fashion-mnist.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const jobs = {
  vgg16: { batch: 32, steps: 4, classes: 4, asked: 'both at most 1.05 times step', make: makeVgg16 },
  'fashion-mnist': {
    batch: 512,
    steps: 20,
    classes: 10,
    asked: 'both at most 1.1 times the longer of step and decode',
    make: makeFashionMnist,
  },
};
const { values } = parseArgs({
  options: {
    jobs: { type: 'string', default: Object.keys(jobs).join() },
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    pool: { type: 'string', default: '2' },
    prefetch: { type: 'string', default: '2' },
  },
});
const [rounds, threads, prefetch] = [values.rounds, values.threads, values.prefetch].map(Number);
const pool = new ImagePool({ threads: Number(values.pool) });
const scratch = mkdtempSync(join(tmpdir(), 'fovea-pipeline-'));

async function makeVgg16() {
  const pixels = input({ shape: [224, 224, 3], dtype: 'uint8' });
  const base = await vgg16({ includeTop: false, inputTensor: preprocessInput(pixels) });
  const outputs = dense({ units: 4, activation: 'softmax' }).apply(
    globalAveragePooling2d().apply(base.output),
  );
  const net = model({ inputs: pixels, outputs }, { threads });
  for (const layer of net.layers) layer.trainable = layer.name.startsWith('block5') || layer.name === 'dense';
  const originals = join(root, '../shared/data/oct2017-sample');
  const folder = existsSync(originals) ? originals : join(root, 'samples/oct');
  const files = readdirSync(folder, { recursive: true })
    .filter((name) => /\.jpe?g$/.test(name))
    .sort()
    .map((name) => resolve(folder, name));
  return {
    net,
    files,
    looks: [
      ops.decodeImage({ channels: 1 }),
      ops.resize({ height: 224, width: 224, antialias: true }),
      ops.grayscaleToRgb(),
    ],
  };
}

async function makeFashionMnist() {
  const net = fashionMnistNetwork({ threads });
  const files = [];
  for (let i = 0; i < 2048; i++) {
    const data = Uint8Array.from({ length: 28 * 28 }, (_, at) => ((at * (i % 31)) % 256) ^ (i & 63));
    const file = join(scratch, `${i}.jpeg`);
    await sharp(data, { raw: { width: 28, height: 28, channels: 1 } })
      .toColourspace('b-w')
      .jpeg()
      .toFile(file);
    files.push(file);
  }
  return {
    net,
    files,
    looks: [
      ops.decodeImage({ channels: 1 }),
      ops.convertImageDtype({ dtype: 'float32' }),
      ops.resize({ height: 28, width: 28, antialias: true }),
    ],
  };
}

/** Takes the time and the processor time of what is told to end, from the first end on, per end. */
function stopwatch() {
  let ends = 0;
  let [since, before, last, used] = [];
  return {
    ended() {
      [last, used] = [performance.now(), process.cpuUsage(before)];
      if (ends++ === 0) [since, before] = [last, process.cpuUsage()];
    },
    figures: () => ({
      ms: (last - since) / (ends - 1),
      cpu: (used.user + used.system) / 1000 / (ends - 1),
    }),
  };
}

async function measure({ batch, steps, classes, asked, make }, name) {
  const { net, files, looks } = await make();
  net.compile({ optimizer: adam({ learningRate: 1e-5 }), loss: 'categoricalCrossentropy' });
  const label = (i) => floats(new Float32Array(classes).fill(1, i % classes, (i % classes) + 1));
  const pipeline = Dataset.range(files.length)
    .repeat()
    .map(async (i) => [pixelsTensor(await pool.run(files[i], looks)), label(i)], {
      numParallelCalls: 4 * pool.threads,
    })
    .batch(batch)
    .prefetch(prefetch);
  const [[images, labels]] = await pipeline.take(1).toArray();
  const constant = [tensor(images.dtype, images.shape, images.data.slice()), labels];
  const train = async (dataset) => {
    const watch = stopwatch();
    await net.fitDataset(dataset, {
      epochs: 1,
      stepsPerEpoch: steps + 1,
      callbacks: [{ onTrainBatchEnd: () => watch.ended() }],
    });
    return watch.figures();
  };
  const kinds = {
    step: () => train(Dataset.fromTensors(constant).repeat()),
    async decode() {
      const watch = stopwatch();
      for await (const _ of pipeline.take(steps + 3)) watch.ended();
      return watch.figures();
    },
    both: () => train(pipeline),
  };
  for (const kind of Object.values(kinds)) await kind(); // warm-up
  const found = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]));
  for (let round = 0; round < rounds; round++)
    for (const kind of Object.keys(kinds)) found[kind].push(await kinds[kind]());
  await net.dispose();

  const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
  const of = (kind, what) => median(found[kind].map((figures) => figures[what]));
  console.log(`${name}, batch ${batch}, ${files.length} files; median of ${rounds} rounds, per batch`);
  for (const kind of Object.keys(kinds))
    console.log(
      `  ${kind.padEnd(8)} ${of(kind, 'ms').toFixed(0).padStart(6)} ms   ${of(kind, 'cpu').toFixed(0).padStart(6)} ms of CPU` +
        `   fastest ${Math.min(...found[kind].map(({ ms }) => ms)).toFixed(0)} ms`,
    );
  const bound = (of('step', 'cpu') + of('decode', 'cpu')) / Math.min(threads, availableParallelism());
  const ratios = (against) => {
    const list = found.both.map(({ ms }, i) => ms / against(i));
    return `${median(list).toFixed(3)} (${list.map((ratio) => ratio.toFixed(2)).join(', ')})`;
  };
  const longer = (i) => Math.max(found.step[i].ms, found.decode[i].ms);
  console.log(`  both against step ${ratios((i) => found.step[i].ms)}`);
  console.log(`  both against the longer ${ratios(longer)}; asked: ${asked}`);
  console.log(
    `  all processor time of step and decode over ${Math.min(threads, availableParallelism())} processors: ${bound.toFixed(0)} ms, ` +
      `${(bound / of('step', 'ms')).toFixed(3)} times step`,
  );
}

console.log(
  `${cpus()[0].model.trim()}, ${threads} threads, ${pool.threads} in the image pool; load ${loadavg()[0].toFixed(1)}`,
);
try {
  for (const name of values.jobs.split(',')) await measure(jobs[name], name);
} finally {
  await pool.close();
  rmSync(scratch, { recursive: true, force: true });
}
