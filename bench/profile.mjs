/**
 * Where the time of VGG16's trunk and of a training step's tail goes, by ONNX Runtime's own profile:
 * `node bench/profile.mjs trunk|tail`. 32 images, two threads; ms a run, the fastest of six for each node.
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

const images = 32;
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
  model.initialize(0);
  const objectives = objectiveOf({ loss: 'categoricalCrossentropy' }, ['head']);
  const targets = [{ shape: [images, 4], dtype: 'float32', weightShape: [images] }];
  const measures = { objectives, targets };
  const { name, outputs: results, state } = trainingStep(model.network, model.cut, measures, adam());
  const next = Object.fromEntries(Object.entries(state).map(([key, value]) => [`next/${key}`, value]));
  return toOnnx({ name, outputs: { ...results, ...next } }, { purpose: 'training' });
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

const folder = mkdtempSync(join(tmpdir(), 'fovea-'));
const session = await InferenceSession.create(process.argv[2] === 'tail' ? tail() : trunk(), {
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
for (let i = 0; i < 6; i++) await session.run(feeds);
session.endProfiling();
const [file] = readdirSync(folder);
const nodes = new Map();
for (const { cat, name, dur, args } of JSON.parse(readFileSync(join(folder, file), 'utf8'))) {
  if (cat !== 'Node' || !name.endsWith('kernel_time')) continue;
  const shape = Object.values(args.output_type_shape?.[0] ?? { none: [] })[0];
  const known = nodes.get(args.node_index);
  nodes.set(args.node_index, {
    kind: kindOf(args.op_name, shape),
    ms: Math.min(known?.ms ?? Infinity, dur / 1000),
  });
}
rmSync(folder, { recursive: true });
const sums = {};
for (const { kind, ms } of nodes.values()) sums[kind] = (sums[kind] ?? 0) + ms;
const total = Object.values(sums).reduce((a, b) => a + b, 0);
for (const [kind, ms] of Object.entries(sums).sort((a, b) => b[1] - a[1])) {
  console.log(`${kind.padEnd(26)} ${ms.toFixed(0).padStart(5)} ms  ${((100 * ms) / total).toFixed(0)} %`);
}
console.log(`${'all'.padEnd(26)} ${total.toFixed(0).padStart(5)} ms for ${images} images`);
