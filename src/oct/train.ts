import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { errorMessage } from '../core/errors.ts';
import { ImagePool } from '../images/pool.ts';
import { testNetwork } from './apply.ts';
import { Course } from './course.ts';
import { digestOf } from './data-digest.ts';
import type { Evaluation } from './evaluation.ts';
import type { Listener } from './events.ts';
import { loadJobData } from './job-data.ts';
import { type BackboneName, buildNetwork, type Network } from './network.ts';
import { type Recipe, type RecipeName, recipes } from './recipes.ts';
import { isRun, readSummary, writeRun } from './run-folder.ts';
import { shownExamples } from './shown-examples.ts';
import { type Earlier, earlierOf } from './stage-keeper.ts';
import { runStages, stageContext, stepsOf } from './stages.ts';
import { TrainingSummaries, writeEvaluation } from './summaries.ts';
import { TrainingFolder } from './training-folder.ts';

export interface TrainOptions {
  /**
   * The run folder. Default `runs/<time>`. The same call with the same folder goes on where it was, bit for bit; a folder
   * that holds anything else is refused.
   */
  readonly out?: string;
  /** Default 'vgg16'. */
  readonly backbone?: BackboneName;
  /** Default 'default'. */
  readonly recipe?: RecipeName;
  /** Epochs of fine-tuning; the recipe's unless given. */
  readonly epochs?: number;
  /** Epochs of the head's stage; the recipe's unless given. */
  readonly headEpochs?: number;
  /** Of fine-tuning; the recipe's unless given. */
  readonly batchSize?: number;
  /** Of fine-tuning, for the backbone's layers; the recipe's unless given. */
  readonly learningRate?: number;
  /** Height and width of the network's input; the recipe's unless given. */
  readonly imageSize?: number;
  /** Views of each training image; the recipe's unless given. */
  readonly views?: number;
  /** Whether to fine-tune after the head's stage. Default: where there are enough images. */
  readonly stages?: 'auto' | 'head-only' | 'fine-tune';
  /** The share of the training images to hold out, by patient, and look at after each epoch. Default 0. */
  readonly validationSplit?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Threads that compute. Default: one for each core. */
  readonly threads?: number;
  /** Refuse data with a file that cannot be read, where otherwise it is left out. */
  readonly strict?: boolean;
  /** A checkpoint at every so many steps. Default: every 60 seconds; in any case at the end of a stage. */
  readonly saveEvery?: number;
  /** How many checkpoints are kept. Default 3. */
  readonly keep?: number;
  /** Ends the training after so many steps of both stages together, saved. Default: it goes on to its end. */
  readonly maxSteps?: number;
  /** Ends the training after the step that is running; what is trained is saved. */
  readonly signal?: AbortSignal;
}

export interface TrainResult {
  /** The run folder; absent when it was interrupted before anything was trained. */
  readonly run: string | undefined;
  readonly interrupted: boolean;
  /** On the test part; absent when interrupted. */
  readonly evaluation: Evaluation | undefined;
}

/** How many checkpoints are kept. */
export const defaultKeep = 3;

/** The default folder of a run. */
export function folderOfNow(): string {
  return join('runs', new Date().toISOString().slice(0, 19).replaceAll(':', '-'));
}

/** A recipe with what the caller wants otherwise. */
function settle(options: TrainOptions): Recipe {
  const recipe = recipes[options.recipe ?? 'default'];
  const { epochs, batchSize, learningRate, headEpochs, views, imageSize } = options;
  const given = <T extends object>(values: T) =>
    Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
  return {
    ...recipe,
    ...given({ views, imageSize }),
    headStage: recipe.headStage && { ...recipe.headStage, ...given({ epochs: headEpochs }) },
    fineTuneStage: { ...recipe.fineTuneStage, ...given({ epochs, batchSize, learningRate }) },
  };
}

/** Views of all training images together, beyond which further ones cost more than they teach. */
const mostViews = 20_000;

/** Large data teaches more by its images than by views of them, and all views are kept. */
function chooseViews(recipe: Recipe, wanted: number | undefined, images: number, listen: Listener): Recipe {
  const views = Math.max(1, Math.min(recipe.views, Math.floor(mostViews / images)));
  if (wanted !== undefined || views === recipe.views) return recipe;
  listen({
    event: 'note',
    message: `${views} of the ${recipe.views} views of each image, as there are ${images} images`,
  });
  return { ...recipe, views };
}

/** Whether there is a second stage, and why. */
function chooseStages(
  recipe: Recipe,
  wanted: TrainOptions['stages'],
  images: number,
): { tune: boolean; reason: string } {
  const { minImages } = recipe.fineTuneStage;
  if (!recipe.headStage)
    return { tune: true, reason: `recipe '${recipe.name}' trains backbone and head together` };
  if (wanted === 'head-only') return { tune: false, reason: 'training the head only, as asked' };
  if (wanted === 'fine-tune') return { tune: true, reason: 'training the head, then fine-tuning, as asked' };
  return images >= minImages
    ? {
        tune: true,
        reason: `training the head, then fine-tuning: ${images} training images, ${minImages} are enough`,
      }
    : {
        tune: false,
        reason: `training the head only: ${images} training images, fine-tuning helps from ${minImages} on`,
      };
}

/**
 * Trains a network on labelled images by a recipe, tests it, and saves the run. Called again with the same `out`, it goes
 * on from the newest checkpoint that is whole; a training that has ended is not made again.
 *
 * @param data a folder of class folders, or one with `train/` and `test/` above those, or `sample`
 * @throws {DataError | UsageError} when the data or an option cannot be used, or `out` is of another training
 * @throws {ComputeError} when the training diverges
 * @throws {SystemError} when the run cannot be written
 * @example await train('OCT2017', { out: 'runs/first', seed: 1 }, (event) => console.log(event));
 */
export async function train(data: string, options: TrainOptions, listen: Listener): Promise<TrainResult> {
  const { threads = availableParallelism(), keep = defaultKeep, out = folderOfNow() } = options;
  const folder = await TrainingFolder.open(out, keep);
  const pool = new ImagePool({ threads });
  try {
    return await trainIn(folder, pool, data, { ...options, threads }, listen);
  } finally {
    await pool.close();
    await folder.close();
  }
}

async function trainIn(
  folder: TrainingFolder,
  pool: ImagePool,
  data: string,
  options: TrainOptions & { readonly threads: number },
  listen: Listener,
): Promise<TrainResult> {
  const { seed = 0, threads, signal, backbone = 'vgg16', strict = false, validationSplit = 0 } = options;
  const settled = settle(options);
  const found = await loadJobData(data, { pool, strict, seed, validationSplit, signal }, listen);
  const { classNames, channels, train: images } = found;
  const recipe = chooseViews(settled, options.views, images.length, listen);
  const { tune, reason } = chooseStages(recipe, options.stages ?? 'auto', images.length);
  const stages = tune ? 'fine-tune' : 'head-only';
  const config = { format: 1, backbone, recipe, stages, seed, threads, channels, classNames };
  await folder.claim({ ...config, data: await digestOf(found) });
  const ended = await endedRun(folder.path, listen);
  if (ended) return ended;
  listen({ event: 'note', message: reason });

  const earlier = await earlierIn(folder, listen);
  const { headStage, fineTuneStage } = recipe;
  const course = new Course({
    folder,
    earlier,
    steps: {
      head: headStage ? stepsOf(recipe, headStage, images.length) : 0,
      'fine-tune': tune ? stepsOf(recipe, fineTuneStage, images.length) : 0,
    },
    saveEvery: options.saveEvery,
    maxSteps: options.maxSteps,
    signal,
  });
  let network: Network | undefined;
  let summaries: TrainingSummaries | undefined;
  try {
    network = await buildNetwork(recipe, {
      backbone,
      classes: classNames.length,
      imageSize: recipe.imageSize,
      threads,
      featureLimit: Math.max(2 ** 30, totalmem() / 4),
    });
    summaries = await TrainingSummaries.open(folder.path, earlier, {
      config,
      validates: found.validation.length > 0,
    });
    const context = stageContext(network, recipe, found, { pool, seed, listen, course, summaries });
    const learned = await runStages(context, tune);
    if (!learned) return { run: undefined, interrupted: true, evaluation: undefined };

    const { imageSize, resize } = recipe;
    const pixels = { pool, classNames, imageSize, resize, channels };
    const isTested = !course.isInterrupted && found.test.length > 0;
    const tested = isTested
      ? await testNetwork(network.model, found.test, { ...pixels, seed, signal }, listen)
      : undefined;
    if (tested) {
      const examples = await shownExamples(found.test, tested, pixels);
      await writeEvaluation(folder.path, course.step, tested.evaluation, examples);
    }
    const interrupted = course.isInterrupted;
    const settings = { recipe, seed, threads, stages, data, interrupted };
    const size = [imageSize, imageSize] as const;
    await writeRun(
      folder.path,
      {
        model: network.model,
        config: { backbone, recipe: recipe.name, classNames, imageSize: size, resize, channels, settings },
        history: course.epochs,
        evaluation: tested?.evaluation ?? null,
      },
      { beforeCommit: folder.beforeCommit },
    );
    await summaries.close();
    listen({ event: 'saved', run: folder.path, interrupted, ...(interrupted && { step: course.step }) });
    return { run: folder.path, interrupted, evaluation: tested?.evaluation };
  } finally {
    await summaries?.close().catch(() => {}); // what ended the training is what is to be known of it
    await network?.model.dispose();
  }
}

/** What a training has come to that has ended before; it is told again. One whose files are damaged is written anew. */
export async function endedRun(path: string, listen: Listener): Promise<TrainResult | undefined> {
  if (!(await isRun(path))) return undefined;
  try {
    const { config, evaluation } = await readSummary(path);
    if (config.settings.interrupted !== false) return undefined;
    listen({ event: 'note', message: `the training in ${path} has ended before: nothing is left to train` });
    if (evaluation) listen({ event: 'evaluation', ...evaluation });
    listen({ event: 'saved', run: path, interrupted: false });
    return { run: path, interrupted: false, evaluation: evaluation ?? undefined };
  } catch (error) {
    listen({ event: 'note', message: `${errorMessage(error)}: the run is written anew` });
    return undefined;
  }
}

/** Where an earlier call has left the training; damaged checkpoints are told and passed over. */
async function earlierIn({ store }: TrainingFolder, listen: Listener): Promise<Earlier | undefined> {
  const tell = (message: string) => listen({ event: 'note', message });
  const newest = await store.newestWhole((_, reason) => tell(reason));
  if (!newest) return undefined;
  const earlier = earlierOf(newest.checkpoint, newest.path);
  tell(`going on from step ${earlier.step}, ${newest.path}`);
  return earlier;
}
