/**
 * Times the formulations of a 3×3 convolution on this machine, interleaved: `npm run bench:conv [-- frozen|training]`.
 * `frozen` is the forward pass with a constant kernel; `training` a forward pass and both gradients.
 */
import { availableParallelism, cpus } from 'node:os';
import { tensor } from '../dist/modules/core/tensor.js';
import { constant, input } from '../dist/modules/graph/leaves.js';
import { asPlain, fromRows, tiles } from '../dist/modules/lowering/layout.js';
import { onnxConv, onnxConvTranspose } from '../dist/modules/lowering/onnx-ops.js';
import {
  winogradFilterGradient,
  winogradForward,
  winogradInputGradient,
} from '../dist/modules/lowering/winograd.js';
import { windowOf } from '../dist/modules/ops/conv.js';
import { relu } from '../dist/modules/ops/elementwise.js';
import { slice, transpose } from '../dist/modules/ops/shaping.js';
import { Device } from '../dist/modules/runtime/device.js';

const layers = [
  [64, 64, 224, 1],
  [64, 128, 112, 2],
  [128, 128, 112, 2],
  [128, 256, 56, 4],
  [256, 256, 56, 4],
  [256, 512, 28, 8],
  [512, 512, 28, 8],
  [512, 512, 14, 8],
];
const window = windowOf([3, 3], { pads: [1, 1, 1, 1] });
const random = (shape) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return tensor(
    'float32',
    shape,
    Float32Array.from({ length: size }, (_, i) => Math.sin(i * 12.9898) * 0.5),
  );
};
const corner = (value) => slice(value, { starts: value.shape.map(() => 0), ends: value.shape.map(() => 1) });

function frozenGraph(m, [c, o, side], batch) {
  const w = constant(random([3, 3, c, o]), 'w');
  if (m === 0) {
    const x = input('x', [batch, c, side, side]);
    const y = onnxConv(x, transpose(w, { perm: [3, 2, 0, 1] }), constant(random([o]), 'b'), {
      window,
      output: [side, side],
    });
    return { outputs: { y: corner(relu(y)) }, feeds: { x: random([batch, c, side, side]) } };
  }
  const x = input('x', [batch, side, side, c]);
  const y = winogradForward(asPlain(x), w, m, window, [side, side, o]);
  return { outputs: { y: corner(relu(y.value)) }, feeds: { x: random([batch, side, side, c]) } };
}

function trainingGraph(m, [c, o, side], batch) {
  const w = input('w', [3, 3, c, o]);
  const feeds = { w: random([3, 3, c, o]) };
  if (m === 0) {
    const x = input('x', [batch, c, side, side]);
    const dy = input('dy', [batch, o, side, side]);
    const kernel = transpose(w, { perm: [3, 2, 0, 1] });
    const output = [side, side];
    const swap = (value) => transpose(value, { perm: [1, 0, 2, 3] });
    const dw = onnxConv(swap(x), swap(dy), undefined, {
      window: { ...window, kernel: [side, side] },
      output: [3, 3],
    });
    const y = onnxConv(x, kernel, undefined, { window, output });
    const dx = onnxConvTranspose(dy, kernel, { window, output, outputPadding: [0, 0] });
    return {
      outputs: { y: corner(y), dx: corner(dx), dw: corner(dw) },
      feeds: { ...feeds, x: random([batch, c, side, side]), dy: random([batch, o, side, side]) },
    };
  }
  const x = asPlain(input('x', [batch, side, side, c]));
  const count = Math.ceil(side / m) ** 2;
  const rows = input('dy', [m * m * count * batch, o]);
  const dy = fromRows(rows, tiles(m), [batch, side, side, o], true);
  const y = winogradForward(x, w, m, window, [side, side, o]);
  const dx = winogradInputGradient(dy, w, x, m, window);
  const dw = winogradFilterGradient(x, dy, m, window);
  return {
    outputs: { y: corner(y.value), dx: corner(dx.value), dw: corner(dw) },
    feeds: { ...feeds, x: random([batch, side, side, c]), dy: random([m * m * count * batch, o]) },
  };
}

const kind = process.argv[2] ?? 'frozen';
const only = process.argv[3];
const threads = Math.min(2, availableParallelism());
console.log(
  `${cpus()[0].model.trim()}, ${threads} threads, ${kind}, ms per image (median of 7; GFLOP/s of the direct form)`,
);
for (const layer of layers) {
  const [c, o, side, frozenBatch] = layer;
  if (only && !`${c}→${o} ${side}`.includes(only)) continue;
  const batch = kind === 'frozen' ? frozenBatch : Math.min(16, frozenBatch * 2);
  const cells = [];
  const device = await Device.open({ threads });
  for (const m of [0, 4, 5, 6, 7]) {
    const { outputs, feeds } = (kind === 'frozen' ? frozenGraph : trainingGraph)(m, layer, batch);
    const program = await device.compile({ name: `F${m}`, outputs, purpose: kind });
    for (let i = 0; i < 2; i++) await program.run(feeds);
    cells.push({ m, program, feeds, times: [] });
  }
  for (let round = 0; round < 7; round++) {
    for (const { program, feeds, times } of cells) {
      const start = performance.now();
      await program.run(feeds);
      times.push(performance.now() - start);
    }
  }
  await device.close();
  const flops = 2 * 9 * c * o * side * side * (kind === 'frozen' ? 1 : 3);
  const text = cells.map(({ m, times }) => {
    const ms = times.sort((a, b) => a - b)[3] / batch;
    return `${m ? `F${m}` : 'Conv'} ${ms.toFixed(2)} (${Math.round(flops / ms / 1e6)})`;
  });
  console.log(`${c}→${o} at ${side}²: ${text.join('  ')}`);
}
