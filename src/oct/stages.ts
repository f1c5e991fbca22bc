import type { Dataset } from '../data/dataset.ts';
import { balancedClassWeights } from '../datasets/class-weights.ts';
import { type ImageBatch, imageDataset } from '../datasets/image-dataset.ts';
import type { ImagePool } from '../images/pool.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { adam, adamW, type Optimizer } from '../optimizers/optimizers.ts';
import { schedules } from '../optimizers/schedules.ts';
import { l2 } from '../regularizers/regularizers.ts';
import type { Callback } from '../training/callback.ts';
import type { EpochEvent, Listener } from './events.ts';
import type { JobData } from './job-data.ts';
import type { Network } from './network.ts';
import { Rate } from './rate.ts';
import type { Recipe } from './recipes.ts';

/** Images that go through the frozen layers at a time. */
const featureBatch = 32;

/** What both stages of a training share. */
export interface StageContext extends Network {
  readonly recipe: Recipe;
  readonly seed: number;
  readonly listen: Listener;
  readonly signal: AbortSignal | undefined;
  readonly trainingImages: number;
  readonly classWeight: Float32Array | undefined;
  /** All views of all training images; in a new order each epoch where there is a seed. */
  readonly training: (batchSize: number, shuffleSeed?: number) => Dataset<ImageBatch>;
  readonly validation: Dataset<ImageBatch> | undefined;
}

/** The stages' view of a network, a recipe and data. */
export function stageContext(
  network: Network,
  recipe: Recipe,
  {
    train,
    validation,
    channels,
    classNames,
  }: Pick<JobData, 'train' | 'validation' | 'channels' | 'classNames'>,
  options: { pool: ImagePool; seed: number; listen: Listener; signal?: AbortSignal | undefined },
): StageContext {
  const { pool, seed, listen, signal } = options;
  const { imageSize, resize, views, viewRanges, balanced } = recipe;
  const pixels = { pool, classes: classNames.length, height: imageSize, width: imageSize, channels, resize };
  const labels = train.map(({ label }) => label);
  return {
    ...network,
    recipe,
    seed,
    listen,
    signal,
    trainingImages: train.length,
    classWeight: balanced ? balancedClassWeights(labels, classNames.length) : undefined,
    training: (batchSize, shuffleSeed) =>
      imageDataset(train, {
        ...pixels,
        batchSize,
        ...(shuffleSeed !== undefined && { shuffleSeed }),
        views: { seed, count: views, perEpoch: 'all', ranges: viewRanges },
      }),
    validation:
      validation.length > 0 ? imageDataset(validation, { ...pixels, batchSize: featureBatch }) : undefined,
  };
}

export interface StageResult {
  readonly epochs: readonly EpochEvent[];
  /** How many were taken, also in an epoch that was not ended. */
  readonly steps: number;
}

/** Chooses the layers that train, all others being frozen. */
function setTrainable({ model }: Network, names: readonly string[]): void {
  for (const layer of model.layers) layer.trainable = names.includes(layer.name);
}

/**
 * The first stage: a softmax on standardised features of the frozen backbone, fitted to convergence.
 *
 * @param tune whether fine-tuning follows, so that what it needs is kept in the same pass
 */
export async function fitHead(context: StageContext, tune: boolean): Promise<StageResult> {
  const { model, standardise, recipe, seed, trainingImages } = context;
  const stage = recipe.headStage!;
  if (standardise) {
    const complete = await adaptTo(context, standardise, tune ? tunedFrontier(context) : []);
    if (!complete) return { epochs: [], steps: 0 };
  }
  setTrainable(context, ['head']);
  const [kernel] = model.getLayer('head').weights;
  kernel!.regularizer = l2(1 / (2 * stage.c * trainingImages));
  const examples = trainingImages * recipe.views;
  const steps = stage.epochs * Math.ceil(examples / stage.batchSize);
  const optimizer = adam({
    learningRate: schedules.cosineDecay({ initialLearningRate: stage.learningRate, decaySteps: steps }),
  });
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'], seed });
  const whole = examples <= stage.batchSize;
  return run(
    context,
    'head',
    stage.epochs,
    whole ? context.training(examples) : context.training(stage.batchSize, seed),
    examples,
  );
}

/** The second stage, or the only one: some of the backbone's layers with the head. */
export async function fineTune(context: StageContext): Promise<StageResult> {
  const { model, recipe, seed, trainingImages } = context;
  const stage = recipe.fineTuneStage;
  setTrainable(context, [...stage.layers, 'head']);
  model.getLayer('head').weights[0]!.regularizer = undefined;
  const examples = trainingImages * recipe.views;
  const steps = stage.epochs * Math.ceil(examples / stage.batchSize);
  model.compile({
    optimizer: tuningOptimizer(recipe, steps),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
    seed,
  });
  return run(context, 'fine-tune', stage.epochs, context.training(stage.batchSize, seed), examples);
}

function tuningOptimizer({ fineTuneStage: stage }: Recipe, steps: number): Optimizer {
  const { learningRate, headFactor, warmupSteps, weightDecay } = stage;
  const headRate = learningRate * headFactor;
  const rate =
    warmupSteps === undefined
      ? headRate
      : schedules.cosineDecay({
          initialLearningRate: 0,
          warmupTarget: headRate,
          warmupSteps,
          decaySteps: Math.max(1, steps - warmupSteps),
        });
  const learningRateMultipliers = Object.fromEntries(stage.layers.map((name) => [name, 1 / headFactor]));
  return weightDecay === undefined
    ? adam({ learningRate: rate, learningRateMultipliers })
    : adamW({ learningRate: rate, learningRateMultipliers, weightDecay });
}

/** What fine-tuning will take from the frozen layers. */
function tunedFrontier(context: StageContext): readonly SymbolicTensor[] {
  setTrainable(context, [...context.recipe.fineTuneStage.layers, 'head']);
  return context.model.cut.frontier;
}

/**
 * Computes the features of every view, told as a stage of its own, and standardises by them.
 *
 * @returns false when interrupted
 */
async function adaptTo(
  context: StageContext,
  { layer, features }: NonNullable<Network['standardise']>,
  keep: readonly SymbolicTensor[],
): Promise<boolean> {
  const { model, recipe, listen, signal, trainingImages } = context;
  setTrainable(context, []);
  const total = trainingImages * recipe.views;
  const rate = new Rate();
  const stage = { event: 'progress', stage: 'features', epoch: 1, epochs: 1, total } as const;
  const parts = model.featureBatches(features, context.training(featureBatch), {
    keep,
    onProgress: (done) => listen({ ...stage, done, ...rate.at(done, total) }),
    ...(signal && { signal }),
  });
  try {
    await layer.adaptAll(parts);
    return true;
  } catch (error) {
    if (signal?.aborted) return false;
    throw error;
  }
}

/** Runs the training loop, and tells of its progress. */
async function run(
  context: StageContext,
  stage: EpochEvent['stage'],
  epochs: number,
  data: Dataset<ImageBatch>,
  examples: number,
): Promise<StageResult> {
  const { model, classWeight, validation, signal, listen } = context;
  const told: EpochEvent[] = [];
  let steps = 0;
  const counter: Callback = {
    onTrainBatchEnd: () => {
      steps++;
    },
  };
  await model.fitDataset(data, {
    epochs,
    callbacks: [counter, progressTeller(stage, epochs, examples, (event) => told.push(event), listen)],
    ...(classWeight && { classWeight }),
    ...(validation && { validationData: validation }),
    ...(signal && { signal }),
  });
  return { epochs: told, steps };
}

function progressTeller(
  stage: EpochEvent['stage'],
  epochs: number,
  total: number,
  remember: (event: EpochEvent) => void,
  listen: Listener,
): Callback {
  let epochRate = new Rate();
  const stageRate = new Rate();
  return {
    onEpochBegin: () => {
      epochRate = new Rate();
    },
    onTrainBatchEnd: (_batch, { loss, accuracy }, { epoch, examples }) => {
      const { imagesPerSecond } = epochRate.at(examples, total);
      const { secondsLeft } = stageRate.at(epoch * total + examples, epochs * total);
      const figures = { loss: loss!, accuracy: accuracy! };
      listen({
        event: 'progress',
        stage,
        epoch: epoch + 1,
        epochs,
        done: examples,
        total,
        imagesPerSecond,
        secondsLeft,
        ...figures,
      });
    },
    onEpochEnd: (epoch, logs, seconds) => {
      const event: EpochEvent = {
        event: 'epoch',
        stage,
        epoch: epoch + 1,
        epochs,
        loss: logs.loss!,
        accuracy: logs.accuracy!,
        ...(logs.val_loss !== undefined && {
          validationLoss: logs.val_loss,
          validationAccuracy: logs.val_accuracy!,
        }),
        imagesPerSecond: epochRate.at(total, total).imagesPerSecond,
        seconds,
      };
      remember(event);
      listen(event);
    },
  };
}
