/**
 * Images a second of fovea's pipeline beside tf.data's: files read, decoded, resized (antialiased bilinear) and batched.
 *
 *     node bench/pipeline.mjs [--rounds 5] [--images 5000] [--threads 2] [--batch 64] [--size 224] [--folder …]
 *
 * Both read the same files, in the order of their names, as often as it takes; they take turns, so that noise meets both,
 * and medians are compared. tf.data runs in a process of its own that waits in between. CPU seconds are those of all
 * threads. The first images of both must agree within one grey level.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Dataset } from '../dist/modules/data/dataset.js';
import { ops } from '../dist/modules/images/ops.js';
import { ImagePool } from '../dist/modules/images/pool.js';
import { pixelsTensor } from '../dist/modules/images/tensors.js';
import { python } from './python-env.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const original = join(root, '../shared/data/oct2017-sample');
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    images: { type: 'string', default: '5000' },
    threads: { type: 'string', default: '2' },
    batch: { type: 'string', default: '64' },
    size: { type: 'string', default: '224' },
    folder: { type: 'string', default: existsSync(original) ? original : join(root, 'samples/oct') },
  },
});
const [rounds, images, threads, batch, size] = ['rounds', 'images', 'threads', 'batch', 'size'].map((name) =>
  Number(values[name]),
);
const found = readdirSync(values.folder, { recursive: true })
  .filter((name) => /\.jpe?g$/.test(name))
  .sort()
  .map((name) => resolve(values.folder, name));
const files = Array.from({ length: images }, (_, i) => found[i % found.length]);

async function fovea() {
  const pool = new ImagePool({ threads });
  const looks = [
    ops.decodeImage({ channels: 1 }),
    ops.resize({ height: size, width: size, antialias: true }),
  ];
  const dataset = Dataset.fromTensorSlices(files)
    .map(async (file) => pixelsTensor(await pool.run(file, looks)), { numParallelCalls: 4 * threads })
    .batch(batch)
    .prefetch(2);
  return {
    versions: { node: process.version },
    async pass() {
      const before = process.cpuUsage();
      const start = performance.now();
      for await (const _ of dataset);
      const seconds = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(before);
      return { seconds, cpu: (user + system) / 1e6 };
    },
    async pixels(count) {
      for await (const { data } of dataset) return data.subarray(0, count * size * size);
    },
    close: () => pool.close(),
  };
}

async function tfData() {
  const options = { threads, batch, size };
  const args = Object.entries(options).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const child = spawn(python(), ['bench/pipeline.py', ...args], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (question) => {
    child.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error('tf.data ended');
    return JSON.parse(value);
  };
  const { versions } = await ask({ files });
  return {
    versions,
    pass: () => ask({ pass: true }),
    pixels: async (count) => Buffer.from((await ask({ pixels: count })).pixels, 'base64'),
    close: () => child.stdin.end(),
  };
}

const systems = { fovea: await fovea(), 'tf.data': await tfData() };
const [ours, theirs] = await Promise.all(
  Object.values(systems).map((system) => system.pixels(Math.min(batch, 32))),
);
let worst = 0;
for (let i = 0; i < theirs.length; i++) worst = Math.max(worst, Math.abs(ours[i] - theirs[i]));
const passes = { fovea: [], 'tf.data': [] };
for (const system of Object.values(systems)) await system.pass(); // warm-up
for (let round = 0; round < rounds; round++) {
  for (const [name, system] of Object.entries(systems)) passes[name].push(await system.pass());
}
for (const system of Object.values(systems)) await system.close();

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(
  `${cpus()[0].model.trim()}, ${threads} threads, ${images} images of ${found.length} files to ${size}×${size}, batch ${batch}, ` +
    `median of ${rounds} interleaved rounds; load ${loadavg()[0].toFixed(1)}`,
);
for (const [name, list] of Object.entries(passes)) {
  const rate = images / median(list.map(({ seconds }) => seconds));
  const cpu = (1000 * median(list.map(({ cpu }) => cpu))) / images;
  console.log(
    `${name.padEnd(8)} ${rate.toFixed(0).padStart(6)} images/s   ${cpu.toFixed(2)} ms of CPU an image   ${JSON.stringify(systems[name].versions)}`,
  );
}
const ratios = passes.fovea.map(({ seconds }, i) => passes['tf.data'][i].seconds / seconds);
console.log(
  `fovea against tf.data: ${median(ratios).toFixed(2)} times (rounds ${ratios.map((ratio) => ratio.toFixed(2)).join(', ')}); ` +
    `largest difference ${worst} grey levels`,
);
if (worst > 1) process.exitCode = 1;
