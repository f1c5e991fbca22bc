/**
 * The 2018 tutorial "An Easy Introduction to Distributed Training with TensorFlow using tf.keras.Model and
 * tf.estimator.Estimator", its part on retinal OCT images: the last block of a VGG16 that learned on ImageNet and a new
 * head are trained by an estimator, on image files that an input function reads. Options:
 *
 *     --data FOLDER       with train/CLASS/*.jpeg and test/CLASS/*.jpeg, such as OCT2017; by default the images that come with fovea
 *     --image-size 224
 *     --epochs 1          passes over the training images
 *     --batch-size 16
 *     --steps N           ends after so many steps
 *     --model-dir FOLDER  where checkpoints and summaries are, and a training is gone on with; by default a temporary folder
 */
import { readdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { applications, datasets, layers, model, optimizers } from 'fovea';
import { AUTOTUNE, labelFromPath, listFiles, oneHot, stringLookup } from 'fovea/data';
import { modelToEstimator, OneDeviceStrategy, RunConfig } from 'fovea/estimator';
import { ImagePool, ops, pixelsTensor } from 'fovea/images';
import { TimeHistory } from 'fovea/training';

const { values } = parseArgs({
  options: {
    data: { type: 'string', default: datasets.samplesPath() },
    'image-size': { type: 'string', default: '224' },
    epochs: { type: 'string', default: '1' },
    'batch-size': { type: 'string', default: '16' },
    steps: { type: 'string' },
    'model-dir': { type: 'string' },
  },
});
const side = Number(values['image-size']);
const [EPOCHS, BATCH_SIZE] = [Number(values.epochs), Number(values['batch-size'])];
const folders = await readdir(join(values.data, 'train'), { withFileTypes: true });
const labels = folders
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)
  .sort();
const pool = new ImagePool();

interface InputOptions {
  readonly imageSize?: readonly [height: number, width: number];
  readonly shuffle?: boolean;
  readonly batchSize?: number;
  readonly numEpochs?: number;
  readonly bufferSize?: number;
  readonly prefetchBufferSize?: number | typeof AUTOTUNE;
}

/** Batches of [images, labels] from image files. */
async function inputFn(
  filePattern: string,
  labels: readonly string[],
  {
    imageSize: [height, width] = [224, 224],
    shuffle = false,
    batchSize = 64,
    numEpochs = 1,
    bufferSize = 4096,
    prefetchBufferSize = AUTOTUNE,
  }: InputOptions = {},
) {
  const table = stringLookup({ vocabulary: labels, numOovIndices: 0 });
  const operations = [
    ops.decodeImage({ channels: 3 }),
    ops.convertImageDtype({ dtype: 'float32' }), // from 0 to 1
    ops.resize({ height, width, method: 'bilinear-tf1' }),
  ];
  const mapFunc = async (filename: string) => {
    const label = oneHot(table(labelFromPath(filename)), labels.length);
    return [pixelsTensor(await pool.run(filename, operations)), label] as const;
  };

  let files = await listFiles(filePattern, { shuffle, seed: 1 });
  files = shuffle
    ? files.shuffleAndRepeat(bufferSize, { seed: 1, count: numEpochs })
    : files.repeat(numEpochs);
  const dataset = files.mapAndBatch(mapFunc, { batchSize, numParallelCalls: availableParallelism() });
  return dataset.prefetch(prefetchBufferSize);
}

// The model: the weights expect what `preprocessInput` makes of pixels from 0 to 255.
const images = layers.input({ shape: [side, side, 3] });
const base = await applications.vgg16({
  includeTop: false,
  weights: 'imagenet',
  inputTensor: applications.preprocessInput(layers.rescaling({ scale: 255 }).apply(images)),
});
const x = layers.flatten().apply(base.output);
const predictions = layers.dense({ units: labels.length, activation: 'softmax' }).apply(x);
const net = model({ inputs: images, outputs: predictions });
for (const layer of base.layers.slice(0, -4)) layer.trainable = false;
net.compile({
  // A tenth of Adam's usual rate: steps of 0.001 are large beside weights that are good already, and would undo them.
  optimizer: optimizers.adam({ learningRate: 1e-4 }),
  loss: 'categoricalCrossentropy',
  metrics: ['accuracy'],
});

const config = new RunConfig({
  trainDistribute: new OneDeviceStrategy(),
  ...(values['model-dir'] !== undefined && { modelDir: values['model-dir'] }),
});
const estimator = modelToEstimator(net, { config });

const timeHist = new TimeHistory();
await estimator.train({
  inputFn: () =>
    inputFn(join(values.data, 'train', '*', '*.jpeg'), labels, {
      imageSize: [side, side],
      shuffle: true,
      batchSize: BATCH_SIZE,
      numEpochs: EPOCHS,
    }),
  ...(values.steps !== undefined && { steps: Number(values.steps) }),
  hooks: [timeHist],
});
const { times, totalTime, imagesPerSecond } = timeHist;
console.log(`total time: ${totalTime.toFixed(2)} seconds for ${times.length} steps`);
console.log(`${imagesPerSecond.toFixed(1)} images/second`);

const results = await estimator.evaluate({
  inputFn: () =>
    inputFn(join(values.data, 'test', '*', '*.jpeg'), labels, {
      imageSize: [side, side],
      batchSize: BATCH_SIZE,
    }),
});
console.log(results);
await Promise.all([net.dispose(), estimator.dispose(), pool.close()]);
