import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataError, UsageError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Weight, withFreshNames } from '../layers/layer.ts';
import { type BatchElement, type ExamplesElement, examplesOf } from '../models/elements.ts';
import { restoreForInference } from '../models/restoring.ts';
import { averageSlot, usesAveragesAtEnd } from '../optimizers/optimizer.ts';
import { readCheckpoint } from '../training/checkpoints/checkpoint-file.ts';
import { modelTensors } from '../training/checkpoints/state-file.ts';
import type { SessionRunHook } from '../training/hook.ts';
import { type EvaluationImages, writeEvaluationImages } from './evaluation-images.ts';
import { type ExportOptions, exportModel } from './exporting.ts';
import { datasetOf, type InputFn } from './input-fn.ts';
import { ModelDirectory } from './model-directory.ts';
import { predictions } from './predicting.ts';
import { RunConfig, type RunConfigOptions } from './run-config.ts';
import type { EstimatorSpec, Mode, ModelFn } from './spec.ts';
import { runTrainingIn, type TrainOptions } from './training.ts';
import type { WarmStartSettings } from './warm-start.ts';

export interface EstimatorOptions {
  /** Where checkpoints and summaries are. Default: the config's; without one, a new temporary folder. */
  readonly modelDir?: string;
  readonly config?: RunConfig | RunConfigOptions;
  /** Handed to `modelFn`: plain JSON. A training does not go on with others. */
  readonly params?: Readonly<Record<string, unknown>>;
  /** Where the first training takes its weights from. */
  readonly warmStartFrom?: string | WarmStartSettings;
}

export interface EvaluateOptions {
  readonly inputFn: InputFn<BatchElement>;
  /** Batches at most. Default: all. */
  readonly steps?: number;
  readonly hooks?: readonly SessionRunHook[];
  /** Of several evaluations: its summaries are in `eval_NAME`. */
  readonly name?: string;
  /** Default: the newest. */
  readonly checkpointPath?: string;
  /** Of a classifier: writes its confusion matrix and some examples too. The data are read once more for it. */
  readonly images?: EvaluationImages;
  readonly signal?: AbortSignal;
}

export interface PredictOptions {
  readonly inputFn: InputFn<ExamplesElement>;
  /** Names of outputs. Default: all. */
  readonly predictKeys?: readonly string[];
  readonly hooks?: readonly SessionRunHook[];
  /** Default: the newest. */
  readonly checkpointPath?: string;
  /** Whether examples come one by one, or batches as they are. Default true. */
  readonly yieldSingleExamples?: boolean;
}

/** Loss and metrics by their names, and `globalStep`. */
export type EvalResult = Readonly<Record<string, number>> & { readonly globalStep: number };

/** A model of one mode, and what its specification says. */
interface Built extends EstimatorSpec {
  /** One for all modes that have the same model. */
  readonly state: ModelState;
}

interface ModelState {
  /** The checkpoint that its weights are of. */
  loaded: { readonly path: string; readonly step: number } | undefined;
  /** The weights that a training without a checkpoint begins with, once it is compiled. Values are never changed in place. */
  initial: ReadonlyMap<Weight, Tensor | undefined> | undefined;
  isTraining: boolean;
}

/**
 * A model that can be trained alone overnight: apart from its data, saved while it trains, gone on with where it was,
 * watched by TensorBoard. https://www.tensorflow.org/api_docs/python/tf/estimator/Estimator
 *
 * All of it lives in the model directory: training in the same one goes on from the newest checkpoint that is whole, and
 * with data whose order can be repeated, ends with the same weights, bit for bit, as if it had never been stopped.
 *
 * @example
 * const estimator = new Estimator(({ mode, params }) => ({ model: network(params), loss: 'categoricalCrossentropy' }), { modelDir: 'runs/1' });
 * await estimator.train({ inputFn, maxSteps: 2000 });
 * const { accuracy } = await estimator.evaluate({ inputFn: testFn });
 */
export class Estimator {
  readonly config: RunConfig;
  readonly params: Readonly<Record<string, unknown>>;
  readonly #modelFn: ModelFn;
  readonly #warmStartFrom: string | WarmStartSettings | undefined;
  readonly #built = new Map<Mode, Built>();
  #directory: Promise<ModelDirectory> | undefined;
  #modelDir: string | undefined;

  /** @throws {UsageError} when two model directories are given, or an option of the config is wrong */
  constructor(modelFn: ModelFn, options: EstimatorOptions = {}) {
    const { config = {}, modelDir, params = {}, warmStartFrom } = options;
    if (typeof modelFn !== 'function')
      throw new UsageError(`Estimator: modelFn must be a function, got ${modelFn}`);
    this.config = config instanceof RunConfig ? config : new RunConfig(config);
    const ofConfig = this.config.settings.modelDir;
    if (modelDir !== undefined && ofConfig !== undefined && modelDir !== ofConfig)
      throw new UsageError(
        `Estimator: modelDir is '${modelDir}', and the config’s '${ofConfig}'; give one of them`,
      );
    this.#modelDir = modelDir ?? ofConfig;
    this.#modelFn = modelFn;
    this.params = params;
    this.#warmStartFrom = warmStartFrom;
  }

  /** Where checkpoints and summaries are. @throws {UsageError} before the first run of an estimator without one */
  get modelDir(): string {
    if (this.#modelDir !== undefined) return this.#modelDir;
    throw new UsageError('Estimator: the model directory is chosen by the first run; give modelDir');
  }

  /** Where the summaries of an evaluation are. */
  evalDir(name?: string): string {
    return join(this.modelDir, name === undefined ? 'eval' : `eval_${name}`);
  }

  /**
   * Trains, from the newest checkpoint on where there is one, and saves while it does.
   *
   * @throws {UsageError} when another training is under way in the model directory, or an option is wrong
   * @throws {DataError} when the model, the data or their parameters have changed, with what changed
   */
  async train(options: TrainOptions): Promise<this> {
    const { steps, maxSteps } = options;
    if (steps !== undefined && maxSteps !== undefined)
      throw new UsageError('Estimator.train: give steps or maxSteps, not both');
    for (const [name, value] of Object.entries({ steps, maxSteps }))
      if (value !== undefined && !(Number.isSafeInteger(value) && value > 0))
        throw new UsageError(`Estimator.train: ${name} must be a whole number above 0, got ${value}`);
    const built = await this.#build('train');
    const directory = await this.#directoryNow();
    const { state } = this.#idle(built, 'train');
    state.isTraining = true;
    try {
      beginAnew(built);
      await runTrainingIn(directory, built, {
        ...options,
        params: this.params,
        warmStartFrom: this.#warmStartFrom,
      });
    } finally {
      state.isTraining = false;
    }
    return this;
  }

  /**
   * Loss and metrics of a checkpoint, written as summaries beside the training's.
   *
   * @throws {DataError} when there is no checkpoint yet
   */
  async evaluate(options: EvaluateOptions): Promise<EvalResult> {
    const { inputFn, steps, name, hooks = [], checkpointPath, images, signal } = options;
    const directory = await this.#directoryNow();
    const built = await this.#build('eval');
    const globalStep = await this.#load(built, checkpointPath, 'evaluate');
    const data = await datasetOf(inputFn, 'Estimator.evaluate');
    const logs = await built.model.evaluateDataset(data, {
      hooks: [...(built.hooks ?? []), ...hooks],
      ...(steps !== undefined && { steps }),
      ...(signal && { signal }),
    });
    await directory.writeEvaluation(this.evalDir(name), globalStep, logs, async (writer) => {
      if (images)
        await writeEvaluationImages(writer, globalStep, built.model, data, steps ?? Infinity, images);
    });
    const shown = Object.entries(logs).map(([key, value]) => `${key} = ${value}`);
    this.config.settings.log(`evaluation at step ${globalStep}: ${shown.join(', ')}`);
    return { ...logs, globalStep };
  }

  /**
   * What the model gives for each example, by the names of its outputs.
   *
   * @example for await (const { probabilities } of estimator.predict({ inputFn })) …
   */
  async *predict(options: PredictOptions): AsyncGenerator<Record<string, Tensor>> {
    const { inputFn, checkpointPath, hooks = [], predictKeys, yieldSingleExamples = true } = options;
    const built = await this.#build('predict');
    const globalStep = await this.#load(built, checkpointPath, 'predict');
    const data = examplesOf(await datasetOf(inputFn, 'Estimator.predict'), 'Estimator.predict');
    yield* predictions(built.model, data, {
      hooks: [...(built.hooks ?? []), ...hooks],
      globalStep,
      keys: predictKeys,
      single: yieldSingleExamples,
    });
  }

  /**
   * Writes the model as an ONNX file with its labels, in a new folder within `baseDir` that is named by the time, in
   * seconds since 1970. Any runtime reads it.
   *
   * @returns the folder
   */
  async exportSavedModel(
    baseDir: string,
    options: ExportOptions & { checkpointPath?: string } = {},
  ): Promise<string> {
    const { checkpointPath, ...portable } = options;
    const built = await this.#build('predict');
    await this.#load(built, checkpointPath, 'exportSavedModel');
    return exportModel(built.model, baseDir, portable);
  }

  /** The path of the newest checkpoint; undefined where there is none. */
  async latestCheckpoint(): Promise<string | undefined> {
    return (await this.#directoryNow()).store.latest();
  }

  /** Names of all that the newest checkpoint holds: weights that training changes, and what the optimizer keeps. */
  async getVariableNames(): Promise<string[]> {
    return Object.keys(await this.#variables()).sort();
  }

  /** @throws {DataError} when the newest checkpoint has no such variable */
  async getVariableValue(name: string): Promise<Tensor> {
    const value = (await this.#variables())[name];
    if (value) return value;
    throw new DataError(`${this.modelDir}: the newest checkpoint has no variable '${name}'`);
  }

  /** Whether the summaries of an evaluation have this step. */
  async isEvaluated(step: number, name?: string): Promise<boolean> {
    return (await this.#directoryNow()).isEvaluated(this.evalDir(name), step);
  }

  /** The step of the newest checkpoint; undefined where there is none. */
  async latestStep(): Promise<number | undefined> {
    return (await (await this.#directoryNow()).store.list()).at(-1)?.step;
  }

  /** Frees threads and memory. */
  async dispose(): Promise<void> {
    for (const model of new Set([...this.#built.values()].map((built) => built.model))) await model.dispose();
    this.#built.clear();
  }

  async #variables(): Promise<Readonly<Record<string, Tensor>>> {
    const path = await this.latestCheckpoint();
    if (path === undefined) throw this.#untrained();
    return modelTensors(await readCheckpoint(path));
  }

  #directoryNow(): Promise<ModelDirectory> {
    this.#directory ??= (async () => {
      this.#modelDir ??= await mkdtemp(join(tmpdir(), 'fovea-'));
      return new ModelDirectory(this.#modelDir, this.config);
    })();
    return this.#directory;
  }

  async #build(mode: Mode): Promise<Built> {
    const known = this.#built.get(mode);
    if (known) return known;
    const spec = await withFreshNames(() =>
      this.#modelFn({ mode, params: this.params, config: this.config }),
    );
    const { model, hooks: _, ...compile } = spec;
    const same = [...this.#built.values()].find((built) => built.model === model);
    const state: ModelState = same?.state ?? { loaded: undefined, initial: undefined, isTraining: false };
    if (!state.initial && mode !== 'predict') {
      const seed = this.config.settings.randomSeed ?? spec.seed ?? 0;
      model.compile({ ...compile, seed });
      state.initial = new Map(model.weights.map((weight) => [weight, weight.value]));
    }
    const built = { ...spec, state };
    this.#built.set(mode, built);
    return built;
  }

  /** @returns the checkpoint's step */
  async #load(built: Built, path: string | undefined, what: string): Promise<number> {
    const { state } = this.#idle(built, what);
    const { store } = await this.#directoryNow();
    const { loaded } = state;
    if (loaded && loaded.path === (path ?? (await store.latest()))) return loaded.step;
    const found =
      path === undefined
        ? await store.newestWhole((_, reason) => this.config.settings.log(reason))
        : { path, checkpoint: await readCheckpoint(path) };
    if (!found) throw this.#untrained();
    const { step } = found.checkpoint;
    const optimizer = built.model.compiled?.optimizer;
    const average = optimizer && usesAveragesAtEnd(optimizer) ? averageSlot : undefined;
    built.model.initialize();
    restoreForInference(built.model, modelTensors(found.checkpoint), average);
    // What hooks are told of the step.
    built.model.setOptimizerState({ iterations: step, slots: {} });
    state.loaded = { path: found.path, step };
    return step;
  }

  /** @throws {UsageError} while the model is trained: its weights are the training's */
  #idle(built: Built, what: string): Built {
    if (!built.state.isTraining) return built;
    throw new UsageError(
      `Estimator.${what}: the model is being trained; wait until train has ended, use trainAndEvaluate, or let modelFn make a model for each mode`,
    );
  }

  #untrained(): DataError {
    return new DataError(`${this.modelDir} has no checkpoint: train first, or give checkpointPath`);
  }
}

/** Gives a model the weights that it had when it was compiled, and an optimizer that has made no step. */
function beginAnew({ model, state }: Built): void {
  state.loaded = undefined;
  for (const [weight, value] of state.initial ?? []) if (value) weight.value = value;
  model.setOptimizerState({ iterations: 0, slots: {} });
}
