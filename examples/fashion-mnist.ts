/**
 * The network of the tutorials for Fashion-MNIST, ten kinds of clothes on 28×28 grey pixels: three convolutions, two
 * pools, two dense layers. Options:
 *
 *     --path FOLDER     the four files as published; without it they are downloaded (31 MB), once
 *     --epochs 5        passes over the training images
 *     --batch-size 512
 *     --leaky-relu      LeakyReLU layers in the place of ReLU
 */
import { parseArgs } from 'node:util';
import { datasets, floats, layers, model, optimizers, type Tensor, utils } from 'fovea';

const { values } = parseArgs({
  options: {
    path: { type: 'string' },
    epochs: { type: 'string', default: '5' },
    'batch-size': { type: 'string', default: '512' },
    'leaky-relu': { type: 'boolean', default: false },
  },
});
// Pixels from 0 to 1, [images, 28, 28, 1], and a row for each label with a 1 at its class.
const pixels = ({ data, shape }: Tensor<'uint8'>) =>
  floats(
    Float32Array.from(data, (pixel) => pixel / 255),
    [...shape, 1],
  );
const { classNames, loadData } = datasets.fashionMnist;
const { train, test } = await loadData(values.path === undefined ? {} : { path: values.path });
const x = pixels(train.images);
const y = utils.toCategorical(train.labels, classNames.length);
const testImages = pixels(test.images);
console.log(`${train.labels.data.length} images to train, ${test.labels.data.length} to test`);

const leaky = values['leaky-relu'];
const activation = leaky ? 'linear' : 'relu';
const activated = (layer: layers.Layer) => (leaky ? [layer, layers.leakyReLU()] : [layer]);
const stack = [
  ...activated(layers.conv2d({ filters: 32, kernelSize: 3, activation })),
  layers.maxPooling2d({ poolSize: 2, strides: 2 }),
  ...activated(layers.conv2d({ filters: 64, kernelSize: 3, activation })),
  layers.maxPooling2d({ poolSize: 2, strides: 2 }),
  ...activated(layers.conv2d({ filters: 64, kernelSize: 3, activation })),
  layers.flatten(),
  ...activated(layers.dense({ units: 64, activation })),
  layers.dense({ units: classNames.length, activation: 'softmax' }),
];
const images = layers.input({ shape: [28, 28, 1] });
const net = model({ inputs: images, outputs: stack.reduce((below, layer) => layer.apply(below), images) });
console.log(net.summary());

net.compile({
  optimizer: optimizers.adam({ learningRate: 0.001 }),
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
});
await net.fit(x, y, { epochs: Number(values.epochs), batchSize: Number(values['batch-size']), verbose: 1 });

const { loss, accuracy } = await net.evaluate(
  testImages,
  utils.toCategorical(test.labels, classNames.length),
);
console.log(`test loss ${loss!.toFixed(4)}, accuracy ${accuracy!.toFixed(4)}`);

const [first] = test.labels.data;
const { data: chances } = await net.predict(floats(testImages.data.subarray(0, 28 * 28), [1, 28, 28, 1]));
const best = chances.indexOf(Math.max(...chances));
console.log(`the first test image is ${classNames[first!]}, taken for ${classNames[best]}`);
await net.dispose();
