import type { Dataset } from '../data/dataset.ts';
import { balancedClassWeights } from '../datasets/class-weights.ts';
import { type ImageBatch, imageDataset } from '../datasets/image-dataset.ts';
import type { ImagePool } from '../images/pool.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { adam, adamW, type Optimizer } from '../optimizers/optimizers.ts';
import { schedules } from '../optimizers/schedules.ts';
import { l2 } from '../regularizers/regularizers.ts';
import type { Callback } from '../training/callback.ts';
import type { Course } from './course.ts';
import type { EpochEvent, Listener } from './events.ts';
import type { JobData } from './job-data.ts';
import type { Network } from './network.ts';
import { Rate } from './rate.ts';
import type { HeadStage, Recipe } from './recipes.ts';
import type { StageName } from './stage-keeper.ts';
import type { TrainingSummaries } from './summaries.ts';

/** Images that go through the frozen layers at a time. */
const featureBatch = 32;

/** What both stages of a training share. */
export interface StageContext extends Network {
  readonly recipe: Recipe;
  readonly seed: number;
  readonly listen: Listener;
  readonly course: Course;
  readonly summaries: TrainingSummaries;
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
  options: Pick<StageContext, 'seed' | 'listen' | 'course' | 'summaries'> & { pool: ImagePool },
): StageContext {
  const { pool, seed, listen, course, summaries } = options;
  const { imageSize, resize, views, viewRanges, balanced } = recipe;
  const pixels = { pool, classes: classNames.length, height: imageSize, width: imageSize, channels, resize };
  const labels = train.map(({ label }) => label);
  return {
    ...network,
    recipe,
    seed,
    listen,
    course,
    summaries,
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

/** The steps of a stage. */
export function stepsOf(
  { views }: Recipe,
  { epochs, batchSize }: { readonly epochs: number; readonly batchSize: number },
  images: number,
): number {
  return epochs * Math.ceil((images * views) / batchSize);
}

/** Chooses the layers that train, all others being frozen. */
function setTrainable({ model }: Network, names: readonly string[]): void {
  for (const layer of model.layers) layer.trainable = names.includes(layer.name);
}

/**
 * Trains, from where an earlier call has left it, until its end or an interruption.
 *
 * @param tune whether fine-tuning follows the head's stage
 * @returns whether the model has learned anything
 */
export async function runStages(context: StageContext, tune: boolean): Promise<boolean> {
  const { recipe, course } = context;
  const { headStage } = recipe;
  if (headStage && !(await standardise(context, tune))) return false;
  const earlier = course.earlier?.stage;
  // Where an earlier call was in a stage, the model takes its weights up there, though no step follows.
  const isDue = (stage: StageName): boolean => !course.isInterrupted || earlier === stage;
  if (headStage && earlier !== 'fine-tune' && isDue('head')) await fitHead(context, headStage);
  if (tune && isDue('fine-tune')) await fineTune(context);
  return course.step > 0;
}

/**
 * Standardises features, by those of all training images, or as an earlier call did. What the stages to come take from
 * frozen layers is computed in the same pass; so an earlier call's pass is made again where a stage is left to do.
 *
 * @returns whether it is done: it may have been interrupted
 */
async function standardise(context: StageContext, tune: boolean): Promise<boolean> {
  const { course, recipe } = context;
  if (!context.standardise) return true;
  const isDone = tune
    ? course.isDone('fine-tune', recipe.fineTuneStage.epochs)
    : course.isDone('head', recipe.headStage!.epochs);
  if (!isDone && !course.isInterrupted) {
    if (await adaptTo(context, context.standardise, tune ? tunedFrontier(context) : [])) return true;
  }
  if (!course.earlier) return false;
  for (const weight of context.standardise.layer.weights) weight.value = course.earlier.frozen[weight.path]!;
  return true;
}

/** The first stage: a softmax on standardised features of the frozen backbone, fitted to convergence. */
async function fitHead(context: StageContext, stage: HeadStage): Promise<void> {
  const { model, recipe, seed, trainingImages } = context;
  setTrainable(context, ['head']);
  const [kernel] = model.getLayer('head').weights;
  kernel!.regularizer = l2(1 / (2 * stage.c * trainingImages));
  const examples = trainingImages * recipe.views;
  const optimizer = adam({
    learningRate: schedules.cosineDecay({
      initialLearningRate: stage.learningRate,
      decaySteps: stepsOf(recipe, stage, trainingImages),
    }),
  });
  model.compile({ optimizer, loss: 'categoricalCrossentropy', metrics: ['accuracy'], seed });
  const whole = examples <= stage.batchSize;
  const data = whole ? context.training(examples) : context.training(stage.batchSize, seed);
  await run(context, 'head', stage.epochs, data);
}

/** The second stage, or the only one: some of the backbone's layers with the head. */
async function fineTune(context: StageContext): Promise<void> {
  const { model, recipe, seed, trainingImages } = context;
  const stage = recipe.fineTuneStage;
  setTrainable(context, [...stage.layers, 'head']);
  model.getLayer('head').weights[0]!.regularizer = undefined;
  model.compile({
    optimizer: tuningOptimizer(recipe, stepsOf(recipe, stage, trainingImages)),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
    seed,
  });
  await run(context, 'fine-tune', stage.epochs, context.training(stage.batchSize, seed));
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
  const { model, recipe, listen, course, trainingImages } = context;
  const { signal } = course;
  setTrainable(context, []);
  const total = trainingImages * recipe.views;
  const rate = new Rate();
  const stage = { event: 'progress', stage: 'features', epoch: 1, epochs: 1, total } as const;
  const parts = model.featureBatches(features, context.training(featureBatch), {
    keep,
    onProgress: (done) => listen({ ...stage, done, ...rate.at(done, total) }),
    signal,
  });
  try {
    await layer.adaptAll(parts);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}

/** Runs the training loop, and tells of its progress. */
async function run(
  context: StageContext,
  stage: StageName,
  epochs: number,
  data: Dataset<ImageBatch>,
): Promise<void> {
  const { model, classWeight, validation, course, summaries } = context;
  await model.fitDataset(data, {
    epochs,
    callbacks: [
      course.callback(stage, context.standardise?.layer.weights ?? []),
      progressTeller(context, stage, epochs),
    ],
    hooks: [summaries.stepHook(course.stepsBefore(stage))],
    ...(classWeight && { classWeight }),
    ...(validation && { validationData: validation }),
    signal: course.signal,
  });
}

function progressTeller(context: StageContext, stage: StageName, epochs: number): Callback {
  const { listen, course, summaries } = context;
  const total = context.trainingImages * context.recipe.views;
  const earlier = course.stateOf(stage)?.progress;
  /** Images before this call: of the stage, of its first epoch. */
  let doneBefore = earlier?.sums.examples ?? 0;
  const stageBefore = (earlier?.epoch ?? 0) * total + doneBefore;
  let epochRate = new Rate();
  const stageRate = new Rate();
  return {
    onEpochBegin: () => {
      doneBefore = 0;
      epochRate = new Rate();
    },
    onTrainBatchEnd: (_batch, { loss, accuracy }, { epoch, examples }) => {
      const { imagesPerSecond } = epochRate.at(examples - doneBefore, total);
      const done = epoch * total + examples;
      const { secondsLeft } = stageRate.at(done - stageBefore, epochs * total - stageBefore);
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
        imagesPerSecond: epochRate.at(total - doneBefore, total).imagesPerSecond,
        seconds,
      };
      course.epochs.push(event);
      summaries.epoch(course.step, event);
      listen(event);
    },
  };
}
