/**
 * Where the time of VGG16's trunk and of a training step's tail goes, and that of a step of Fashion-MNIST's network, by
 * ONNX Runtime's own profile: `node bench/profile.mjs trunk|tail|fashion-mnist`. 32 images, of Fashion-MNIST 512; two
 * threads; ms a run, the fastest of twelve for each node; multiplications and additions, and the bytes that nodes read and write.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { preprocessInput, vgg16 } from '../dist/modules/applications/vgg16.js';
import { input as graphInput } from '../dist/modules/graph/leaves.js';
import { dense, globalAveragePooling2d, input } from '../dist/modules/layers/layers.js';
import { toOnnx } from '../dist/modules/lowering/model.js';
import { inferenceContexts } from '../dist/modules/models/contexts.js';
import { Functional } from '../dist/modules/models/functional.js';
import { objectiveOf } from '../dist/modules/models/objective.js';
import { trainingStep } from '../dist/modules/models/step.js';
import { forward } from '../dist/modules/models/topology.js';
import { adam } from '../dist/modules/optimizers/optimizers.js';
import { fashionMnistNetwork } from './fashion-mnist.mjs';

const what = process.argv[2] ?? 'trunk';
const images = what === 'fashion-mnist' ? 512 : 32;
const pixels = input({ shape: [224, 224, 3], dtype: 'uint8' });
const base = await vgg16({ includeTop: false, inputTensor: preprocessInput(pixels) });

function trunk() {
  const given = new Map([[pixels, graphInput('pixels', pixels.shape, 'uint8')]]);
  const [y] = forward([base.output], given, inferenceContexts(base.network));
  return toOnnx({ name: 'trunk', outputs: { y } }, { purpose: 'frozen' });
}

function tail() {
  const outputs = dense({ units: 4, activation: 'softmax' }).apply(
    globalAveragePooling2d().apply(base.output),
  );
  const model = new Functional({ inputs: pixels, outputs });
  for (const layer of base.layers) layer.trainable = layer.name.startsWith('block5');
  return stepOf(model, 4);
}

function stepOf(model, classes) {
  model.initialize(0);
  const objectives = objectiveOf({ loss: 'categoricalCrossentropy' }, ['head']);
  const targets = [{ shape: [images, classes], dtype: 'float32', weightShape: [images] }];
  const measures = { objectives, targets };
  const { name, outputs: results, state } = trainingStep(model.network, model.cut, measures, adam());
  const next = Object.fromEntries(Object.entries(state).map(([key, value]) => [`next/${key}`, value]));
  return toOnnx({ name, outputs: { ...results, ...next } }, { purpose: 'training' });
}

const graphs = { trunk, tail, 'fashion-mnist': () => stepOf(fashionMnistNetwork(), 10) };

/** What a node is where the batch is innermost. */
function kindOfSmall(op, shape) {
  if (/MatMul|Gemm/.test(op))
    return shape.length === 3 && shape[0] >= 25 ? 'products of channels' : 'small transforms, dense';
  if (/Gather|Concat|Slice|Transpose/.test(op)) return 'placing';
  // The batch comes last; weights have their filters there.
  const ofImages = shape.length > 2 && shape.at(-1) === images;
  return ofImages ? 'pools, ReLU and biases' : 'the rest';
}

/** What a node is to Winograd's scheme, by its operator and the shape of its output. */
function kindOf(op, shape) {
  if (!/MatMul|Gemm/.test(op))
    return (
      { Conv: 'plain convolutions' }[op] ??
      (/Gather|Concat|Sum|^Max$/.test(op) ? 'placing and adding tiles' : 'the rest')
    );
  return shape.length === 3 && shape[0] >= 16 && shape[1] > 16 ? 'products of channels' : 'small transforms';
}

const sizeOf = (described) => Object.values(described)[0].reduce((product, size) => product * size, 1);

/** Multiplications and additions of a product, a row of its first matrix times the whole second one. */
function flopOf(op, inputs, outputs) {
  if (!/MatMul|Gemm/.test(op)) return 0;
  const [a, b] = inputs.map((described) => Object.values(described)[0]);
  const [rows, columns] = Object.values(outputs[0])[0].slice(-2);
  // The axis that is summed over, whichever of the two was transposed: a · b = rows · columns · inner².
  const inner = Math.sqrt((a.at(-1) * a.at(-2) * b.at(-1) * b.at(-2)) / (rows * columns));
  return 2 * sizeOf(outputs[0]) * inner;
}

const folder = mkdtempSync(join(tmpdir(), 'fovea-'));
const session = await InferenceSession.create(graphs[what](), {
  intraOpNumThreads: 2,
  interOpNumThreads: 1,
  enableMemPattern: false,
  enableProfiling: true,
  profileFilePrefix: join(folder, 'profile'),
});
const feeds = {};
for (const { name, type, shape } of session.inputMetadata) {
  const sizes = shape.map((size) => (typeof size === 'number' ? size : images));
  const count = sizes.reduce((product, size) => product * size, 1);
  const data = type === 'uint8' ? new Uint8Array(count) : new Float32Array(count);
  feeds[name] = new Tensor(
    type,
    data.map((_, i) => Math.abs(Math.sin(i)) * (type === 'uint8' ? 255 : 0.01)),
    sizes,
  );
}
for (let i = 0; i < 12; i++) await session.run(feeds);
session.endProfiling();
const [file] = readdirSync(folder);
const nodes = new Map();
for (const { cat, name, dur, args } of JSON.parse(readFileSync(join(folder, file), 'utf8'))) {
  if (cat !== 'Node' || !name.endsWith('kernel_time')) continue;
  const shape = Object.values(args.output_type_shape?.[0] ?? { none: [] })[0];
  const known = nodes.get(args.node_index);
  nodes.set(args.node_index, {
    kind: (what === 'fashion-mnist' ? kindOfSmall : kindOf)(args.op_name, shape),
    ms: Math.min(known?.ms ?? Infinity, dur / 1000),
    flop: flopOf(args.op_name, args.input_type_shape, args.output_type_shape),
    bytes: Number(args.output_size) + Number(args.activation_size) + Number(args.parameter_size),
  });
}
rmSync(folder, { recursive: true });
const sums = {};
for (const { kind, ms, flop, bytes } of nodes.values()) {
  const sum = sums[kind] ?? { ms: 0, flop: 0, bytes: 0 };
  sums[kind] = { ms: sum.ms + ms, flop: sum.flop + flop, bytes: sum.bytes + bytes };
}
const total = Object.values(sums).reduce((all, { ms }) => all + ms, 0);
for (const [kind, { ms, flop, bytes }] of Object.entries(sums).sort(([, a], [, b]) => b.ms - a.ms)) {
  const rates = `${(flop / ms / 1e6).toFixed(0).padStart(5)} GFLOP/s ${(bytes / ms / 1e6).toFixed(1).padStart(6)} GB/s`;
  console.log(
    `${kind.padEnd(26)} ${ms.toFixed(0).padStart(5)} ms ${((100 * ms) / total).toFixed(0).padStart(3)} % ${rates}`,
  );
}
console.log(`${'all'.padEnd(26)} ${total.toFixed(0).padStart(5)} ms for ${images} images`);
