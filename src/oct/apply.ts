import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { concatenateRows, type Tensor } from '../core/tensor.ts';
import { inTurns } from '../core/turns.ts';
import { imageDataset } from '../datasets/image-dataset.ts';
import type { LabelledImage } from '../datasets/labelled-image.ts';
import { ImagePool } from '../images/pool.ts';
import type { ResizeMethod } from '../images/resize.ts';
import type { Model } from '../models/model.ts';
import { type Evaluation, evaluateStepwise } from './evaluation.ts';
import type { Listener, Stage } from './events.ts';
import { findImages } from './find-images.ts';
import { loadTestData } from './job-data.ts';
import { Rate } from './rate.ts';
import { readRun } from './run-folder.ts';

export interface ApplyOptions {
  /** Threads that compute. Default: one for each core. */
  readonly threads?: number;
  /** Refuse data with a file that cannot be read, where otherwise it is left out. */
  readonly strict?: boolean;
  readonly signal?: AbortSignal;
}

export interface Pixels {
  readonly pool: ImagePool;
  readonly classNames: readonly string[];
  readonly imageSize: number;
  readonly resize: ResizeMethod;
  readonly channels: 1 | 3;
}

const batchSize = 32;

/** The probabilities of images, batch by batch, in their order. */
async function* probabilitiesOf(
  model: Model,
  images: readonly LabelledImage[],
  pixels: Pixels,
  stage: Stage,
  listen: Listener,
) {
  const { pool, classNames, imageSize, resize, channels } = pixels;
  const options = {
    pool,
    classes: classNames.length,
    height: imageSize,
    width: imageSize,
    resize,
    channels,
    batchSize,
  };
  const batches = imageDataset(images, options);
  const rate = new Rate();
  const total = images.length;
  let done = 0;
  for await (const [output] of model.predictBatches(batches)) {
    const part = output as Tensor<'float32'>;
    done += part.shape[0]!;
    listen({ event: 'progress', stage, epoch: 1, epochs: 1, done, total, ...rate.at(done, total) });
    yield part;
  }
}

/** What a test found. */
export interface Tested {
  readonly evaluation: Evaluation;
  /** [images, classes] */
  readonly probabilities: Tensor<'float32'>;
}

/** Tests a network on labelled images; tells the result. `undefined` when the signal ended it. */
export async function testNetwork(
  model: Model,
  images: readonly LabelledImage[],
  options: Pixels & { seed: number; signal?: AbortSignal | undefined },
  listen: Listener,
): Promise<Tested | undefined> {
  const parts: Tensor<'float32'>[] = [];
  for await (const part of probabilitiesOf(model, images, options, 'test', listen)) {
    parts.push(part);
    if (options.signal?.aborted) return undefined;
  }
  const predictions = {
    probabilities: concatenateRows(parts),
    labels: images.map(({ label }) => label),
    patients: images.map(({ patient }) => patient),
    classes: options.classNames,
  };
  const evaluation = await inTurns(evaluateStepwise(predictions, { seed: options.seed }));
  listen({ event: 'evaluation', ...evaluation });
  return { evaluation, probabilities: predictions.probabilities };
}

/** What a saved run and a pool of image readers are to a job that uses them. */
interface OpenRun {
  readonly model: Model;
  readonly pixels: Omit<Pixels, 'channels'>;
}

async function withRun<T>(
  run: string,
  threads: number | undefined,
  job: (open: OpenRun) => Promise<T>,
): Promise<T> {
  const count = threads ?? availableParallelism();
  const { model, config } = await readRun(run, { threads: count });
  const pool = new ImagePool({ threads: count });
  try {
    const { classNames, imageSize, resize } = config;
    return await job({ model, pixels: { pool, classNames, imageSize: imageSize[0], resize } });
  } finally {
    await model.dispose();
    await pool.close();
  }
}

/**
 * Tests a saved run on the test part of a folder, or on all of it where it has no parts.
 *
 * @throws {DataError} when the run or the data cannot be used
 */
export function evaluate(
  run: string,
  data: string,
  options: ApplyOptions,
  listen: Listener,
): Promise<Evaluation> {
  const { threads, strict = false, signal } = options;
  return withRun(run, threads, async ({ model, pixels }) => {
    const { pool, classNames } = pixels;
    const { images, channels } = await loadTestData(data, classNames, { pool, strict, signal }, listen);
    const tested = await testNetwork(model, images, { ...pixels, channels, seed: 0, signal }, listen);
    signal?.throwIfAborted();
    return tested!.evaluation;
  });
}

/**
 * Predicts images by a saved run, and tells of each. Files named are in their order; folders are searched to their depth.
 *
 * @throws {DataError} when the run cannot be used, or no image can be read
 */
export function predict(
  run: string,
  paths: readonly string[],
  options: ApplyOptions,
  listen: Listener,
): Promise<void> {
  const { threads, signal } = options;
  return withRun(run, threads, async ({ model, pixels }) => {
    const { classNames, pool } = pixels;
    const { files, channels } = await findImages(paths, pool, listen);
    const images = files.map(
      (path): LabelledImage => ({ path, name: basename(path), label: 0, patient: path }),
    );
    let at = 0;
    for await (const { data, shape } of probabilitiesOf(
      model,
      images,
      { ...pixels, channels },
      'predict',
      listen,
    )) {
      for (let i = 0; i < shape[0]!; i++, at++) {
        const row = data.subarray(i * classNames.length, (i + 1) * classNames.length);
        const label = classNames[row.indexOf(Math.max(...row))]!;
        const probabilities = Object.fromEntries(classNames.map((name, c) => [name, row[c]!]));
        listen({ event: 'prediction', file: files[at]!, label, probabilities });
      }
      signal?.throwIfAborted();
    }
  });
}
