import { deriveKey } from '../core/random.ts';
import { elementCount, scalar, type Tensor, tensor, zeros } from '../core/tensor.ts';
import type { Weight } from '../layers/layer.ts';
import { learningRateAt, type Optimizer } from '../optimizers/optimizers.ts';
import { Device, type Program } from '../runtime/device.ts';
import type { Batch, Examples, Sums, Trainable } from '../training/trainable.ts';
import { type Cut, cut } from './cut.ts';
import { Features } from './features.ts';
import type { Network } from './network.ts';
import { type Compiled, ProgramCache } from './program-cache.ts';
import { names, type Objective, predictionStep, type Step, testStep, trainingStep } from './step.ts';
import { featureName, type RandomKey } from './tail.ts';
import { asFloat32, versionOf } from './weights.ts';

/** A batch whose frozen part is computed. */
export interface Prepared {
  readonly features: Readonly<Record<string, Tensor>>;
  readonly recycle: ((buffer: ArrayBuffer) => void) | undefined;
  readonly targets: Tensor<'float32'>;
  readonly weights: Tensor<'float32'>;
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
  readonly objective: Objective;
  readonly optimizer: Optimizer;
  readonly seed: number;
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
  trainable(
    training: Training,
    nextStep: () => number,
    classWeight?: ArrayLike<number>,
  ): Trainable<Prepared> {
    const { objective, optimizer } = training;
    const where = cut(this.#network);
    return {
      prepare: (batch) => this.#prepare(batch, where, classWeight),
      trainStep: async (batch) => {
        const { spec, program } = await this.#program(training, 'train', where, () =>
          trainingStep(this.#network, where, objective, optimizer),
        );
        await this.#upload(spec, optimizer.slots);
        for (const weight of spec.changed) this.#changed.add(weight);
        const feeds = stepFeeds(training, spec, nextStep());
        return sumsOf(await this.#run(program, batch, feeds), batch);
      },
      testStep: async (batch) => {
        const { spec, program } = await this.#program(training, 'test', where, () =>
          testStep(this.#network, where, objective),
        );
        await this.#upload(spec);
        return sumsOf(await this.#run(program, batch), batch);
      },
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
    const results = await program.run(byName(where, features));
    return this.#network.outputs.map((_, i) => results[names.output(i)]!);
  }

  /** Brings trained weights back to their layers, but for those that were given other values meanwhile. */
  async download(): Promise<void> {
    for (const weight of [...this.#changed]) {
      this.#changed.delete(weight);
      const name = this.#network.weightNames.get(weight)!;
      const { [name]: value } = await this.#device.getState([name]);
      if (this.#uploaded.get(weight) !== weight.value) continue;
      weight.value = value!;
      this.#uploaded.set(weight, value!);
    }
  }

  /** Starts the optimizer from these; those that are not there begin at zero. */
  startSlots(slots: OptimizerState['slots']): void {
    this.#slots.clear();
    this.#initialSlots = slots;
  }

  async slots(): Promise<Record<string, Tensor>> {
    return { ...this.#initialSlots, ...(await this.#device.getState([...this.#slots])) };
  }

  async #prepare(batch: Batch, where: Cut, classWeight?: ArrayLike<number>): Promise<Prepared> {
    const features = byName(where, await this.features.of(batch, where.frontier));
    return {
      features,
      recycle: batch.recycle,
      targets: batch.targets,
      weights: exampleWeights(batch, classWeight),
    };
  }

  async #run(
    program: Program,
    { features, recycle, targets, weights }: Prepared,
    feeds: Record<string, Tensor> = {},
  ) {
    return program.run(
      { ...features, targets, weights, ...feeds },
      { transfer: Object.keys(features), ...(recycle && { recycle }) },
    );
  }

  /** The program of one purpose at this cut, compiled when it is first needed. */
  #program(owner: object, purpose: string, where: Cut, describe: () => Step): Promise<Compiled<Step>> {
    const names = this.#network.weightNames;
    const tail = [...new Set([...where.tail].map(({ layer }) => layer))];
    const trained = tail.flatMap((layer) => layer.trainableWeights.map((weight) => names.get(weight)));
    const frozen = tail.flatMap(({ weights }) => weights.filter((weight) => !where.weights.has(weight)));
    const places = where.frontier.map(({ id }) => id);
    return this.#programs.get(
      purpose,
      [ownerId(owner), places, trained, versionOf(frozen)].join(' '),
      describe,
    );
  }

  /** Gives the device what it does not have yet: changed weights, new slots. One at a time, so that nothing blocks long. */
  async #upload({ weights, optimized }: Step, slots: readonly string[] = []): Promise<void> {
    const { weightNames } = this.#network;
    for (const weight of weights) {
      if (this.#uploaded.get(weight) === weight.value) continue;
      await this.#device.setState({ [weightNames.get(weight)!]: asFloat32(weight.value!) });
      this.#uploaded.set(weight, weight.value!);
    }
    for (const weight of optimized) {
      for (const slot of slots) {
        const name = names.slot(weightNames.get(weight)!, slot);
        if (this.#slots.has(name)) continue;
        await this.#device.setState({ [name]: this.#initialSlots[name] ?? zeros('float32', weight.shape) });
        this.#slots.add(name);
      }
    }
  }
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

/** Rates and random keys of a step, counted from 1. */
function stepFeeds(
  { optimizer, seed }: Training,
  { randomKeys }: Step,
  step: number,
): Record<string, Tensor> {
  const scalars = Object.entries(optimizer.scalars(learningRateAt(optimizer, step), step));
  return Object.fromEntries([
    ...scalars.map(([name, value]) => [names.scalar(name), scalar(value)] as const),
    ...randomKeys.map((key) => [key.name, keyOf(key, seed, step)] as const),
  ]);
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

/** The weight of each example's loss: its own, times its class'. */
function exampleWeights({ targets, weights }: Batch, classWeight?: ArrayLike<number>): Tensor<'float32'> {
  const [examples = 0, ...inner] = targets.shape;
  const size = elementCount(inner);
  const values = weights ? Float32Array.from(weights.data) : new Float32Array(examples).fill(1);
  if (classWeight) {
    for (let i = 0; i < examples; i++) {
      const row = targets.data.subarray(i * size, (i + 1) * size);
      values[i]! *= classWeight[row.indexOf(Math.max(...row))] ?? 1;
    }
  }
  return tensor('float32', [examples], values);
}

function sumsOf(results: Readonly<Record<string, Tensor>>, { targets }: Prepared): Sums {
  const examples = targets.shape[0]!;
  const { loss, ...sums } = Object.fromEntries(
    Object.entries(results).map(([name, { data }]) => [name, Number(data[0])]),
  );
  return { examples, sums: { loss: loss! * examples, ...sums } };
}
