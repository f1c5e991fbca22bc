import { DataError } from '../core/errors.ts';
import { deriveKey } from '../core/random.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import { elementCount, scalar, type Tensor, tensor } from '../core/tensor.ts';
import type { Layer, Weight } from '../layers/layer.ts';
import { averageSlot, type Optimizer, type Slot, usesAveragesAtEnd } from '../optimizers/optimizer.ts';
import { Device } from '../runtime/device.ts';
import type { ModelCapture } from '../training/state.ts';
import type { Batch, Examples, Purpose, StepResult, Sums, Trainable } from '../training/trainable.ts';
import { type Cut, cut } from './cut.ts';
import { Features } from './features.ts';
import { type LogReader, logReader } from './measure.ts';
import type { Network } from './network.ts';
import { lossLogs, type OutputObjective } from './objective.ts';
import { type Compiled, ProgramCache } from './program-cache.ts';
import { names, predictionStep, type Step, testStep, trainingStep } from './step.ts';
import { featureName, type RandomKey } from './tail.ts';
import { type ClassWeight, type Targets, targetsOf } from './targets.ts';
import { asFloat32, versionOf } from './weights.ts';

/** A batch whose frozen part is computed. */
export interface Prepared extends Targets {
  readonly features: Readonly<Record<string, Tensor>>;
  readonly recycle: ((buffer: ArrayBuffer) => void) | undefined;
}

/** What an optimizer keeps from step to step. */
export interface OptimizerState {
  /** Steps so far. */
  readonly iterations: number;
  /** `dense/kernel/m`, of the weight's shape. */
  readonly slots: Readonly<Record<string, Tensor>>;
}

/** What `compile` said. */
export interface Training {
  readonly objectives: readonly OutputObjective[];
  readonly optimizer: Optimizer;
  readonly seed: number;
}

/** What a training counts by. */
export interface Clock {
  /** The number of the next step, from 1 on, and its learning rate. */
  next(): { readonly step: number; readonly learningRate: number };
  /** The next step has been made. */
  made(): void;
  /** What a training goes on from. */
  values(): ModelCapture['values'];
}

/** A compiled step for targets of one kind. */
interface Ready extends Compiled<Step> {
  readonly read: LogReader;
  /** Outputs that are told of each step: loss and the sums of metrics. */
  readonly told: readonly string[];
  /** Weights that the graph holds as constants, and their values in it. */
  readonly frozen: ReadonlyMap<Weight, Tensor | undefined>;
}

/** What a training is told beside its objectives. */
export interface TrainingOptions {
  /** Counts in training alone. */
  readonly classWeight?: ClassWeight | undefined;
}

/**
 * A model on a device: programs, what the device holds of the weights, and the features that are kept. The weights of
 * layers are the truth, but while training runs the device's are, until `download`.
 */
export class Session {
  readonly features: Features;
  readonly #device: Device;
  readonly #network: Network;
  readonly #programs: ProgramCache;
  readonly #uploaded = new Map<Weight, Tensor>();
  /** Those that have been trained since they were brought back last. */
  readonly #changed = new Set<Weight>();
  /** On the device, and those that it is given when they are first needed. */
  readonly #slots = new Set<string>();
  #initialSlots: OptimizerState['slots'] = {};
  /** Steps whose slots are all on the device. */
  #equipped = new WeakSet<Step>();
  #downloading: Promise<void> = Promise.resolve();
  /** Predictions with layers that are random in inference too. */
  #draws = 0;

  constructor(device: Device, network: Network, featureLimit: number) {
    this.#device = device;
    this.#network = network;
    this.#programs = new ProgramCache(device);
    this.features = new Features(device, network, featureLimit);
  }

  static async open(network: Network, threads: number | undefined, featureLimit: number): Promise<Session> {
    return new Session(await Device.open(threads === undefined ? {} : { threads }), network, featureLimit);
  }

  close(): Promise<void> {
    return this.#device.close();
  }

  /** Training and testing at the present `trainable` flags, for the training loop. */
  trainable(training: Training, clock: Clock, { classWeight }: TrainingOptions = {}): Trainable<Prepared> {
    const { objectives, optimizer, seed } = training;
    const where = cut(this.#network);
    const featureNames = where.frontier.map(featureName);
    const scalarFeeds = optimizer.scalarNames.map((name) => [name, names.scalar(name)] as const);
    const means = new Set(lossLogs(objectives));
    const ready = new Map<string, Ready>();
    const stepFor = async (purpose: Purpose, batch: Prepared): Promise<Ready> => {
      const kind = [purpose, batch.kind, ...(purpose === 'train' ? declared : [])].join(' ');
      const known = ready.get(kind);
      if (known && isCurrent(known)) return known;
      const made = await make(purpose, kind, batch.specs);
      ready.set(kind, made);
      return made;
    };
    let declared: readonly string[] = [];
    const make = async (purpose: Purpose, kind: string, targets: Prepared['specs']): Promise<Ready> => {
      const measures = { objectives, targets };
      const compiled = await this.#program(training, kind, where, () =>
        purpose === 'train'
          ? trainingStep(this.#network, where, measures, optimizer, declared)
          : testStep(this.#network, where, measures),
      );
      const told = Object.keys(compiled.spec.outputs).filter(
        (name) => purpose === 'test' || !declared.includes(name),
      );
      const shapes = this.#network.outputs.map(({ shape }) => shape);
      const frozen = new Map(frozenWeights(where).map((weight) => [weight, weight.value]));
      return { ...compiled, told, frozen, read: logReader(objectives, targets, shapes) };
    };
    let read: LogReader | undefined;
    const run = async (
      step: Ready,
      batch: Prepared,
      own: Record<string, Tensor>,
      fetches: readonly string[],
    ) => {
      read = step.read;
      const { features, recycle } = batch;
      const results = await step.program.run(
        { ...features, ...batch.feeds, ...own },
        {
          transfer: featureNames,
          outputs: [...step.told, ...fetches],
          ...(recycle && { recycle }),
        },
      );
      const of = (names: readonly string[]) =>
        Object.fromEntries(names.map((name) => [name, results[name]!] as const));
      return { sums: sumsOf(of(step.told), means, batch.examples), fetched: of(fetches) };
    };
    const trainStep = async (batch: Prepared, fetches: readonly string[]): Promise<StepResult> => {
      const step = await stepFor('train', batch);
      await this.#upload(step.spec, optimizer);
      for (const weight of step.spec.changed) this.#changed.add(weight);
      const { step: number, learningRate } = clock.next();
      const scalars = optimizer.scalars(learningRate, number);
      const own: Record<string, Tensor> = {};
      for (const [name, feed] of scalarFeeds) own[feed] = scalar(scalars[name]!);
      for (const key of step.spec.randomKeys) own[key.name] = keyOf(key, seed, number);
      const result = await run(step, batch, own, [...new Set(fetches)]);
      clock.made();
      return { ...result, learningRate };
    };
    const measure = async (batch: Prepared): Promise<Sums> => {
      const step = await stepFor('test', batch);
      await this.#upload(step.spec);
      const own: Record<string, Tensor> = {};
      this.#draw(step.spec, own);
      return (await run(step, batch, own, [])).sums;
    };
    const { weightNames } = this.#network;
    return {
      trainableWeights: [...this.#trainableWeights()].map((weight) => weightNames.get(weight)!),
      prepare: (batch, purpose) =>
        this.#prepare(batch, where, objectives, purpose === 'train' ? classWeight : undefined),
      declare: (fetches) => {
        declared = fetches;
      },
      trainStep,
      testStep: measure,
      logsOf: (sums) => read!(sums),
      capture: () => this.#capture(where, optimizer, clock.values()),
      endTraining: () => this.#takeAverages(optimizer),
    };
  }

  /** In the order of the model's outputs. */
  async predict(batch: Examples): Promise<Tensor[]> {
    const where = cut(this.#network);
    const features = await this.features.of(batch, where.frontier);
    if (where.tail.size === 0)
      return this.#network.outputs.map((output) => features[where.frontier.indexOf(output)]!);
    const { spec, program } = await this.#program(this, 'predict', where, () =>
      predictionStep(this.#network, where),
    );
    await this.#upload(spec);
    const feeds = byName(where, features);
    this.#draw(spec, feeds);
    const results = await program.run(feeds);
    return this.#network.outputs.map((_, i) => results[names.output(i)]!);
  }

  /** Brings trained weights back to their layers, but for those that were given other values meanwhile. */
  download(): Promise<void> {
    this.#downloading = this.#downloading.then(async () => {
      for (const weight of [...this.#changed]) {
        this.#changed.delete(weight);
        await this.#bring(weight, this.#network.weightNames.get(weight)!);
      }
    });
    return this.#downloading;
  }

  /** Brings weights back that are frozen now, and were trained before: graphs hold them as constants. */
  async settle(): Promise<void> {
    if (this.#changed.size === 0) return;
    const { weights } = cut(this.#network);
    if ([...this.#changed].some((weight) => !weights.has(weight))) await this.download();
    else await this.#downloading;
  }

  /** Where the optimizer keeps moving averages, they take the weights' place when training ends. */
  async #takeAverages(optimizer: Optimizer): Promise<void> {
    if (!usesAveragesAtEnd(optimizer)) return;
    for (const weight of this.#trainableWeights()) {
      const slot = names.slot(this.#network.weightNames.get(weight)!, averageSlot);
      if (this.#slots.has(slot)) await this.#bring(weight, slot, false);
      // One that was taken up at its end has made no step, and the device has no averages.
      else if (this.#initialSlots[slot]) weight.value = this.#initialSlots[slot];
    }
  }

  async #bring(weight: Weight, name: string, isUploaded = true): Promise<void> {
    const { [name]: value } = await this.#device.getState([name]);
    if (this.#uploaded.get(weight) !== weight.value) return;
    weight.value = value!;
    if (isUploaded) this.#uploaded.set(weight, value!);
  }

  #trainableWeights(): Set<Weight> {
    return new Set(this.#network.nodes.flatMap(({ layer }) => layer.trainableWeights));
  }

  /** Goes on as if so many predictions had been made: each draws its own numbers. */
  startDraws(draws: number): void {
    this.#draws = draws;
  }

  /** Starts the optimizer from these; those that are not there begin anew. */
  startSlots(slots: OptimizerState['slots']): void {
    this.#slots.clear();
    this.#equipped = new WeakSet();
    this.#initialSlots = slots;
  }

  /** What training changes, and what the optimizer keeps, by their names on the device. */
  async #capture(
    { weights }: Cut,
    optimizer: Optimizer,
    values: ModelCapture['values'],
  ): Promise<ModelCapture> {
    const trainable = this.#trainableWeights();
    const here: Record<string, Tensor> = {};
    const there: string[] = [];
    for (const weight of weights) {
      const name = this.#network.weightNames.get(weight)!;
      if (this.#uploaded.has(weight) && this.#uploaded.get(weight) === weight.value) there.push(name);
      else here[name] = asFloat32(weight.value!);
      if (!trainable.has(weight)) continue;
      for (const slot of optimizer.slots({ name, shape: weight.shape })) {
        const key = names.slot(name, slot.name);
        if (this.#slots.has(key)) there.push(key);
        else here[key] = beginning(slot, key, weight, this.#initialSlots);
      }
    }
    const collect = await this.#device.mark(there);
    return {
      values: { ...values, draws: this.#draws },
      tensors: async () => ({ ...here, ...(await collect()) }),
    };
  }

  async slots(): Promise<Record<string, Tensor>> {
    return { ...this.#initialSlots, ...(await this.#device.getState([...this.#slots])) };
  }

  async #prepare(
    batch: Batch,
    where: Cut,
    objectives: readonly OutputObjective[],
    classWeight?: ClassWeight,
  ): Promise<Prepared> {
    const features = byName(where, await this.features.of(batch, where.frontier));
    const [first] = Object.values(features);
    return {
      features,
      recycle: batch.recycle,
      ...targetsOf(batch, objectives, first!.shape[0]!, classWeight),
    };
  }

  /** The program of one purpose at this cut, compiled when it is first needed. */
  #program(owner: object, purpose: string, where: Cut, describe: () => Step): Promise<Compiled<Step>> {
    const { weightNames } = this.#network;
    const trained = tailLayers(where).flatMap(({ trainableWeights }) =>
      trainableWeights.map((weight) => weightNames.get(weight)),
    );
    const places = where.frontier.map(({ id }) => id);
    const version = [ownerId(owner), places, trained, versionOf(frozenWeights(where))].join(' ');
    return this.#programs.get(purpose, version, describe);
  }

  /** Gives the device what it does not have yet: changed weights, new slots. One at a time, so that nothing blocks long. */
  async #upload(step: Step, optimizer?: Optimizer): Promise<void> {
    const { weightNames } = this.#network;
    for (const weight of step.weights) {
      if (this.#uploaded.get(weight) === weight.value) continue;
      await this.#device.setState({ [weightNames.get(weight)!]: asFloat32(weight.value!) });
      this.#uploaded.set(weight, weight.value!);
    }
    if (!optimizer || this.#equipped.has(step)) return;
    for (const weight of step.optimized) {
      const name = weightNames.get(weight)!;
      for (const slot of optimizer.slots({ name, shape: weight.shape })) {
        const key = names.slot(name, slot.name);
        if (this.#slots.has(key)) continue;
        await this.#device.setState({ [key]: beginning(slot, key, weight, this.#initialSlots) });
        this.#slots.add(key);
      }
    }
    this.#equipped.add(step);
  }

  /** Keys for layers that are random in inference too: another one at each call. */
  #draw({ randomKeys }: Step, feeds: Record<string, Tensor>): void {
    if (randomKeys.length > 0) this.#draws++;
    for (const key of randomKeys) feeds[key.name] = keyOf(key, inferenceSeed, this.#draws);
  }
}

/** Of draws in inference. */
const inferenceSeed = 0;

/** What a slot holds at first: what was kept, or what the optimizer says. */
function beginning(
  { initial, shape }: Slot,
  name: string,
  weight: Weight,
  kept: OptimizerState['slots'],
): Tensor {
  const saved = kept[name];
  if (saved && !sameShape(saved.shape, shape))
    throw new DataError(
      `the optimizer’s state has '${name}' of the shape ${formatShape(saved.shape)}, and needs ${formatShape(shape)}`,
    );
  if (saved) return saved;
  if (initial === 'weight') return asFloat32(weight.value!);
  return tensor('float32', shape, new Float32Array(elementCount(shape)).fill(initial));
}

const owners = new WeakMap<object, number>();
let lastOwner = 0;

function ownerId(owner: object): number {
  if (!owners.has(owner)) owners.set(owner, ++lastOwner);
  return owners.get(owner)!;
}

function byName({ frontier }: Cut, features: readonly Tensor[]): Record<string, Tensor> {
  return Object.fromEntries(frontier.map((tensor, i) => [featureName(tensor), features[i]!]));
}

/** Of a layer with a seed of its own, the layer's name and the model's seed do not matter. */
function keyOf({ seed: own, path, call, index }: RandomKey, seed: number, step: number): Tensor<'uint32'> {
  const which = call === 0 && index === 0 ? [] : [call, index];
  const key =
    own === undefined
      ? deriveKey(seed, 'layer', path, step, ...which)
      : deriveKey(own, 'layer', step, ...which);
  return tensor('uint32', [2], Uint32Array.from(key));
}

/** Whether a step's graph holds the frozen weights as they are. */
function isCurrent({ frozen }: Ready): boolean {
  for (const [weight, value] of frozen) if (weight.value !== value) return false;
  return true;
}

function tailLayers({ tail }: Cut): Layer[] {
  return [...new Set([...tail].map(({ layer }) => layer))];
}

/** Weights of the tail that training leaves as they are. */
function frozenWeights(where: Cut): Weight[] {
  const all = new Set(tailLayers(where).flatMap(({ weights }) => weights));
  return [...all].filter((weight) => !where.weights.has(weight));
}

/** The results of a step as sums: what is a mean over the batch counts by its examples. */
function sumsOf(
  results: Readonly<Record<string, Tensor>>,
  means: ReadonlySet<string>,
  examples: number,
): Sums {
  const totals: Record<string, Float64Array> = {};
  for (const name in results) {
    const sum = new Float64Array(results[name]!.data as Float32Array);
    if (means.has(name)) sum[0]! *= examples;
    totals[name] = sum;
  }
  return { examples, totals };
}
