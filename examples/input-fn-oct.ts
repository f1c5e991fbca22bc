/**
 * The input functions of the 2018 tutorial for OCT2017: files by a pattern, labels by their folders, images decoded and
 * resized in threads, batches made while the training computes. Options:
 *
 *     --files PATTERN     such as 'OCT2017/train/{CNV,DME,DRUSEN,NORMAL}/*.jpeg'; by default some of the images that come with fovea
 *     --records PATTERN   in their place TFRecord files, of examples with `image` (a file's bytes) and `label` (a number)
 *     --image-size 224
 *     --batch-size 64
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { datasets, layers, sequential } from 'fovea';
import { AUTOTUNE, labelFromPath, listFiles, oneHot, stringLookup, tfRecord } from 'fovea/data';
import { ImagePool, type ImageSource, ops, pixelsTensor } from 'fovea/images';

interface InputOptions {
  readonly imageSize?: readonly [height: number, width: number];
  readonly shuffle?: boolean;
  readonly batchSize?: number;
  readonly numEpochs?: number;
  readonly bufferSize?: number;
  readonly prefetchBufferSize?: number | typeof AUTOTUNE;
}

const seed = 1;
const pool = new ImagePool();

/** Decoded, from 0 to 1, and resized as TensorFlow 1 did; in the pool's threads, so it is said as data. */
async function imageOf(source: ImageSource, [height, width]: readonly [number, number]) {
  const image = await pool.run(source, [
    ops.decodeImage({ channels: 3 }),
    ops.convertImageDtype({ dtype: 'float32' }),
    ops.resize({ height, width, method: 'bilinear-tf1' }),
  ]);
  return pixelsTensor(image);
}

/** Batches of [images, labels] from image files. */
async function inputFn(
  filePattern: string,
  labels: readonly string[],
  {
    imageSize = [224, 224],
    shuffle = false,
    batchSize = 64,
    numEpochs,
    bufferSize = 4096,
    prefetchBufferSize = AUTOTUNE,
  }: InputOptions = {},
) {
  const table = stringLookup({ vocabulary: labels, numOovIndices: 0 });
  const numClasses = labels.length;

  const mapFunc = async (filename: string) => {
    const label = labelFromPath(filename);
    const image = await imageOf(filename, imageSize);
    return [image, oneHot(table(label), numClasses)] as const;
  };

  let files = await listFiles(filePattern, { shuffle, seed });
  if (numEpochs !== undefined && shuffle) {
    files = files.shuffleAndRepeat(bufferSize, { seed, count: numEpochs });
  } else if (shuffle) {
    files = files.shuffle(bufferSize, { seed });
  } else if (numEpochs !== undefined) {
    files = files.repeat(numEpochs);
  }
  let dataset = files.mapAndBatch(mapFunc, { batchSize, numParallelCalls: availableParallelism() });
  dataset = dataset.prefetch(prefetchBufferSize);
  return dataset;
}

/** The same from TFRecord files, four of which are read at a time, in turn. */
async function recordInputFn(
  filePattern: string,
  labels: readonly string[],
  { imageSize = [224, 224], batchSize = 64, prefetchBufferSize = AUTOTUNE }: InputOptions = {},
) {
  const features = { image: 'bytes', label: 'int64' } as const;
  const files = await listFiles(filePattern);
  const records = files.parallelInterleave((file) => tfRecord(file, { features }), { cycleLength: 4 });
  return records
    .mapAndBatch(
      async ({ image, label }) => [await imageOf(image, imageSize), oneHot(label, labels.length)] as const,
      { batchSize, numParallelCalls: availableParallelism() },
    )
    .prefetch(prefetchBufferSize);
}

const { values } = parseArgs({
  options: {
    files: { type: 'string', default: join(datasets.samplesPath(), 'train', '*', '*-1.jpeg') },
    records: { type: 'string' },
    'image-size': { type: 'string', default: '224' },
    'batch-size': { type: 'string', default: '64' },
  },
});
const labels = ['CNV', 'DME', 'DRUSEN', 'NORMAL'];
const side = Number(values['image-size']);
const options: InputOptions = { imageSize: [side, side], batchSize: Number(values['batch-size']) };
const dataset =
  values.records === undefined
    ? await inputFn(values.files, labels, { ...options, shuffle: true, numEpochs: 2 })
    : await recordInputFn(values.records, labels, options);
console.log('elements are', JSON.stringify(await dataset.elementSpec()));

const net = sequential({
  layers: [
    layers.input({ shape: [side, side, 3] }),
    layers.conv2d({ filters: 8, kernelSize: 5, strides: 4, activation: 'relu' }),
    layers.globalAveragePooling2d(),
    layers.dense({ units: labels.length, activation: 'softmax' }),
  ],
});
net.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
const { history } = await net.fitDataset(dataset, { stepsPerEpoch: 1 });
console.log('the loss of one step is a number', Number.isFinite(history.loss![0]));
await Promise.all([net.dispose(), pool.close()]);
