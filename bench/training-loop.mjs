/**
 * What the training loop costs beside the program that it runs, and whether it keeps anything:
 * `node bench/training-loop.mjs [--steps 10000] [--rounds 5] [--batch 32]`. A small dense model with three metrics is
 * trained so many steps; between the rounds, the same step runs on a device alone, one run after another. Prints the time of
 * a step of each in the fastest round, the resident memory, and the handles that are open. Linux.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { scalar, tensor, zeros } from '../dist/modules/core/tensor.js';
import { dense, input } from '../dist/modules/layers/layers.js';
import { cut } from '../dist/modules/models/cut.js';
import { model } from '../dist/modules/models/functional.js';
import { objectiveOf } from '../dist/modules/models/objective.js';
import { names, trainingStep } from '../dist/modules/models/step.js';
import { adam } from '../dist/modules/optimizers/optimizers.js';
import { Device } from '../dist/modules/runtime/device.js';

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '5' },
    batch: { type: 'string', default: '32' },
  },
});
const [steps, rounds, batch] = [values.steps, values.rounds, values.batch].map(Number);
const optimizer = adam();
const objective = { loss: 'categoricalCrossentropy', metrics: ['accuracy', 'mse', 'auc'] };
const made = () => {
  const x = input({ shape: [16] });
  const hidden = dense({ units: 16, activation: 'relu' }).apply(x);
  const outputs = dense({ units: 4, activation: 'softmax' }).apply(hidden);
  const net = model({ inputs: x, outputs }, { threads: 1 });
  net.compile({ ...objective, optimizer });
  return net;
};
const floats = (shape, at) =>
  tensor(
    'float32',
    shape,
    Float32Array.from({ length: shape[0] * shape[1] }, (_, i) => at(i)),
  );
const data = (count) => [floats([count, 16], Math.sin), floats([count, 4], (i) => (i % 5 === 0 ? 1 : 0))];
/** Time that the main thread has had a processor, in ms: a busy machine does not count. */
const processorTime = () => Number(readFileSync('/proc/self/schedstat', 'utf8').split(' ')[0]) / 1e6;
let waited = 0;
const { compile } = Device.prototype;
/** Counts how long runs are waited for. */
Device.prototype.compile = async function (spec) {
  const program = await compile.call(this, spec);
  const run = async (...given) => {
    const began = performance.now();
    const results = await program.run(...given);
    waited += performance.now() - began;
    return results;
  };
  return { ...program, run };
};
/** Of a step in µs: the whole, what is not waiting for its run, and the main thread's. */
const timed = async (work) => {
  waited = 0;
  const [began, busy] = [performance.now(), processorTime()];
  await work();
  const whole = performance.now() - began;
  return [whole, whole - waited, processorTime() - busy].map((ms) => (ms * 1000) / each);
};
const memory = () => {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  const [resident, used] = [rss, heapUsed + external].map((bytes) => (bytes / 1e6).toFixed(0));
  return `${resident} MB, ${used} MB of them in use, ${process.getActiveResourcesInfo().length} handles`;
};

const each = steps / rounds;
const net = made();
const [x, y] = data(each * batch);
await net.fit(...data(1000 * batch), { batchSize: batch });
console.log(`after 1,000 steps: ${memory()}`);

const { network } = net;
const device = await Device.open({ threads: 1 });
const objectives = objectiveOf(objective, ['output']);
const targets = [{ shape: [batch, 4], dtype: 'float32', weightShape: [batch] }];
const step = trainingStep(network, cut(network), { objectives, targets }, optimizer);
const program = await device.compile(step);
for (const [{ shape, value }, name] of network.weightNames) {
  await device.setState({ [name]: value });
  for (const slot of optimizer.slots({ name, shape }))
    await device.setState({ [names.slot(name, slot.name)]: zeros('float32', slot.shape) });
}
const feature = `feature/${network.inputs[0].id}`;
const [someX, someY] = data(batch);
const others = Object.fromEntries([
  ['target/0', someY],
  ['weight/0', tensor('float32', [batch], new Float32Array(batch).fill(1))],
  ...Object.entries(optimizer.scalars(1e-3, 5)).map(([name, value]) => [names.scalar(name), scalar(value)]),
]);
const alone = async () => {
  for (let i = 0; i < each; i++) {
    const feeds = { [feature]: { ...someX, data: someX.data.slice() }, ...others };
    await program.run(feeds, { transfer: [feature] });
  }
};

const fits = [];
const runs = [];
for (let round = 0; round < rounds; round++) {
  fits.push(await timed(() => net.fit(x, y, { batchSize: batch })));
  runs.push(await timed(alone));
  console.log(`after ${(round + 1) * each} more: ${memory()}`);
}
const least = (list, at) => Math.min(...list.map((times) => times[at]));
for (const [at, what] of ['a step', 'without the wait for its run', 'the main thread for it'].entries()) {
  const [fit, run] = [least(fits, at), least(runs, at)];
  console.log(
    `${what}: in fit ${fit.toFixed(0)} µs, run alone ${run.toFixed(0)} µs, ${(fit - run).toFixed(0)} µs more`,
  );
}
await Promise.all([net.dispose(), device.close()]);
