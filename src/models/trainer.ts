import { ComputeError, UsageError } from '../core/errors.ts';
import { type OptionsOf, resolveOptions, seed as seedKind } from '../core/options.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import { mapElements } from '../data/transformations.ts';
import { learningRateAt, type Optimizer, optimizerOf } from '../optimizers/optimizers.ts';
import type { Callback } from '../training/callback.ts';
import { History } from '../training/callbacks/history.ts';
import { ProgbarLogger } from '../training/callbacks/progbar-logger.ts';
import { runTest } from '../training/evaluation.ts';
import type { Keeper } from '../training/keeper.ts';
import { runTraining } from '../training/loop.ts';
import type { OpenStream } from '../training/placed.ts';
import type { ModelCapture } from '../training/state.ts';
import type { Batch, Examples, Fed, Logs } from '../training/trainable.ts';
import { type Arrays, arrayBatches, ownKeys, splitArrays } from './arrays.ts';
import { batchesOf } from './elements.ts';
import type { Model } from './model.ts';
import {
  type CompileOptions,
  type EvaluateOptions,
  type FeatureOptions,
  type FitArraysOptions,
  type FitOptions,
  type modelOptions,
  optionNames,
} from './model-options.ts';
import type { Network } from './network.ts';
import { objectiveOf } from './objective.ts';
import { restoreWeights } from './restoring.ts';
import { type OptimizerState, Session, type Training } from './session.ts';
import type { ClassWeight } from './targets.ts';

/** What `compile` was told, with its defaults. */
export type Compiled = CompileOptions & { readonly optimizer: Optimizer; readonly seed: number };

/** Trains, tests and runs a model: what `compile` said, the session, and the optimizer's state between sessions. */
export class Trainer {
  readonly #model: Model;
  readonly #options: OptionsOf<typeof modelOptions>;
  /** For a model whose shapes follow from its data. */
  readonly #buildFor: (inputs: Fed) => void;
  #session: { network: Network; open: Promise<Session> } | undefined;
  #compiled: Compiled | undefined;
  #training: { network: Network; training: Training } | undefined;
  /** What a callback has set instead of the optimizer's own. */
  #learningRate: number | undefined;
  #iterations = 0;
  /** Slots that the next session begins with; absent while a session has them. */
  #slots: OptimizerState['slots'] | undefined = {};
  stopTraining = false;

  constructor(model: Model, options: OptionsOf<typeof modelOptions>, buildFor: (inputs: Fed) => void) {
    this.#model = model;
    this.#options = options;
    this.#buildFor = buildFor;
  }

  get compiled(): Compiled | undefined {
    return this.#compiled;
  }

  compile(options: CompileOptions): void {
    const where = `model '${this.#model.name}': compile`;
    resolveOptions({}, options, where, optionNames.compile);
    const { optimizer = 'rmsprop', seed = 0, resume = false } = options;
    if (seedKind.check(seed) === undefined)
      throw new UsageError(`${where}: seed must be ${seedKind.expected}, got ${seed}`);
    const before = this.#compiled?.optimizer;
    const compiled = { ...options, optimizer: optimizerOf(optimizer), seed };
    if (this.#model.isBuilt) objectiveOf(compiled, this.#outputNames()); // refuses at once what it can
    if (!resume) this.setOptimizerState({ iterations: 0, slots: {} });
    else this.#refuseOtherSlots(compiled.optimizer, before, where);
    this.#compiled = compiled;
    this.#training = undefined;
    this.#learningRate = undefined;
    if (this.#model.isBuilt) this.#model.initialize(seed);
  }

  get learningRate(): number {
    const { optimizer } = this.#wanted('learningRate');
    return this.#learningRate ?? learningRateAt(optimizer, this.#iterations + 1);
  }

  set learningRate(rate: number) {
    const { optimizer } = this.#wanted('learningRate');
    if (typeof optimizer.config.learningRate !== 'number')
      throw new UsageError(
        `model '${this.#model.name}': the learning rate follows a schedule and cannot be set; give the optimizer a number`,
      );
    if (!(rate >= 0 && rate < Infinity))
      throw new UsageError(
        `model '${this.#model.name}': learningRate must be a number from 0 on, got ${rate}`,
      );
    this.#learningRate = rate;
  }

  /** On examples in memory. Frozen layers' outputs are kept while it runs. */
  async fitArrays(given: Arrays, options: Omit<FitArraysOptions, 'sampleWeight'>): Promise<History> {
    const { batchSize = 32, shuffle = true, validationSplit, ...rest } = options;
    const where = `model '${this.#model.name}': fit`;
    if (validationSplit !== undefined && rest.validationData)
      throw new UsageError(`${where}: give validationSplit or validationData, not both`);
    const { training, validation } =
      validationSplit === undefined
        ? { training: given, validation: rest.validationData }
        : splitArrays(given, validationSplit);
    const keys = ownKeys();
    const seed = this.#compiled?.seed ?? 0;
    const data = arrayBatches(training, { batchSize, shuffle, seed, keys });
    try {
      return await this.fit(data, { ...rest, ...(validation && { validationData: validation }) }, batchSize);
    } finally {
      await this.#forget(keys);
    }
  }

  async fit(data: Dataset<Batch>, options: FitOptions, validationBatchSize = 32): Promise<History> {
    const where = `model '${this.#model.name}': fit`;
    const { epochs = 1, initialEpoch = 0, stepsPerEpoch, validationSteps, signal, classWeight } = options;
    for (const [name, value, least] of [
      ['epochs', epochs, 0],
      ['initialEpoch', initialEpoch, 0],
      ['stepsPerEpoch', stepsPerEpoch, 1],
      ['validationSteps', validationSteps, 1],
    ] as const) {
      if (value !== undefined && !(Number.isSafeInteger(value) && value >= least))
        throw new UsageError(`${where}: ${name} must be a whole number from ${least} on, got ${value}`);
    }
    this.#wanted('fit');
    await this.#buildFrom(data);
    const training = this.#trainingNow();
    if (this.#model.trainableWeights.length === 0)
      throw new UsageError(`model '${this.#model.name}': no layer is trainable`);
    const keys = ownKeys();
    const validation = this.#validation(options, validationBatchSize, keys);
    const history = new History();
    const shown = options.verbose ? [new ProgbarLogger()] : [];
    const callbacks: Callback[] = [history, ...(options.callbacks ?? []), ...shown];
    for (const callback of callbacks) callback.setModel?.(this.#model);
    this.stopTraining = false;
    const keeper = keeperOf(callbacks, where);
    try {
      const from = await keeper?.restore();
      const session = await this.#ready(from?.model);
      try {
        await runTraining(session.trainable(training, this.#clock(), { classWeight }), {
          epochs,
          initialEpoch,
          stepsPerEpoch,
          steps: data.cardinality,
          batches: keeper ? placedStreams(data, options.exactResume ?? false) : (pass) => data.iterate(pass),
          from,
          validation,
          callbacks,
          hooks: options.hooks ?? [],
          keeper,
          control: this,
          signal,
        });
      } finally {
        await session.download();
        await this.#forget(keys);
      }
    } finally {
      await keeper?.release();
    }
    history.interrupted = signal?.aborted ?? false;
    return history;
  }

  async evaluate(
    data: Dataset<Batch>,
    { steps, callbacks = [], hooks = [], signal }: EvaluateOptions,
  ): Promise<Logs> {
    this.#wanted('evaluate');
    await this.#buildFrom(data);
    const training = this.#trainingNow();
    const session = await this.#ready();
    for (const callback of callbacks) callback.setModel?.(this.#model);
    return runTest(session.trainable(training, this.#clock()), data.iterate(0), {
      steps,
      callbacks,
      hooks,
      globalStep: this.#iterations,
      signal,
    });
  }

  /** One step, or one test, on one batch. */
  async onBatch(what: 'trainStep' | 'testStep', batch: Batch, classWeight?: ClassWeight): Promise<Logs> {
    this.#wanted(what === 'trainStep' ? 'trainOnBatch' : 'testOnBatch');
    await this.#buildOn(batch);
    const training = this.#trainingNow();
    const session = await this.#ready();
    const trainable = session.trainable(training, this.#clock(), { classWeight });
    // Weights of classes that are given for a single test are meant for it.
    const prepared = await trainable.prepare(batch, 'train');
    if (what === 'testStep') return trainable.logsOf(await trainable.testStep(prepared));
    return trainable.logsOf((await trainable.trainStep(prepared, [])).sums);
  }

  /** One result for each batch; the next batch is made ready while one is computed. */
  async *each<T extends Tensor | readonly Tensor[]>(
    batches: AsyncIterable<Examples>,
    compute: (session: Session, batch: Examples) => Promise<T>,
    { onProgress, signal }: FeatureOptions,
    callbacks: readonly Callback[] = [],
  ): AsyncGenerator<T> {
    const computed = async (batch: Examples) => compute(await this.sessionFor(batch), batch);
    let examples = 0;
    let batch = 0;
    for (const callback of callbacks) callback.setModel?.(this.#model);
    for (const callback of callbacks) await callback.onPredictBegin?.({});
    for await (const part of mapElements(batches, computed, 2)) {
      for (const callback of callbacks) await callback.onPredictBatchBegin?.(batch, {});
      examples += (Array.isArray(part) ? part[0] : part).shape[0]!;
      onProgress?.(examples);
      signal?.throwIfAborted();
      for (const callback of callbacks) await callback.onPredictBatchEnd?.(batch, {});
      batch++;
      yield part;
    }
    if (batch === 0) throw new ComputeError('the data set gave no batch to predict from');
    for (const callback of callbacks) await callback.onPredictEnd?.({});
  }

  async sessionFor(batch: Examples): Promise<Session> {
    await this.#buildOn(batch);
    this.#model.initialize(this.#compiled?.seed);
    const session = await this.#open();
    await session.settle();
    return session;
  }

  async optimizerState(): Promise<OptimizerState> {
    const slots = this.#slots ?? (await (await this.#open()).slots());
    return { iterations: this.#iterations, slots };
  }

  setOptimizerState({ iterations, slots }: OptimizerState): void {
    this.#iterations = iterations;
    this.#slots = slots;
  }

  /** While training runs, the device has the weights. */
  async download(): Promise<void> {
    await (await this.#session?.open)?.download();
  }

  async dispose(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await this.#close(session);
  }

  #clock() {
    const { optimizer } = this.#wanted('fit');
    return {
      next: () => {
        const step = this.#iterations + 1;
        return { step, learningRate: this.#learningRate ?? learningRateAt(optimizer, step) };
      },
      made: () => {
        this.#iterations++;
      },
      values: () => ({ iterations: this.#iterations, learningRate: this.#learningRate ?? null }),
    };
  }

  /**
   * Takes up an earlier training of this model.
   *
   * @throws {DataError} names the weight that is missing, unknown or of another shape
   */
  async #goOnFrom({ values, tensors }: ModelCapture, session: Session): Promise<void> {
    const { iterations, learningRate, draws } = values;
    const slots = restoreWeights(this.#model, await tensors());
    this.setOptimizerState({ iterations: iterations!, slots });
    this.#learningRate = learningRate ?? undefined;
    session.startDraws(draws ?? 0);
  }

  /** Lets go of what was kept of examples under such keys. */
  async #forget(keys: string): Promise<void> {
    (await this.#session?.open)?.features.forget(keys);
  }

  #validation(options: FitOptions, batchSize: number, keys: string) {
    const { validationData, validationSteps, validationFreq, validationBatchSize = batchSize } = options;
    if (!validationData) return undefined;
    const data =
      validationData instanceof Dataset
        ? batchesOf(validationData, `model '${this.#model.name}': validationData`)
        : arrayBatches(validationData, { batchSize: validationBatchSize, keys });
    return { batches: () => data.iterate(0), steps: validationSteps, frequency: validationFreq };
  }

  #wanted(what: string): Compiled {
    if (!this.#compiled) throw new UsageError(`model '${this.#model.name}': call compile before ${what}`);
    return this.#compiled;
  }

  /** What is trained by, at the present shapes. */
  #trainingNow(): Training {
    const { network } = this.#model;
    const { optimizer, seed, ...objective } = this.#compiled!;
    if (this.#training?.network !== network) {
      const objectives = objectiveOf(objective, this.#outputNames());
      this.#training = { network, training: { objectives, optimizer, seed } };
    }
    return this.#training.training;
  }

  #outputNames(): string[] {
    return this.#model.outputs.map(({ layer }) => layer.name);
  }

  /** A session with weights, and with the optimizer's state; those of an earlier training, where it is given. */
  async #ready(from?: ModelCapture): Promise<Session> {
    this.#model.initialize(this.#compiled?.seed);
    const session = await this.#open();
    await session.settle();
    if (from) await this.#goOnFrom(from, session);
    if (this.#slots) session.startSlots(this.#slots);
    this.#slots = undefined;
    return session;
  }

  /** Shows the first batch to a model whose shapes follow from its data. */
  async #buildFrom(data: Dataset<Examples>): Promise<void> {
    if (this.#model.isBuilt) return;
    for await (const batch of data.iterate(0)) return this.#buildOn(batch);
  }

  async #buildOn({ inputs }: Examples): Promise<void> {
    if (!this.#model.isBuilt) this.#buildFor(typeof inputs === 'function' ? await inputs() : inputs);
  }

  #refuseOtherSlots(optimizer: Optimizer, before: Optimizer | undefined, where: string): void {
    const kept = this.#slots ? slotNamesOf(this.#slots) : before ? this.#slotNames(before) : [];
    if (kept.length > 0 && kept.join() !== this.#slotNames(optimizer).join()) {
      throw new UsageError(
        `${where}: ${optimizer.className} cannot resume, as the optimizer before it kept ${kept.join(', ')}; leave resume out`,
      );
    }
    for (const [weight, name] of this.#model.network.weightNames) {
      for (const slot of optimizer.slots({ name, shape: weight.shape })) {
        const { shape } = this.#slots?.[`${name}/${slot.name}`] ?? slot;
        if (sameShape(shape, slot.shape)) continue;
        throw new UsageError(
          `${where}: ${optimizer.className} cannot resume: '${name}/${slot.name}' is ${formatShape(shape)}, and should be ${formatShape(slot.shape)}`,
        );
      }
    }
  }

  /** What an optimizer keeps beside weights, sorted. */
  #slotNames(optimizer: Optimizer): string[] {
    const { trainableWeights, network } = this.#model;
    const slots = trainableWeights.flatMap((weight) =>
      optimizer.slots({ name: network.weightNames.get(weight)!, shape: weight.shape }),
    );
    return [...new Set(slots.map(({ name }) => name))].sort();
  }

  async #open(): Promise<Session> {
    const { threads, featureLimit } = this.#options;
    const { network } = this.#model;
    const known = this.#session;
    if (known?.network === network) return known.open;
    const open = Session.open(network, threads, featureLimit);
    this.#session = { network, open }; // before anything is awaited: two who ask at once get the same
    await this.#close(known);
    return open;
  }

  /** What the optimizer kept on the device goes with it. */
  async #close(session: { open: Promise<Session> } | undefined): Promise<void> {
    if (!this.#slots) this.setOptimizerState({ iterations: 0, slots: {} });
    await (await session?.open)?.close();
  }
}

/** Who keeps the training. */
function keeperOf(callbacks: readonly Callback[], where: string): Keeper | undefined {
  const keepers = callbacks.flatMap(({ keeper }) => keeper ?? []);
  if (keepers.length <= 1) return keepers[0];
  throw new UsageError(`${where}: ${keepers.length} callbacks would keep the training; give one of them`);
}

/**
 * The passes over the data, which tell their places.
 *
 * @param exact whether data that cannot tell is refused, or only warned of
 */
function placedStreams(data: Dataset<Batch>, exact: boolean): OpenStream {
  let isWarned = false;
  return (pass, state) => {
    const iterator = data.iterator(state ? { state } : { epoch: pass });
    const placeNow = () => {
      try {
        return iterator.save();
      } catch (error) {
        if (exact || !(error instanceof UsageError)) throw error;
        if (!isWarned)
          process.emitWarning(
            `a training that is taken up again will read other batches than this one: ${error.message}`,
          );
        isWarned = true;
        return null;
      }
    };
    return Object.assign(iterator, { placeNow });
  };
}

function slotNamesOf(slots: OptimizerState['slots']): string[] {
  return [...new Set(Object.keys(slots).map((name) => name.slice(name.lastIndexOf('/') + 1)))].sort();
}
