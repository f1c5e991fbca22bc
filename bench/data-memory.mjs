/**
 * Memory and time of a pipeline by its number of elements: `npm run build && node bench/data-memory.mjs [--files FOLDER]`.
 * Each count runs three passes of shuffle(4096), parallel map, batch, prefetch in a process of its own; the peak of 10⁶
 * elements must stay within 1.2 times that of 10⁵. With `--files`, it also lists a folder's files and times it; the
 * folder is filled with 10⁶ empty files when it does not exist.
 */
import { execFileSync } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Dataset } from '../dist/modules/data/dataset.js';
import { listFiles } from '../dist/modules/datasets/list-files.js';

const { values } = parseArgs({ options: { count: { type: 'string' }, files: { type: 'string' } } });

async function pass(count) {
  const data = Dataset.range(count)
    .map(async (n) => new Float32Array(256).fill(n), { numParallelCalls: 8 })
    .shuffle(4096, { seed: 1 })
    .map(async (row) => row[0], { numParallelCalls: 8 })
    .batch(64)
    .prefetch(4);
  let seen = 0;
  for (let epoch = 0; epoch < 3; epoch++) for await (const batch of data) seen += batch.length;
  if (seen !== 3 * count) throw new Error(`${seen} elements`);
}

async function fill(folder) {
  for (let i = 0; i < 1000; i++) {
    const inner = join(folder, `part${i % 10}`, `folder${i}`);
    await mkdir(inner, { recursive: true });
    await Promise.all(Array.from({ length: 1000 }, (_, j) => writeFile(join(inner, `image-${j}.jpeg`), '')));
  }
}

if (values.count !== undefined) {
  const start = performance.now();
  await pass(Number(values.count));
  const seconds = (performance.now() - start) / 1000;
  console.log(JSON.stringify({ seconds, megabytes: process.resourceUsage().maxRSS / 1024 }));
} else if (values.files !== undefined) {
  if (!(await stat(values.files).catch(() => undefined))) await fill(values.files);
  for (let round = 0; round < 3; round++) {
    const start = performance.now();
    const { cardinality } = await listFiles(`${values.files}/**/*.jpeg`);
    console.log(`${cardinality} files in ${((performance.now() - start) / 1000).toFixed(2)} s`);
  }
} else {
  const peaks = [1e5, 1e6].map((count) => {
    const output = execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--count', String(count)]);
    const { seconds, megabytes } = JSON.parse(output);
    console.log(`${count} elements, 3 passes: peak ${megabytes.toFixed(0)} MB, ${seconds.toFixed(1)} s`);
    return megabytes;
  });
  console.log(`ratio ${(peaks[1] / peaks[0]).toFixed(3)}`);
}
