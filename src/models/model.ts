import { ShapeError, UsageError } from '../core/errors.ts';
import { resolveOptions } from '../core/options.ts';
import { type Dim, formatShape } from '../core/shape.ts';
import { concatenateRows, type Tensor } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import type { Value } from '../graph/value.ts';
import { type CallContext, Layer, type LayerConfig, type Nested, type Weight } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { Callback, Learner } from '../training/callback.ts';
import type { History } from '../training/callbacks/history.ts';
import type { Examples, Fed, Logs } from '../training/trainable.ts';
import { arrayBatches } from './arrays.ts';
import { type Cut, cut } from './cut.ts';
import { type BatchElement, batchesOf, type ExamplesElement, examplesOf } from './elements.ts';
import { leavesOf } from './flags.ts';
import {
  type CompileOptions,
  type EvaluateArraysOptions,
  type EvaluateOptions,
  type FeatureOptions,
  type FitArraysOptions,
  type FitOptions,
  type ModelOptions,
  modelOptions,
  type OnBatchOptions,
  optionNames,
  type PredictOptions,
} from './model-options.ts';
import type { Network } from './network.ts';
import { type SaveOptions, saveModel } from './saving.ts';
import type { OptimizerState, Session } from './session.ts';
import { type SummaryOptions, summaryOf } from './summary.ts';
import { type KerasObject, serializeLayer } from './to-keras.ts';
import { forward } from './topology.ts';
import { type Compiled, Trainer } from './trainer.ts';
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
export abstract class Model extends Layer implements Learner {
  /** How it runs, as it was told. */
  readonly runOptions: ModelOptions;
  readonly #trainer: Trainer;

  constructor(config: LayerConfig, options: ModelOptions) {
    super(config);
    this.runOptions = options;
    const resolved = resolveOptions(modelOptions, options, `model '${this.name}'`);
    this.#trainer = new Trainer(this, resolved, (inputs) => this.buildFor(inputs));
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
  override get output(): SymbolicTensor {
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
   * Says what to train and measure by. The optimizer starts anew unless `resume` says otherwise; weights stay.
   *
   * @throws {UsageError} when there is no such loss, metric or output, or the optimizer cannot go on from what is kept
   * @example net.compile({ optimizer: adam({ learningRate: 1e-4 }), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
   */
  compile(options: CompileOptions): void {
    this.#trainer.compile(options);
  }

  /** What `compile` was told. */
  get compiled(): Compiled | undefined {
    return this.#trainer.compiled;
  }

  /**
   * Trains on examples in memory. The layers' weights have the result when it returns, also after an error or an
   * interruption. https://keras.io/api/models/model_training_apis/#fit-method
   *
   * @param x [examples, …] for each input
   * @param y [examples, …] for each output
   * @returns the losses and metrics of each epoch
   * @throws {UsageError} when the model is not compiled, no layer is trainable, or an option is wrong
   * @throws {ShapeError} when the shapes do not fit the model
   * @throws {ComputeError} when the loss is no longer a finite number, with the step
   * @example const { history } = await net.fit(images, labels, { epochs: 5, batchSize: 64, validationSplit: 0.1 });
   */
  async fit(x: Fed, y: Fed, options: FitArraysOptions = {}): Promise<History> {
    resolveOptions({}, options, `model '${this.name}': fit`, optionNames.fit);
    const { sampleWeight, ...rest } = options;
    return this.#trainer.fitArrays({ x, y, sampleWeight }, rest);
  }

  /**
   * `fit` on what a dataset makes as it is read: `[x, y]` or `[x, y, sampleWeight]`, each with the batch's axis in front,
   * or batches.
   *
   * @example await net.fitDataset(Dataset.fromTensorSlices([images, labels]).shuffle(5000, { seed: 1 }).batch(32), { epochs: 5 });
   */
  async fitDataset(data: Dataset<BatchElement>, options: FitOptions = {}): Promise<History> {
    const where = `model '${this.name}': fitDataset`;
    resolveOptions({}, options, where, optionNames.fitDataset);
    return this.#trainer.fit(batchesOf(data, where), options);
  }

  /**
   * Loss and metrics of examples in memory, by the names of the logs.
   * https://keras.io/api/models/model_training_apis/#evaluate-method
   */
  async evaluate(x: Fed, y: Fed, options: EvaluateArraysOptions = {}): Promise<Logs> {
    resolveOptions({}, options, `model '${this.name}': evaluate`, optionNames.evaluate);
    const { batchSize = 32, sampleWeight, ...rest } = options;
    return this.#trainer.evaluate(arrayBatches({ x, y, sampleWeight }, { batchSize }), rest);
  }

  /** `evaluate` on what a dataset makes as it is read. */
  async evaluateDataset(data: Dataset<BatchElement>, options: EvaluateOptions = {}): Promise<Logs> {
    const where = `model '${this.name}': evaluateDataset`;
    resolveOptions({}, options, where, optionNames.evaluateDataset);
    return this.#trainer.evaluate(batchesOf(data, where), options);
  }

  /**
   * The output for examples in memory, or for a dataset of batches, in their order: [examples, …].
   * https://keras.io/api/models/model_training_apis/#predict-method
   *
   * @throws {UsageError} when the model has several outputs
   */
  async predict(x: Fed | Dataset<ExamplesElement>, options: PredictOptions = {}): Promise<Tensor<'float32'>> {
    const [output] = await this.#single(() => this.predictAll(x, options));
    return output as Tensor<'float32'>;
  }

  /** All outputs for examples in memory, or for a dataset of batches, in their order. */
  async predictAll(x: Fed | Dataset<ExamplesElement>, options: PredictOptions = {}): Promise<Tensor[]> {
    const where = `model '${this.name}': predict`;
    resolveOptions({}, options, where, optionNames.predict);
    const { batchSize = 32, callbacks = [] } = options;
    const data = x instanceof Dataset ? examplesOf(x, where) : arrayBatches({ x }, { batchSize });
    const parts: Tensor[][] = [];
    for await (const part of this.predictBatches(data.iterate(0), callbacks)) parts.push(part);
    return parts[0]!.map((_, i) => concatenateRows(parts.map((part) => part[i]!)));
  }

  /** The outputs batch by batch, as they are computed, each batch's in the order of the model's outputs. */
  predictBatches(data: AsyncIterable<Examples>, callbacks?: readonly Callback[]): AsyncGenerator<Tensor[]> {
    return this.#trainer.each(data, (session, batch) => session.predict(batch), {}, callbacks);
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
    return (await this.#trainer.sessionFor({ inputs })).predict({ inputs });
  }

  /**
   * One step of training on one batch. The layers' weights have the result after `syncWeights`, or when they are saved.
   *
   * @returns loss and metrics of this batch, before the step
   */
  trainOnBatch(x: Fed, y: Fed, options: OnBatchOptions = {}): Promise<Logs> {
    return this.#onBatch('trainStep', x, y, options);
  }

  /** Loss and metrics of one batch. */
  testOnBatch(x: Fed, y: Fed, options: OnBatchOptions = {}): Promise<Logs> {
    return this.#onBatch('testStep', x, y, options);
  }

  async #onBatch(
    what: 'trainStep' | 'testStep',
    x: Fed,
    y: Fed,
    { sampleWeight, classWeight, ...others }: OnBatchOptions,
  ): Promise<Logs> {
    resolveOptions({}, others, `model '${this.name}': ${what}`, optionNames.onBatch);
    const batch = { inputs: x, targets: y, ...(sampleWeight && { weights: sampleWeight }) };
    return this.#trainer.onBatch(what, batch, classWeight);
  }

  /** Set by a callback: the training ends after the step that is running. */
  get stopTraining(): boolean {
    return this.#trainer.stopTraining;
  }

  set stopTraining(stop: boolean) {
    this.#trainer.stopTraining = stop;
  }

  /**
   * The rate of the next step.
   *
   * @throws {UsageError} when the model is not compiled, or it is set and the optimizer follows a schedule
   */
  get learningRate(): number {
    return this.#trainer.learningRate;
  }

  set learningRate(rate: number) {
    this.#trainer.learningRate = rate;
  }

  /** Brings trained weights to the layers: while training, the device has them. */
  syncWeights(): Promise<void> {
    return this.#trainer.download();
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
    return this.#trainer.each(data.iterate(0), compute, options);
  }

  /** What the optimizer keeps beside the weights, and its count of steps. */
  optimizerState(): Promise<OptimizerState> {
    return this.#trainer.optimizerState();
  }

  /** Goes on from a state of the optimizer at the next `fit`. */
  setOptimizerState(state: OptimizerState): void {
    this.#trainer.setOptimizerState(state);
  }

  /**
   * Writes the model into a folder: its layers as JSON (Keras 3's config), weights as safetensors, and the optimizer's
   * state. `loadModel` reads it. https://keras.io/api/models/model_saving_apis/model_saving_and_loading/#save-method
   *
   * @throws {UsageError} when the folder exists and is not empty, or a function of one's own has no registered name
   * @throws {SystemError} when the system refuses
   */
  async save(path: string, options: SaveOptions = {}): Promise<void> {
    await this.syncWeights();
    await saveModel(this, path, options);
  }

  /**
   * Writes the weights as a safetensors file, in place of one that is there.
   *
   * @throws {UsageError} when a weight has no value yet
   * @throws {SystemError} when the system refuses
   */
  async saveWeights(path: string): Promise<void> {
    await this.syncWeights();
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
  dispose(): Promise<void> {
    return this.#trainer.dispose();
  }

  #place = (tensor: SymbolicTensor): SymbolicTensor => {
    const place = this.network.placeOf(tensor);
    if (place) return place;
    throw new UsageError(`model '${this.name}' does not compute '${tensor}'`);
  };

  async #single<T>(run: () => Promise<T>): Promise<T> {
    if (!this.isBuilt || this.outputs.length === 1) return run();
    throw new UsageError(
      `model '${this.name}' has ${this.outputs.length} outputs: predictAll gives them as a list`,
    );
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
