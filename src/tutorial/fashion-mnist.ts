import { availableParallelism } from 'node:os';
import { concatenateRows, rowsAt, type Tensor } from '../core/tensor.ts';
import { inTurns } from '../core/turns.ts';
import { Dataset } from '../data/dataset.ts';
import { toCategorical } from '../data/to-categorical.ts';
import { classNames, loadData } from '../datasets/fashion-mnist.ts';
import type { ImagesAndLabels, TrainAndTest } from '../datasets/published.ts';
import { Estimator } from '../estimator/estimator.ts';
import type { Model } from '../models/model.ts';
import { type Evaluation, evaluateStepwise } from '../oct/evaluation.ts';
import type { Listener } from '../oct/events.ts';
import { writeRun } from '../oct/run-folder.ts';
import { predictionAt, shownPlaces } from '../oct/shown-examples.ts';
import { type ShownExamples, writeEvaluation } from '../oct/summaries.ts';
import { defaultKeep, endedRun, folderOfNow, type TrainOptions, type TrainResult } from '../oct/train.ts';
import { TrainingFolder } from '../oct/training-folder.ts';
import { adam } from '../optimizers/optimizers.ts';
import { fashionMnistNetwork } from './fashion-mnist-network.ts';
import { ProgressHook } from './progress-hook.ts';

export interface FashionMnistOptions
  extends Pick<
    TrainOptions,
    'out' | 'epochs' | 'batchSize' | 'seed' | 'threads' | 'saveEvery' | 'keep' | 'maxSteps' | 'signal'
  > {
  /** A folder with the four files as they are published; without it they are downloaded, once. */
  readonly path?: string;
  /** LeakyReLU in the place of ReLU. Default false. */
  readonly leakyRelu?: boolean;
}

const recipe = 'fashion-mnist';
const shuffleSize = 5000;
const testBatch = 500;
const summarySteps = 10;
const saveSecs = 60;

/** What the training is; all of it must stay the same for another call to go on with it. */
interface Plan {
  readonly epochs: number;
  readonly batchSize: number;
  readonly leakyRelu: boolean;
  readonly seed: number;
}

/**
 * The 2018 tutorial's estimator for Fashion-MNIST: trains, tests, and saves a run that `predict` and `evaluate` take.
 * Called again with the same `out`, it goes on where it was.
 *
 * @throws {DownloadError | DataError} when the data cannot be had
 * @throws {DataError | UsageError} when an option cannot be used, or `out` is of another training
 * @throws {SystemError} when the run cannot be written
 * @example await trainFashionMnist({ out: 'runs/clothes', epochs: 5 }, (event) => console.log(event));
 */
export async function trainFashionMnist(
  options: FashionMnistOptions,
  listen: Listener,
): Promise<TrainResult> {
  const { epochs = 5, batchSize = 512, leakyRelu = false, seed = 0 } = options;
  const { out = folderOfNow(), keep = defaultKeep, path, signal } = options;
  const folder = await TrainingFolder.open(out, keep);
  try {
    const data = await loadData({ ...(path !== undefined && { path }), ...(signal && { signal }) });
    const counts = { train: data.train.labels.data.length, test: data.test.labels.data.length };
    listen({ event: 'note', message: `${counts.train} images to train, ${counts.test} to test` });
    const plan: Plan = { epochs, batchSize, leakyRelu, seed };
    await folder.claim({ format: 1, recipe, ...plan, images: counts });
    const ended = await endedRun(folder.path, listen);
    if (ended) return ended;
    await folder.unlock(); // the estimator locks it
    return await trainIn(folder, data, plan, options, listen);
  } finally {
    await folder.close();
  }
}

async function trainIn(
  folder: TrainingFolder,
  { train, test }: TrainAndTest,
  plan: Plan,
  options: FashionMnistOptions,
  listen: Listener,
): Promise<TrainResult> {
  const { epochs, batchSize, leakyRelu, seed } = plan;
  const { threads = availableParallelism(), keep = defaultKeep, saveEvery, signal } = options;
  const model = fashionMnistNetwork({ classes: classNames.length, leakyRelu, threads });
  const estimator = estimatorOf(model, folder.path, { plan, keep, saveEvery, listen });
  const inputFn = () => trainingData(train, plan);
  const steps = inputFn().cardinality!;
  const maxSteps = Math.min(options.maxSteps ?? steps, steps);
  try {
    const examples = train.labels.data.length;
    const progress = new ProgressHook({ epochs, batchSize, examples }, listen);
    await estimator.train({ inputFn, maxSteps, hooks: [progress], ...(signal && { signal }) });
    await folder.lock();
    const step = (await folder.store.list()).at(-1)?.step ?? 0;
    if (step === 0) return { run: undefined, interrupted: true, evaluation: undefined };
    let evaluation: Evaluation | undefined;
    if (step >= steps && !signal?.aborted) {
      const probabilities = await predicted(estimator, test, listen);
      evaluation = await evaluated(probabilities, test, seed);
      listen({ event: 'evaluation', ...evaluation });
      await writeEvaluation(folder.path, step, evaluation, shown(probabilities, test));
    }
    const interrupted = !evaluation;
    await writeRun(
      folder.path,
      {
        model,
        config: {
          backbone: 'none',
          recipe,
          classNames,
          imageSize: [28, 28],
          resize: 'bilinear',
          channels: 1,
          settings: { ...plan, threads, data: recipe, interrupted },
        },
        history: progress.epochs,
        evaluation: evaluation ?? null,
      },
      { beforeCommit: folder.beforeCommit },
    );
    listen({ event: 'saved', run: folder.path, interrupted, ...(interrupted && { step }) });
    return { run: folder.path, interrupted, evaluation };
  } finally {
    await estimator.dispose();
  }
}

interface EstimatorSettings {
  readonly plan: Plan;
  readonly keep: number;
  readonly saveEvery: number | undefined;
  readonly listen: Listener;
}

function estimatorOf(
  model: Model,
  modelDir: string,
  { plan, keep, saveEvery, listen }: EstimatorSettings,
): Estimator {
  const optimizer = adam({ learningRate: 0.001 });
  const objective = { optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'] } as const;
  return new Estimator(() => ({ model, ...objective }), {
    modelDir,
    params: { ...plan },
    config: {
      randomSeed: plan.seed,
      keepCheckpointMax: keep,
      saveSummarySteps: summarySteps,
      logStepCountSteps: 0,
      handleSignals: false, // the command line does
      log: (message) => listen({ event: 'note', message }),
      ...(saveEvery === undefined ? { saveCheckpointsSecs: saveSecs } : { saveCheckpointsSteps: saveEvery }),
    },
  });
}

/** The tutorial's input function: shuffled, repeated, in batches. */
function trainingData({ images, labels }: ImagesAndLabels, { epochs, batchSize, seed }: Plan) {
  const examples = Dataset.fromTensorSlices([pixelsOf(images), toCategorical(labels, classNames.length)]);
  return examples.shuffle(shuffleSize, { seed }).repeat(epochs).batch(batchSize);
}

/** [images, 28, 28, 1] */
function pixelsOf({ data, shape }: Tensor<'uint8'>): Tensor<'uint8'> {
  return { dtype: 'uint8', shape: [...shape, 1], data };
}

async function predicted(
  estimator: Estimator,
  { images }: ImagesAndLabels,
  listen: Listener,
): Promise<Tensor<'float32'>> {
  const inputFn = () => Dataset.fromTensorSlices(pixelsOf(images)).batch(testBatch);
  const total = images.shape[0]!;
  const parts: Tensor<'float32'>[] = [];
  let done = 0;
  const stage = { event: 'progress', stage: 'test', epoch: 1, epochs: 1, total } as const;
  for await (const outputs of estimator.predict({ inputFn, yieldSingleExamples: false })) {
    const [part] = Object.values(outputs) as Tensor<'float32'>[];
    parts.push(part!);
    done += part!.shape[0]!;
    listen({ ...stage, done, imagesPerSecond: 0, secondsLeft: Number.POSITIVE_INFINITY });
  }
  return concatenateRows(parts);
}

/** Every picture stands alone, as a patient with one image does. */
function evaluated(
  probabilities: Tensor<'float32'>,
  { labels }: ImagesAndLabels,
  seed: number,
): Promise<Evaluation> {
  const patients = Array.from(labels.data, (_, i) => String(i));
  const predictions = { probabilities, labels: labels.data, patients, classes: classNames };
  return inTurns(evaluateStepwise(predictions, { seed }));
}

function shown(probabilities: Tensor<'float32'>, { images, labels }: ImagesAndLabels): ShownExamples {
  const places = shownPlaces(labels.data.length);
  return {
    pixels: pixelsOf(rowsAt(images, Int32Array.from(places)) as Tensor<'uint8'>),
    rows: places.map((place) => ({
      name: `test image ${place}`,
      label: classNames[labels.data[place]!]!,
      ...predictionAt(probabilities, place, classNames),
    })),
  };
}
