import { UsageError } from '../core/errors.ts';
import { concatenateRows, type Tensor } from '../core/tensor.ts';
import type { Dataset } from '../data/dataset.ts';
import { mapElements } from '../data/transformations.ts';
import type { Layer, SymbolicTensor, Weight } from '../layers/layer.ts';
import { type LossName, losses } from '../losses/losses.ts';
import { type MetricName, metrics as metricTable } from '../metrics/metrics.ts';
import type { Optimizer } from '../optimizers/optimizers.ts';
import type { Callback, History } from '../training/callbacks.ts';
import { runTest, runTraining } from '../training/loop.ts';
import type { Batch, Logs } from '../training/trainable.ts';
import { type Cut, cut } from './cut.ts';
import { Session, type Training } from './session.ts';
import { countParams, summaryTable } from './summary.ts';
import { layersBetween } from './topology.ts';
import { initialize } from './weights.ts';

export interface ModelConfig {
  readonly inputs: SymbolicTensor;
  readonly outputs: SymbolicTensor;
  /** Default 'model'. */
  readonly name?: string;
}

export interface ModelOptions {
  /** Threads that compute. Default: one for each core. */
  readonly threads?: number;
  /** Bytes of frozen layers' outputs that are kept in memory. Default 1 GiB. */
  readonly featureLimit?: number;
}

export interface CompileOptions {
  readonly optimizer: Optimizer;
  readonly loss: LossName;
  /** Default none. */
  readonly metrics?: readonly MetricName[];
  /** Of every random number: initial weights, dropout. Default 0. */
  readonly seed?: number;
}

export interface FitOptions {
  /** Default 1. */
  readonly epochs?: number;
  /** Tested on after each epoch: `val_loss`, `val_accuracy`. */
  readonly validationData?: Dataset<Batch>;
  /** A factor of the loss for each class, by its index. */
  readonly classWeight?: ArrayLike<number>;
  readonly callbacks?: readonly Callback[];
  /** Ends the training after the step that is running; what is learned is kept. */
  readonly signal?: AbortSignal;
}

export interface FeatureOptions {
  /** Other tensors of this model to compute in the same pass and keep for later. */
  readonly keep?: readonly SymbolicTensor[];
  /** Called after each batch with the examples so far. */
  readonly onProgress?: (examples: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * A functional model: layers between an input and an output, trained as Keras trains.
 * https://keras.io/api/models/model/
 *
 * The layers below the first trainable one are an inference graph, and what they make of an example is computed once.
 *
 * @example
 * const base = await vgg16({ includeTop: false, inputShape: [224, 224, 3], weights: 'imagenet' });
 * const outputs = layers.dense({ units: 4, activation: 'softmax' }).apply(layers.flatten().apply(base.outputs));
 * const net = new Model({ inputs: base.inputs, outputs });
 * for (const layer of base.layers.slice(0, -4)) layer.trainable = false;
 * net.compile({ optimizer: adam(), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
 * await net.fit(dataset, { epochs: 5 });
 */
export class Model {
  readonly name: string;
  readonly inputs: SymbolicTensor;
  readonly outputs: SymbolicTensor;
  /** In the order of computation. */
  readonly layers: readonly Layer[];
  readonly #options: ModelOptions;
  #session: Promise<Session> | undefined;
  #training: Training | undefined;
  #iterations = 0;

  /** @throws {UsageError} when the output depends on another input, or two layers have one name */
  constructor({ inputs, outputs, name = 'model' }: ModelConfig, options: ModelOptions = {}) {
    this.name = name;
    this.inputs = inputs;
    this.outputs = outputs;
    this.layers = layersBetween([inputs], [outputs]);
    this.#options = options;
  }

  get weights(): Weight[] {
    return this.layers.flatMap((layer) => layer.weights);
  }

  get trainableWeights(): Weight[] {
    return this.layers.flatMap((layer) => layer.trainableWeights);
  }

  /** Where the present `trainable` flags cut the model. */
  get cut(): Cut {
    return cut([this.outputs]);
  }

  countParams(): number {
    return countParams(this.weights);
  }

  /** Keras' table of the layers. */
  summary(): string {
    return summaryTable(this.name, [this.outputs], this.layers);
  }

  /** @throws {UsageError} when there is no such layer */
  getLayer(name: string): Layer {
    const found = this.layers.find((layer) => layer.name === name);
    if (found) return found;
    const known = this.layers.map((layer) => layer.name).join(', ');
    throw new UsageError(`model '${this.name}' has no layer '${name}'; it has ${known}`);
  }

  /** Gives values to the weights that have none, by a seed. */
  initialize(seed = 0): void {
    initialize(this.layers, seed);
  }

  /**
   * Says what to train by. The optimizer starts anew; weights stay.
   *
   * @throws {UsageError} when there is no such loss or metric
   */
  compile({ optimizer, loss, metrics = [], seed = 0 }: CompileOptions): void {
    const objective = {
      loss: entryOf(losses, loss, 'loss'),
      metrics: metrics.map((name) => entryOf(metricTable, name, 'metric')),
    };
    this.#training = { objective, optimizer, seed };
    this.#iterations = 0;
    this.initialize(seed);
  }

  /**
   * Trains. The layers' weights have the result when it returns, also after an error or an interruption.
   *
   * @returns the losses and metrics of each epoch
   * @throws {UsageError} when the model is not compiled, or no layer is trainable
   * @throws {ComputeError} when the loss is no longer a finite number, with the step
   */
  async fit(data: Dataset<Batch>, options: FitOptions = {}): Promise<History> {
    const { epochs = 1, validationData, classWeight, callbacks = [], signal } = options;
    if (!Number.isSafeInteger(epochs) || epochs < 0)
      throw new UsageError(`fit: epochs must be a whole number from 0 on, got ${epochs}`);
    if (this.trainableWeights.length === 0)
      throw new UsageError(`model '${this.name}': no layer is trainable`);
    const training = this.#compiled('fit');
    const session = await this.#open();
    if (this.#iterations === 0) session.forgetSlots();
    try {
      return await runTraining(
        session.trainable(training, () => ++this.#iterations, classWeight),
        {
          epochs,
          batches: (epoch) => data.iterate(epoch - 1),
          validation: validationData && (() => validationData.iterate(0)),
          callbacks,
          signal,
        },
      );
    } finally {
      await session.download(this.trainableWeights);
    }
  }

  /** Loss and metrics of a data set. */
  async evaluate(data: Dataset<Batch>): Promise<Logs> {
    const session = await this.#open();
    return runTest(
      session.trainable(this.#compiled('evaluate'), () => 0),
      data.iterate(0),
    );
  }

  /** The outputs for a data set, in its order: [examples, …]. */
  async predict(data: Dataset<Batch>): Promise<Tensor<'float32'>> {
    return allRows(this.#each(data, (session, batch) => session.predict(batch), {}));
  }

  /** The outputs for one batch: [batch, …]. */
  async predictOnBatch(batch: Batch): Promise<Tensor<'float32'>> {
    this.initialize();
    return (await this.#open()).predict(batch);
  }

  /**
   * What frozen layers make of every example, [examples, …], computed once for each example with a key.
   *
   * @param wanted the output of a layer that depends on no trainable one
   */
  featuresOf(
    wanted: SymbolicTensor,
    data: Dataset<Batch>,
    options: FeatureOptions = {},
  ): Promise<Tensor<'float32'>> {
    return allRows(this.featureBatches(wanted, data, options));
  }

  /** `featuresOf`, batch by batch. */
  featureBatches(
    wanted: SymbolicTensor,
    data: Dataset<Batch>,
    options: FeatureOptions = {},
  ): AsyncGenerator<Tensor<'float32'>> {
    const compute = async ({ features }: Session, batch: Batch) => {
      const [value] = await features.of(batch, [wanted], options.keep);
      return value as Tensor<'float32'>;
    };
    return this.#each(data, compute, options);
  }

  /** Frees threads and memory. The model can be used again, and then starts them anew. */
  async dispose(): Promise<void> {
    const session = await this.#session;
    this.#session = undefined;
    this.#iterations = 0;
    await session?.close();
  }

  /** One result for each batch; the next batch is made ready while one is computed. */
  async *#each(
    data: Dataset<Batch>,
    compute: (session: Session, batch: Batch) => Promise<Tensor<'float32'>>,
    { onProgress, signal }: FeatureOptions,
  ): AsyncGenerator<Tensor<'float32'>> {
    this.initialize();
    const session = await this.#open();
    let examples = 0;
    for await (const part of mapElements(data.iterate(0), (batch) => compute(session, batch), 2)) {
      examples += part.shape[0]!;
      onProgress?.(examples);
      signal?.throwIfAborted();
      yield part;
    }
  }

  #compiled(what: string): Training {
    if (!this.#training) throw new UsageError(`model '${this.name}': call compile before ${what}`);
    return this.#training;
  }

  #open(): Promise<Session> {
    const { threads, featureLimit = 2 ** 30 } = this.#options;
    this.#session ??= Session.open(this.outputs, threads, featureLimit);
    return this.#session;
  }
}

async function allRows(parts: AsyncIterable<Tensor<'float32'>>): Promise<Tensor<'float32'>> {
  const list: Tensor<'float32'>[] = [];
  for await (const part of parts) list.push(part);
  return concatenateRows(list);
}

function entryOf<T>(table: Readonly<Record<string, T>>, name: string, what: string): T {
  if (Object.hasOwn(table, name)) return table[name]!;
  throw new UsageError(`compile: ${what} must be one of ${Object.keys(table).join(', ')}, got '${name}'`);
}
