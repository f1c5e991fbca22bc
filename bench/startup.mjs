/**
 * How long a program waits before its first result: `node bench/startup.mjs [--rounds 10]`. Loading the library, describing
 * a model of 1,000 layers, and a small dense model from nothing to its first step. Each is the fastest and the median of
 * so many rounds, loading and the first step of a process in processes of their own.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '10' }, one: { type: 'string' } },
});
const library = new URL('../dist/index.js', import.meta.url).href;
const timed = async (run) => {
  const began = performance.now();
  await run();
  return performance.now() - began;
};

const tasks = {
  /** Nothing is warm. */
  import: async () => timed(() => import(library)),
  thousandLayers: async () => {
    const { layers, model } = await import(library);
    return timed(() => {
      const input = layers.input({ shape: [8] });
      let x = input;
      for (let i = 0; i < 500; i++)
        x = layers.activation({ activation: 'relu' }).apply(layers.dense({ units: 8 }).apply(x));
      model({ inputs: input, outputs: x });
    });
  },
  firstStep: async () => {
    const { Dataset } = await import(library);
    return timed(() => firstStep(Dataset));
  },
  /** The same once more in a process that has trained before. */
  anotherModel: async () => {
    const { Dataset } = await import(library);
    await firstStep(Dataset);
    return timed(() => firstStep(Dataset));
  },
};

async function firstStep(Dataset) {
  const { layers, model, optimizers, floats } = await import(library);
  const input = layers.input({ shape: [784] });
  const hidden = layers.dense({ units: 128, activation: 'relu' }).apply(input);
  const net = model({
    inputs: input,
    outputs: layers.dense({ units: 10, activation: 'softmax' }).apply(hidden),
  });
  net.compile({ optimizer: optimizers.adam(), loss: 'categoricalCrossentropy' });
  const batch = {
    inputs: floats(new Float32Array(32 * 784).fill(0.5), [32, 784]),
    targets: floats(
      Float32Array.from({ length: 320 }, (_, i) => (i % 10 === 0 ? 1 : 0)),
      [32, 10],
    ),
  };
  await net.fitDataset(Dataset.fromArray([batch]));
}

if (values.one) {
  console.log(await tasks[values.one]());
  process.exit();
}
const self = fileURLToPath(import.meta.url);
for (const name of Object.keys(tasks)) {
  const ms = Array.from({ length: Number(values.rounds) }, () =>
    Number(execFileSync(process.execPath, [self, '--one', name], { encoding: 'utf8' })),
  ).sort((a, b) => a - b);
  const median = ms[Math.floor(ms.length / 2)];
  console.log(`${name.padEnd(16)} ${ms[0].toFixed(0).padStart(5)} ms, median ${median.toFixed(0)} ms`);
}
