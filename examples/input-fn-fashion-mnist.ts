/**
 * The input function of the 2018 tutorial for Fashion-MNIST: examples in memory, shuffled, repeated, in batches, made
 * while the training computes. Options:
 *
 *     --path FOLDER     the four files as published; without it they are downloaded (31 MB), once
 *     --epochs 1        passes over the training images
 *     --batch-size 512
 */
import { parseArgs } from 'node:util';
import { Dataset, datasets, floats, layers, sequential, type Tensor, utils } from 'fovea';
import { AUTOTUNE } from 'fovea/data';

/** Batches of [images, labels]. */
function inputFn(images: Tensor, labels: Tensor, epochs: number, batchSize: number) {
  const slices = Dataset.fromTensorSlices([images, labels]);
  const shuffleSize = 5000;
  let dataset = slices.shuffle(shuffleSize, { seed: 1 }).repeat(epochs).batch(batchSize);
  dataset = dataset.prefetch(AUTOTUNE);
  return dataset;
}

const { values } = parseArgs({
  options: {
    path: { type: 'string' },
    epochs: { type: 'string', default: '1' },
    'batch-size': { type: 'string', default: '512' },
  },
});
const { classNames, loadData } = datasets.fashionMnist;
const { train, test } = await loadData(values.path === undefined ? {} : { path: values.path });
const pixels = ({ data, shape }: Tensor<'uint8'>) =>
  floats(
    Float32Array.from(data, (pixel) => pixel / 255),
    [...shape, 1],
  );
const oneHot = (labels: Tensor<'uint8'>) => utils.toCategorical(labels, classNames.length);

const [epochs, batchSize] = [Number(values.epochs), Number(values['batch-size'])];
const dataset = inputFn(pixels(train.images), oneHot(train.labels), epochs, batchSize);
console.log('elements are', JSON.stringify(await dataset.elementSpec()));
console.log(`${dataset.cardinality} batches`);

const net = sequential({
  layers: [
    layers.input({ shape: [28, 28, 1] }),
    layers.conv2d({ filters: 16, kernelSize: 3, strides: 2, activation: 'relu' }),
    layers.flatten(),
    layers.dense({ units: classNames.length, activation: 'softmax' }),
  ],
});
net.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
await net.fitDataset(dataset);
const { accuracy } = await net.evaluate(pixels(test.images), oneHot(test.labels));
console.log(`test accuracy ${accuracy!.toFixed(2)}`);
await net.dispose();
