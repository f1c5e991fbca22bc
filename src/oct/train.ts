import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import { createFolderWhole } from '../core/files.ts';
import { ImagePool } from '../images/pool.ts';
import { testNetwork } from './apply.ts';
import type { Evaluation } from './evaluation.ts';
import type { Listener } from './events.ts';
import { loadJobData } from './job-data.ts';
import { type BackboneName, buildNetwork, type Network } from './network.ts';
import { type Recipe, type RecipeName, recipes } from './recipes.ts';
import { writeRun } from './run-folder.ts';
import { fineTune, fitHead, type StageResult, stageContext } from './stages.ts';

export interface TrainOptions {
  /** The run folder. Default `runs/<time>`. Refused where it exists and is not empty. */
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

const untrained: StageResult = { epochs: [], steps: 0 };

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
 * Trains a network on labelled images by a recipe, tests it, and saves the run.
 *
 * @param data a folder of class folders, or one with `train/` and `test/` above those, or `sample`
 * @throws {DataError | UsageError} when the data or an option cannot be used
 * @throws {ComputeError} when the training diverges
 * @throws {SystemError} when the run cannot be written
 * @example await train('OCT2017', { out: 'runs/first', seed: 1 }, (event) => console.log(event));
 */
export async function train(data: string, options: TrainOptions, listen: Listener): Promise<TrainResult> {
  const { seed = 0, threads = availableParallelism(), signal, backbone = 'vgg16', stages = 'auto' } = options;
  const settled = settle(options);
  const out = options.out ?? join('runs', new Date().toISOString().slice(0, 19).replaceAll(':', '-'));
  const folder = await createFolderWhole(out);
  const pool = new ImagePool({ threads });
  let network: Network | undefined;
  try {
    const { strict = false, validationSplit = 0 } = options;
    const found = await loadJobData(data, { pool, strict, seed, validationSplit, signal }, listen);
    const recipe = chooseViews(settled, options.views, found.train.length, listen);
    const { tune, reason } = chooseStages(recipe, stages, found.train.length);
    listen({ event: 'note', message: reason });
    network = await buildNetwork(recipe, {
      backbone,
      classes: found.classNames.length,
      imageSize: recipe.imageSize,
      threads,
      featureLimit: Math.max(2 ** 30, totalmem() / 4),
    });
    const context = stageContext(network, recipe, found, { pool, seed, listen, signal });
    const head = recipe.headStage ? await fitHead(context, tune) : untrained;
    const tuned = tune && !signal?.aborted ? await fineTune(context) : untrained;
    if (head.steps + tuned.steps === 0) return { run: undefined, interrupted: true, evaluation: undefined };

    const { classNames, channels } = found;
    const { imageSize, resize } = recipe;
    const evaluation =
      signal?.aborted || found.test.length === 0
        ? undefined
        : await testNetwork(
            network.model,
            found.test,
            { pool, classNames, imageSize, resize, channels, seed, signal },
            listen,
          );
    const interrupted = signal?.aborted ?? false;
    await writeRun(folder, {
      model: network.model,
      config: {
        backbone,
        recipe: recipe.name,
        classNames,
        imageSize: [imageSize, imageSize],
        resize,
        channels,
        settings: { recipe, seed, threads, stages: tune ? 'fine-tune' : 'head-only', data, interrupted },
      },
      history: [...head.epochs, ...tuned.epochs],
      evaluation: evaluation ?? null,
    });
    listen({ event: 'saved', run: out, interrupted });
    return { run: out, interrupted, evaluation };
  } finally {
    await folder.discard();
    await network?.model.dispose();
    await pool.close();
  }
}
