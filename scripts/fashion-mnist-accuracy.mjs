/**
 * The tutorial's network on the 1,000 + 1,000 images of ../shared/data/fashion-mnist-sample, 20 epochs at batch 64, for
 * three seeds, beside what Keras reached with three of its own: `node scripts/fashion-mnist-accuracy.mjs [--path FOLDER]`.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { fashionMnistNetwork } from '../bench/fashion-mnist.mjs';
import { floats } from '../dist/modules/core/tensor.js';
import { toCategorical } from '../dist/modules/data/to-categorical.js';
import { loadData } from '../dist/modules/datasets/fashion-mnist.js';
import { adam } from '../dist/modules/optimizers/optimizers.js';

const { values } = parseArgs({
  options: {
    path: {
      type: 'string',
      default: fileURLToPath(new URL('../../shared/data/fashion-mnist-sample', import.meta.url)),
    },
  },
});
const golden = new URL('../test/goldens/fashion_mnist.json', import.meta.url);
const { accuracies: ofKeras } = JSON.parse(readFileSync(golden, 'utf8'));

const { train, test } = await loadData({ path: values.path });
const pixels = ({ data, shape }) =>
  floats(
    Float32Array.from(data, (pixel) => pixel / 255),
    [...shape, 1],
  );
const [x, y] = [pixels(train.images), toCategorical(train.labels, 10)];
const [testX, testY] = [pixels(test.images), toCategorical(test.labels, 10)];

const accuracies = [];
for (const seed of ofKeras.keys()) {
  const net = fashionMnistNetwork();
  net.compile({
    optimizer: adam({ learningRate: 0.001 }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
    seed,
  });
  await net.fit(x, y, { epochs: 20, batchSize: 64 });
  const { accuracy } = await net.evaluate(testX, testY, { batchSize: 512 });
  accuracies.push(accuracy);
  await net.dispose();
}

const line = (name, list) => {
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
  console.log(
    `${name.padEnd(6)} ${list.map((value) => value.toFixed(3)).join('  ')}   mean ${mean.toFixed(3)}`,
  );
};
line('fovea', accuracies);
line('Keras', ofKeras);
