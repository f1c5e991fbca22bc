import { deriveKey } from '../core/random.ts';
import { elementCount, scalar, type Tensor, tensor, zeros } from '../core/tensor.ts';
import type { SymbolicTensor, Weight } from '../layers/layer.ts';
import { learningRateAt, type Optimizer } from '../optimizers/optimizers.ts';
import { Device, type Program } from '../runtime/device.ts';
import type { Batch, Sums, Trainable } from '../training/trainable.ts';
import { type Cut, cut } from './cut.ts';
import { Features } from './features.ts';
import { type Compiled, ProgramCache } from './program-cache.ts';
import { names, type Objective, predictionStep, type Step, testStep, trainingStep } from './step.ts';
import { asFloat32, versionOf } from './weights.ts';

/** A batch whose frozen part is computed. */
export interface Prepared {
  readonly features: Readonly<Record<string, Tensor>>;
  readonly recycle: ((buffer: ArrayBuffer) => void) | undefined;
  readonly targets: Tensor<'float32'>;
  readonly weights: Tensor<'float32'>;
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
  readonly #output: SymbolicTensor;
  readonly #programs: ProgramCache;
  readonly #uploaded = new Map<Weight, Tensor>();
  readonly #slots = new Set<string>();

  constructor(device: Device, output: SymbolicTensor, featureLimit: number) {
    this.#device = device;
    this.#output = output;
    this.#programs = new ProgramCache(device);
    this.features = new Features(device, featureLimit);
  }

  static async open(
    output: SymbolicTensor,
    threads: number | undefined,
    featureLimit: number,
  ): Promise<Session> {
    return new Session(await Device.open(threads === undefined ? {} : { threads }), output, featureLimit);
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
    const where = cut([this.#output]);
    return {
      prepare: (batch) => this.#prepare(batch, where, classWeight),
      trainStep: async (batch) => {
        const { spec, program } = await this.#program(training, 'train', where, () =>
          trainingStep(this.#output, where, objective, optimizer),
        );
        await this.#upload(spec.weights, optimizer.slots);
        const feeds = stepFeeds(training, spec, nextStep());
        return sumsOf(await this.#run(program, batch, feeds), batch);
      },
      testStep: async (batch) => {
        const { spec, program } = await this.#program(training, 'test', where, () =>
          testStep(this.#output, where, objective),
        );
        await this.#upload(spec.weights);
        return sumsOf(await this.#run(program, batch), batch);
      },
    };
  }

  async predict(batch: Batch): Promise<Tensor<'float32'>> {
    const where = cut([this.#output]);
    const features = await this.features.of(batch, where.frontier);
    if (where.tail.size === 0) return features[0] as Tensor<'float32'>;
    const { spec, program } = await this.#program(this, 'predict', where, () =>
      predictionStep(this.#output, where),
    );
    await this.#upload(spec.weights);
    const { predictions } = await program.run(byName(where, features));
    return predictions as Tensor<'float32'>;
  }

  /** Brings trained weights back to their layers. */
  async download(weights: readonly Weight[]): Promise<void> {
    for (const weight of weights) {
      if (!this.#uploaded.has(weight)) continue;
      const { [weight.path]: value } = await this.#device.getState([weight.path]);
      weight.value = value!;
      this.#uploaded.set(weight, value!);
    }
  }

  /** Starts the optimizer anew. */
  forgetSlots(): void {
    this.#slots.clear();
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
    const tail = [...where.tail].map(({ layer }) => layer);
    const trained = tail.flatMap((layer) => layer.trainableWeights.map(({ path }) => path));
    const frozen = tail.filter((layer) => layer.trainableWeights.length === 0);
    const places = where.frontier.map(({ id }) => id);
    return this.#programs.get(
      purpose,
      [ownerId(owner), places, trained, versionOf(frozen)].join(' '),
      describe,
    );
  }

  /** Gives the device what it does not have yet: changed weights, new slots. One at a time, so that nothing blocks long. */
  async #upload(weights: readonly Weight[], slots: readonly string[] = []): Promise<void> {
    for (const weight of weights) {
      if (this.#uploaded.get(weight) !== weight.value) {
        await this.#device.setState({ [weight.path]: asFloat32(weight.value!) });
        this.#uploaded.set(weight, weight.value!);
      }
      for (const slot of slots) {
        const name = names.slot(weight, slot);
        if (this.#slots.has(name)) continue;
        await this.#device.setState({ [name]: zeros('float32', weight.shape) });
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
  return Object.fromEntries(frontier.map((tensor, i) => [names.feature(tensor), features[i]!]));
}

/** Rates and random keys of a step, counted from 1. */
function stepFeeds(
  { optimizer, seed }: Training,
  { randomLayers }: Step,
  step: number,
): Record<string, Tensor> {
  const scalars = Object.entries(optimizer.scalars(learningRateAt(optimizer, step), step));
  return Object.fromEntries([
    ...scalars.map(([name, value]) => [names.scalar(name), scalar(value)] as const),
    ...randomLayers.map(
      (layer) =>
        [
          names.randomKey(layer),
          tensor('uint32', [2], Uint32Array.from(deriveKey(seed, 'layer', layer.name, step))),
        ] as const,
    ),
  ]);
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
