import { ComputeError, ShapeError, UsageError } from '../core/errors.ts';
import { type OptionsOf, resolveOptions } from '../core/options.ts';
import { type Dim, formatShape } from '../core/shape.ts';
import { concatenateRows, type Tensor } from '../core/tensor.ts';
import type { Dataset } from '../data/dataset.ts';
import { mapElements } from '../data/transformations.ts';
import type { Value } from '../graph/value.ts';
import { type CallContext, Layer, type LayerConfig, type Nested, type Weight } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { losses } from '../losses/losses.ts';
import { metrics as metricTable } from '../metrics/metrics.ts';
import type { History } from '../training/callbacks.ts';
import { runTest, runTraining } from '../training/loop.ts';
import type { Batch, Examples, Fed, Logs } from '../training/trainable.ts';
import { type Cut, cut } from './cut.ts';
import { leavesOf } from './flags.ts';
import {
  type CompileOptions,
  type FeatureOptions,
  type FitOptions,
  type ModelOptions,
  modelOptions,
  optionNames,
} from './model-options.ts';
import type { Network } from './network.ts';
import { type SaveOptions, saveModel } from './saving.ts';
import { type OptimizerState, Session, type Training } from './session.ts';
import { type SummaryOptions, summaryOf } from './summary.ts';
import { type KerasObject, serializeLayer } from './to-keras.ts';
import { forward } from './topology.ts';
import { assignWeights, type LoadWeightsOptions, readWeights, writeWeights } from './weight-files.ts';
import { initialize } from './weights.ts';

/** What a model is made of, once the shapes of its inputs are known. */
export interface Structure {
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  /** In Keras' order, which is that of their weights. */
  readonly layers: readonly Layer[];
  readonly network: Network;
}

/**
 * Layers that are trained together, as Keras trains them: `Functional` and `Sequential` models.
 * https://keras.io/api/models/model/
 *
 * The layers below the first trainable one are an inference graph, and what they make of an example is computed once.
 * A model is a layer too, and can stand in another model.
 */
export abstract class Model extends Layer {
  readonly #options: OptionsOf<typeof modelOptions>;
  #session: { network: Network; open: Promise<Session> } | undefined;
  #training: Training | undefined;
  #iterations = 0;
  /** Slots that the next session begins with. */
  #slots: OptimizerState['slots'] | undefined = {};

  constructor(config: LayerConfig, options: ModelOptions) {
    super(config);
    this.#options = resolveOptions(modelOptions, options, `model '${this.name}'`);
  }

  /** @throws {UsageError} when the shapes of the inputs are not known yet */
  protected abstract get structure(): Structure;

  /** Whether the shapes of the inputs are known, and so the weights. */
  get isBuilt(): boolean {
    return true;
  }

  /** For a model whose shapes follow from its data. */
  protected buildFor(_inputs: Fed): void {}

  get inputs(): readonly SymbolicTensor[] {
    return this.structure.inputs;
  }

  get outputs(): readonly SymbolicTensor[] {
    return this.structure.outputs;
  }

  /** @throws {UsageError} when the model has several inputs */
  get input(): SymbolicTensor {
    return onlyOne(this.inputs, `model '${this.name}'`, 'inputs');
  }

  /** @throws {UsageError} when the model has several outputs */
  get output(): SymbolicTensor {
    return onlyOne(this.outputs, `model '${this.name}'`, 'outputs');
  }

  /** In Keras' order: those farther from the outputs first. */
  get layers(): readonly Layer[] {
    return this.structure.layers;
  }

  /** The model with the models in it taken apart. */
  get network(): Network {
    return this.structure.network;
  }

  override get weights(): Weight[] {
    return [...new Set(this.layers.flatMap((layer) => layer.weights))];
  }

  override get trainableWeights(): Weight[] {
    if (!this.trainable) return [];
    // Each layer's own flag counts, whatever those of the models between say.
    const trained = new Set(leavesOf(this.layers).flatMap((layer) => layer.trainableWeights));
    return this.weights.filter((weight) => trained.has(weight));
  }

  override get trainable(): boolean {
    return super.trainable;
  }

  /** Sets the flag of every layer, in nested models too, as Keras does. */
  override set trainable(trainable: boolean) {
    super.trainable = trainable;
    for (const layer of this.layers) layer.trainable = trainable;
  }

  override get nested(): Nested {
    return this;
  }

  protected override get inputCount(): readonly [number, number] {
    return [this.inputs.length, this.inputs.length];
  }

  /** The outputs as graph, from the values of the inputs. */
  override call(values: readonly Value[], context: CallContext): readonly Value[] {
    const { inputs, outputs } = this.network;
    inputs.forEach(({ shape, dtype, layer }, i) => {
      const given = values[i]!;
      const fits = given.rank === shape.length && shape.every((dim, at) => fitting(dim, given.shape[at]!));
      if (!fits || given.dtype !== dtype)
        throw new ShapeError(`input '${layer.name}' takes ${dtype}${formatShape(shape)}, got ${given}`);
    });
    return forward(outputs, new Map(inputs.map((input, i) => [input, values[i]!])), () => context);
  }

  /** Where the present `trainable` flags cut the model. */
  get cut(): Cut {
    return cut(this.network);
  }

  /**
   * Keras' table of the layers, as text. https://keras.io/api/models/model/#summary-method
   *
   * @throws {UsageError} when the shapes of the inputs are not known yet, or an option is wrong
   */
  summary(options: SummaryOptions = {}): string {
    return summaryOf(this, options);
  }

  /**
   * By name, or by its place in `layers`.
   *
   * @throws {UsageError} when there is no such layer
   */
  getLayer(which: string | number): Layer {
    const { layers } = this;
    const found = typeof which === 'number' ? layers.at(which) : layers.find((layer) => layer.name === which);
    if (found) return found;
    const known = layers.map((layer) => layer.name).join(', ');
    throw new UsageError(`model '${this.name}' has no layer '${which}'; it has ${known}`);
  }

  /** Gives values to the weights that have none, by a seed. */
  initialize(seed = 0): void {
    initialize(this.network, seed);
  }

  /**
   * Says what to train by. The optimizer starts anew unless `resume` says otherwise; weights stay.
   *
   * @throws {UsageError} when there is no such loss or metric, or the optimizer cannot go on from what is kept
   */
  compile(options: CompileOptions): void {
    const where = `model '${this.name}': compile`;
    resolveOptions({}, options, where, optionNames.compile);
    const { optimizer, loss, metrics = [], seed = 0, resume = false } = options;
    const objective = {
      loss: entryOf(losses, loss, 'loss'),
      metrics: metrics.map((name) => entryOf(metricTable, name, 'metric')),
    };
    if (!resume) this.setOptimizerState({ iterations: 0, slots: {} });
    const kept = this.#keptSlots();
    const fits = kept.length === 0 || kept.join() === [...optimizer.slots].sort().join();
    if (!fits) {
      throw new UsageError(
        `${where}: ${optimizer.name} cannot resume, as the optimizer before it kept ${kept.join(', ')}; leave resume out`,
      );
    }
    this.#training = { objective, optimizer, seed };
    if (this.isBuilt) this.initialize(seed);
  }

  /** The names of what the optimizer has kept beside each weight, sorted. */
  #keptSlots(): string[] {
    if (!this.#slots) return [...this.#training!.optimizer.slots].sort();
    return [...new Set(Object.keys(this.#slots).map((name) => name.slice(name.lastIndexOf('/') + 1)))].sort();
  }

  /**
   * Trains. The layers' weights have the result when it returns, also after an error or an interruption.
   *
   * @returns the losses and metrics of each epoch
   * @throws {UsageError} when the model is not compiled, or no layer is trainable
   * @throws {ComputeError} when the loss is no longer a finite number, with the step
   */
  async fit(data: Dataset<Batch>, options: FitOptions = {}): Promise<History> {
    resolveOptions({}, options, `model '${this.name}': fit`, optionNames.fit);
    const { epochs = 1, validationData, classWeight, callbacks = [], signal } = options;
    if (!Number.isSafeInteger(epochs) || epochs < 0)
      throw new UsageError(`fit: epochs must be a whole number from 0 on, got ${epochs}`);
    const training = this.#compiled('fit');
    await this.#buildFrom(data);
    if (this.trainableWeights.length === 0)
      throw new UsageError(`model '${this.name}': no layer is trainable`);
    this.initialize(training.seed);
    const session = await this.#open();
    if (this.#slots) session.startSlots(this.#slots);
    this.#slots = undefined;
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
      await session.download();
    }
  }

  /** Loss and metrics of a data set. */
  async evaluate(data: Dataset<Batch>): Promise<Logs> {
    const training = this.#compiled('evaluate');
    await this.#buildFrom(data);
    this.initialize(training.seed);
    const session = await this.#open();
    return runTest(
      session.trainable(training, () => 0),
      data.iterate(0),
    );
  }

  /**
   * The output for a data set, in its order: [examples, …].
   *
   * @throws {UsageError} when the model has several outputs
   */
  async predict(data: Dataset<Examples>): Promise<Tensor<'float32'>> {
    const [output] = await this.#single(() => this.predictAll(data));
    return output as Tensor<'float32'>;
  }

  /** All outputs for a data set, in its order. */
  async predictAll(data: Dataset<Examples>): Promise<Tensor[]> {
    const parts: Tensor[][] = [];
    for await (const part of this.predictBatches(data.iterate(0))) parts.push(part);
    if (parts.length === 0) throw new ComputeError('the data set gave no batch to predict from');
    return parts[0]!.map((_, i) => concatenateRows(parts.map((part) => part[i]!)));
  }

  /** The outputs batch by batch, as they are computed, each batch's in the order of the model's outputs. */
  predictBatches(data: AsyncIterable<Examples>): AsyncGenerator<Tensor[]> {
    return this.#each(data, (session, batch) => session.predict(batch), {});
  }

  /**
   * The output for one batch, [batch, …].
   *
   * @param inputs a tensor, a list of them in the order of the inputs, or tensors by the inputs' names
   * @throws {UsageError} when the model has several outputs
   */
  async predictOnBatch(inputs: Fed): Promise<Tensor<'float32'>> {
    const [output] = await this.#single(() => this.predictAllOnBatch(inputs));
    return output as Tensor<'float32'>;
  }

  /** All outputs for one batch. */
  async predictAllOnBatch(inputs: Fed): Promise<Tensor[]> {
    this.buildFor(inputs);
    this.initialize(this.#training?.seed);
    return (await this.#open()).predict({ inputs });
  }

  /**
   * What frozen layers make of every example, [examples, …], computed once for each example with a key.
   *
   * @param wanted the output of a layer that depends on no trainable one
   */
  featuresOf(
    wanted: SymbolicTensor,
    data: Dataset<Examples>,
    options: FeatureOptions = {},
  ): Promise<Tensor<'float32'>> {
    return allRows(this.featureBatches(wanted, data, options));
  }

  /** `featuresOf`, batch by batch. */
  featureBatches(
    wanted: SymbolicTensor,
    data: Dataset<Examples>,
    options: FeatureOptions = {},
  ): AsyncGenerator<Tensor<'float32'>> {
    const compute = async ({ features }: Session, batch: Examples) => {
      const [value] = await features.of(batch, [this.#place(wanted)], options.keep?.map(this.#place));
      return value as Tensor<'float32'>;
    };
    return this.#each(data.iterate(0), compute, options);
  }

  /** What the optimizer keeps beside the weights, and its count of steps. */
  async optimizerState(): Promise<OptimizerState> {
    const slots = this.#slots ?? (await (await this.#open()).slots());
    return { iterations: this.#iterations, slots };
  }

  /** Goes on from a state of the optimizer at the next `fit`. */
  setOptimizerState({ iterations, slots }: OptimizerState): void {
    this.#iterations = iterations;
    this.#slots = slots;
  }

  /**
   * Writes the model into a folder: its layers as JSON (Keras 3's config), weights as safetensors, and the optimizer's
   * state. `loadModel` reads it. https://keras.io/api/models/model_saving_apis/model_saving_and_loading/#save-method
   *
   * @throws {UsageError} when the folder exists and is not empty, or a function of one's own has no registered name
   * @throws {SystemError} when the system refuses
   */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    await this.#download();
    await saveModel(this, path, options);
  }

  /**
   * Writes the weights as a safetensors file, in place of one that is there.
   *
   * @throws {UsageError} when a weight has no value yet
   * @throws {SystemError} when the system refuses
   */
  async saveWeights(path: string): Promise<void> {
    await this.#download();
    await writeWeights(this, path);
  }

  /**
   * Takes weights from a safetensors file; where one does not fit, nothing is changed.
   *
   * @returns the names of the weights that `skipMismatch` left as they are
   * @throws {DataError} names the file and the tensor that is missing or does not fit
   */
  async loadWeights(path: string, options: LoadWeightsOptions = {}): Promise<string[]> {
    return assignWeights(this, await readWeights(path), path, options);
  }

  /** The layers and how they are connected, as Keras 3's JSON; `modelFromJSON` makes the same model of it. */
  toJSON(): KerasObject {
    return serializeLayer(this);
  }

  /** Frees threads and memory. The model can be used again, and then starts them anew, the optimizer too. */
  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await this.#close(session);
  }

  /** One result for each batch; the next batch is made ready while one is computed. */
  async *#each<T extends Tensor | readonly Tensor[]>(
    batches: AsyncIterable<Examples>,
    compute: (session: Session, batch: Examples) => Promise<T>,
    { onProgress, signal }: FeatureOptions,
  ): AsyncGenerator<T> {
    const computed = async (batch: Examples) => {
      await this.#buildOn(batch);
      this.initialize(this.#training?.seed);
      return compute(await this.#open(), batch);
    };
    let examples = 0;
    for await (const part of mapElements(batches, computed, 2)) {
      examples += (Array.isArray(part) ? part[0] : part).shape[0]!;
      onProgress?.(examples);
      signal?.throwIfAborted();
      yield part;
    }
  }

  #place = (tensor: SymbolicTensor): SymbolicTensor => {
    const place = this.network.placeOf(tensor);
    if (place) return place;
    throw new UsageError(`model '${this.name}' does not compute '${tensor}'`);
  };

  async #single<T>(run: () => Promise<T>): Promise<T> {
    // One whose shapes are not known yet is a stack, and has one.
    const { length } = this.isBuilt ? this.outputs : [this];
    if (length === 1) return run();
    throw new UsageError(`model '${this.name}' has ${length} outputs: predictAll gives them as a list`);
  }

  /** Shows the first batch to a model whose shapes follow from its data. */
  async #buildFrom(data: Dataset<Examples>): Promise<void> {
    if (this.isBuilt) return;
    for await (const batch of data.iterate(0)) return this.#buildOn(batch);
  }

  async #buildOn({ inputs }: Examples): Promise<void> {
    if (!this.isBuilt) this.buildFor(typeof inputs === 'function' ? await inputs() : inputs);
  }

  #compiled(what: string): Training {
    if (!this.#training) throw new UsageError(`model '${this.name}': call compile before ${what}`);
    return this.#training;
  }

  async #open(): Promise<Session> {
    const { threads, featureLimit } = this.#options;
    const { network } = this;
    const known = this.#session;
    if (known?.network === network) return known.open;
    // Set before anything is awaited, so that two who ask at once get the same.
    const open = Session.open(network, threads, featureLimit!);
    this.#session = { network, open };
    await this.#close(known);
    return open;
  }

  /** What the optimizer kept on the device goes with it. */
  async #close(session: { open: Promise<Session> } | undefined): Promise<void> {
    if (!this.#slots) this.setOptimizerState({ iterations: 0, slots: {} });
    await (await session?.open)?.close();
  }

  /** While training runs, the device has the weights. */
  async #download(): Promise<void> {
    await (await this.#session?.open)?.download();
  }
}

/** The dimensions of an input that was described, and of one that is given. */
function fitting(described: Dim, given: Dim): boolean {
  return typeof described === 'string' || typeof given === 'string' || described === given;
}

function onlyOne<T>(list: readonly T[], where: string, what: string): T {
  if (list.length === 1) return list[0]!;
  throw new UsageError(`${where} has ${list.length} ${what}: take them from ${what}, which is a list`);
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
