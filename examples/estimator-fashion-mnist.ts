/**
 * The 2018 tutorial "An Easy Introduction to Distributed Training with TensorFlow using tf.keras.Model and
 * tf.estimator.Estimator", its part on Fashion-MNIST: a Keras model becomes an estimator, which trains on what an input
 * function gives, and a hook takes the time. Options:
 *
 *     --path FOLDER       the four files as published; without it they are downloaded (31 MB), once
 *     --epochs 5          passes over the training images
 *     --batch-size 512
 *     --model-dir FOLDER  where checkpoints and summaries are, and a training is gone on with; by default a temporary folder
 */
import { parseArgs } from 'node:util';
import { Dataset, datasets, floats, layers, model, optimizers, type Tensor, utils } from 'fovea';
import { AUTOTUNE } from 'fovea/data';
import { modelToEstimator, OneDeviceStrategy, RunConfig } from 'fovea/estimator';
import type { SessionRunHook } from 'fovea/training';

const { values } = parseArgs({
  options: {
    path: { type: 'string' },
    epochs: { type: 'string', default: '5' },
    'batch-size': { type: 'string', default: '512' },
    'model-dir': { type: 'string' },
  },
});
const [EPOCHS, BATCH_SIZE] = [Number(values.epochs), Number(values['batch-size'])];

// The data: pixels from 0 to 1, [images, 28, 28, 1], and a row for each label with a 1 at its class.
const { classNames, loadData } = datasets.fashionMnist;
const { train, test } = await loadData(values.path === undefined ? {} : { path: values.path });
const LABEL_DIMENSIONS = classNames.length;
const pixels = ({ data, shape }: Tensor<'uint8'>) =>
  floats(
    Float32Array.from(data, (pixel) => pixel / 255),
    [...shape, 1],
  );
const trainImages = pixels(train.images);
const testImages = pixels(test.images);
const trainLabels = utils.toCategorical(train.labels, LABEL_DIMENSIONS);
const testLabels = utils.toCategorical(test.labels, LABEL_DIMENSIONS);

// The model.
const inputs = layers.input({ shape: [28, 28, 1] });
let x = layers.conv2d({ filters: 32, kernelSize: [3, 3], activation: 'relu' }).apply(inputs);
x = layers.maxPooling2d({ poolSize: [2, 2], strides: 2 }).apply(x);
x = layers.conv2d({ filters: 64, kernelSize: [3, 3], activation: 'relu' }).apply(x);
x = layers.maxPooling2d({ poolSize: [2, 2], strides: 2 }).apply(x);
x = layers.conv2d({ filters: 64, kernelSize: [3, 3], activation: 'relu' }).apply(x);
x = layers.flatten().apply(x);
x = layers.dense({ units: 64, activation: 'relu' }).apply(x);
const predictions = layers.dense({ units: LABEL_DIMENSIONS, activation: 'softmax' }).apply(x);
const net = model({ inputs, outputs: predictions });
console.log(net.summary());
net.compile({
  optimizer: optimizers.adam({ learningRate: 0.001 }),
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
});

// The estimator.
const strategy = new OneDeviceStrategy();
const config = new RunConfig({
  trainDistribute: strategy,
  ...(values['model-dir'] !== undefined && { modelDir: values['model-dir'] }),
});
const estimator = modelToEstimator(net, { config });

/** Batches of [images, labels]. */
function inputFn(images: Tensor, labels: Tensor, epochs: number, batchSize: number) {
  let dataset = Dataset.fromTensorSlices([images, labels]);
  const SHUFFLE_SIZE = 5000;
  dataset = dataset.shuffleAndRepeat(SHUFFLE_SIZE, { seed: 1, count: epochs });
  return dataset.batch(batchSize).prefetch(AUTOTUNE);
}

/** Seconds of each step. `fovea/training` has one too, which also counts how long steps wait for their data. */
class TimeHistory implements SessionRunHook {
  times: number[] = [];
  #iterTimeStart = 0;

  begin(): void {
    this.times = [];
  }

  beforeRun(): undefined {
    this.#iterTimeStart = performance.now();
  }

  afterRun(): void {
    this.times.push((performance.now() - this.#iterTimeStart) / 1000);
  }
}

const timeHist = new TimeHistory();
await estimator.train({
  inputFn: () => inputFn(trainImages, trainLabels, EPOCHS, BATCH_SIZE),
  hooks: [timeHist],
});

const totalTime = timeHist.times.reduce((sum, seconds) => sum + seconds, 0);
const avgTimePerBatch = totalTime / timeHist.times.length;
console.log(`total time: ${totalTime.toFixed(2)} seconds for ${timeHist.times.length} steps`);
console.log(`average time per batch: ${avgTimePerBatch.toFixed(4)} seconds`);
console.log(`${(BATCH_SIZE / avgTimePerBatch).toFixed(0)} images/second`);

console.log(await estimator.evaluate({ inputFn: () => inputFn(testImages, testLabels, 1, BATCH_SIZE) }));
await estimator.dispose();
