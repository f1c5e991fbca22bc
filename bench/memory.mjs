/**
 * Memory of a fine-tuning of VGG16 with new pixels at every step: `node bench/memory.mjs [--batch 64] [--steps 200] [--size 224]`.
 * Prints the resident memory every ten steps, and the peak.
 */
import { parseArgs } from 'node:util';
import { preprocessInput, vgg16 } from '../dist/modules/applications/vgg16.js';
import { tensor } from '../dist/modules/core/tensor.js';
import { Dataset } from '../dist/modules/data/dataset.js';
import { dense, globalAveragePooling2d, input } from '../dist/modules/layers/layers.js';
import { Functional } from '../dist/modules/models/functional.js';
import { adam } from '../dist/modules/optimizers/optimizers.js';

const { values } = parseArgs({
  options: {
    batch: { type: 'string', default: '64' },
    steps: { type: 'string', default: '200' },
    size: { type: 'string', default: '224' },
  },
});
const [batch, steps, size] = [values.batch, values.steps, values.size].map(Number);
const pixels = input({ shape: [size, size, 3], dtype: 'uint8' });
const base = await vgg16({ includeTop: false, inputTensor: preprocessInput(pixels) });
const outputs = dense({ units: 4, activation: 'softmax' }).apply(globalAveragePooling2d().apply(base.output));
const model = new Functional({ inputs: pixels, outputs });
for (const layer of base.layers) layer.trainable = layer.name.startsWith('block5');
model.compile({ optimizer: adam({ learningRate: 1e-5 }), loss: 'categoricalCrossentropy' });

const targets = tensor(
  'float32',
  [batch, 4],
  new Float32Array(batch * 4).map((_, i) => (i % 4 === 0 ? 1 : 0)),
);
const data = Dataset.fromGenerator(function* () {
  for (let step = 0; step < steps; step++) {
    const inputs = async () => {
      const bytes = new Uint8Array(batch * size * size * 3);
      for (let i = 0; i < bytes.length; i++) bytes[i] = (i * 31 + step * 17) & 255;
      return tensor('uint8', [batch, size, size, 3], bytes);
    };
    yield { inputs, targets };
  }
});
const megabytes = (bytes) => Math.round(bytes / 1e6);
const onTrainBatchEnd = ({ step }) => {
  if (step % 10 === 0) console.log(`step ${step}: ${megabytes(process.memoryUsage.rss())} MB`);
};
await model.fitDataset(data, { callbacks: [{ onTrainBatchEnd }] });
console.log(
  `peak ${megabytes(process.resourceUsage().maxRSS * 1024)} MB, batch ${batch}, ${size}×${size}, ${steps} steps`,
);
await model.dispose();
