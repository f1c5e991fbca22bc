import { type Constraint, constraintKind } from '../constraints/constraints.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { asList } from '../core/lists.ts';
import { type ConfigOf, type OptionsOf, type OptionTable, resolveOptions } from '../core/options.ts';
import { formatShape, type Shape, sameShape } from '../core/shape.ts';
import { copyOf, elementCount, type Tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { type Initializer, initializerKind } from '../initializers/initializers.ts';
import { type Regularizer, regularizerKind } from '../regularizers/regularizers.ts';
import { Node, SymbolicTensor } from './symbolic.ts';

/** A variable of a layer. Its values live here, or on a device while a model trains. */
export interface Weight {
  /** Within its layer: `kernel` */
  readonly name: string;
  /** `layer/kernel` */
  readonly path: string;
  readonly shape: readonly number[];
  readonly initializer: Initializer;
  /** False for what gradients never change, such as the statistics of a normalization. */
  readonly trainable: boolean;
  /** Its penalty is added to the loss from the next `compile` on. */
  regularizer: Regularizer | undefined;
  /** What every update is brought back to. */
  readonly constraint: Constraint | undefined;
  /** float32, or float16 as it was read; absent until it is initialized or loaded. */
  value: Tensor | undefined;
}

/** What a layer's computation depends on beside its inputs. */
export interface CallContext {
  /** Dropout drops, and so on. */
  readonly training: boolean;
  /** The value of a weight, float32. */
  read(weight: Weight): Value;
  /** What a weight is after this step of training, such as a moving average. */
  update(weight: Weight, value: Value): void;
  /** A scalar that training adds to the loss. */
  addLoss(loss: Value): void;
  /** A key for random numbers, uint32 [2], another one at each step and for each call. */
  randomKey(seed?: number): Value;
}

export interface LayerConfig {
  /** Unique within a model. Default: the class and a number, `dense_1`. */
  readonly name?: string | undefined;
  /** Whether training changes the layer's weights. Default true. */
  readonly trainable?: boolean | undefined;
}

/** Options that every layer has. */
export const commonOptions = ['name', 'trainable'];

/** How a layer is called. */
export interface ApplyOptions {
  /** False: as in inference also while the model trains, so that no dropout drops and no statistics move. */
  readonly training?: boolean;
}

export interface WeightOptions {
  /** Default 'glorotUniform'. */
  readonly initializer?: Initializer;
  /** Default true. */
  readonly trainable?: boolean;
  readonly regularizer?: Regularizer | undefined;
  readonly constraint?: Constraint | undefined;
}

/** Layers within a layer: what a model is to the model that it stands in. */
export interface Nested {
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  readonly layers: readonly Layer[];
}

/** What `apply` takes: one output of a layer, or several. */
export type Inputs = SymbolicTensor | readonly SymbolicTensor[];

const counts = new Map<string, number>();

/** `Conv2D` → `conv2d`, `conv2d_1`, … as Keras names layers. */
function automaticName(className: string): string {
  const base = className
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase();
  const count = counts.get(base) ?? 0;
  counts.set(base, count + 1);
  return count === 0 ? base : `${base}_${count}`;
}

/**
 * Runs a function that builds a model, with names that begin anew: what is built twice has the same names twice. Layers
 * that others make meanwhile take part in it.
 */
export async function withFreshNames<T>(build: () => T | Promise<T>): Promise<T> {
  const before = new Map(counts);
  counts.clear();
  try {
    return await build();
  } finally {
    for (const [base, count] of before) counts.set(base, Math.max(count, counts.get(base) ?? 0));
  }
}

/**
 * A layer: weights, and a forward function in terms of public operators, from which gradients follow.
 * https://keras.io/api/layers/base_layer/
 *
 * A layer of one's own names its class and options, declares weights in `build`, and computes in `call`.
 *
 * @example
 * const options = { start: optional(finite, 1) };
 * class Scale extends Layer<typeof options> {
 *   static override readonly className: string = 'Scale';
 *   static override readonly options = options;
 *   #factor!: Weight;
 *   override build([shape]: readonly Shape[]) {
 *     const initializer = initializers.constant({ value: this.options.start });
 *     this.#factor = this.addWeight('factor', [knownSize(shape, -1, 'the channels')], { initializer });
 *   }
 *   call([x]: readonly [Value], { read }: CallContext) {
 *     return mul(x, read(this.#factor));
 *   }
 * }
 */
// biome-ignore lint/complexity/noBannedTypes: a layer without options of its own
export abstract class Layer<T extends OptionTable = {}> {
  /** As saved models name it. */
  static readonly className: string = 'Layer';
  /** The constructor's options, beside the name and `trainable`. */
  static readonly options: OptionTable = {};

  /** Every option, checked, defaults filled in. */
  readonly options: OptionsOf<T>;
  readonly name: string;
  /** The layer's calls, in their order. */
  readonly inboundNodes: Node[] = [];
  readonly #weights: Weight[] = [];
  #trainable: boolean;
  #built = false;

  /** @throws {UsageError} names the layer, and the option that is unknown, missing or wrong */
  constructor(config: ConfigOf<T> & LayerConfig) {
    const { className, options } = new.target as unknown as typeof Layer;
    const { name, trainable = true } = config;
    if (name !== undefined && (typeof name !== 'string' || name === ''))
      throw new UsageError(`a layer’s name must be a text that is not empty, got ${JSON.stringify(name)}`);
    if (typeof trainable !== 'boolean')
      throw new UsageError(`layer '${name ?? className}': trainable must be true or false, got ${trainable}`);
    const shown = name ?? className;
    this.options = resolveOptions(options, config, `layer '${shown}'`, commonOptions) as OptionsOf<T>;
    this.name = name ?? automaticName(className);
    this.#trainable = trainable;
  }

  get className(): string {
    return (this.constructor as typeof Layer).className;
  }

  /** Whether training changes the layer's weights, from the next `compile` or `fit` on. */
  get trainable(): boolean {
    return this.#trainable;
  }

  set trainable(trainable: boolean) {
    this.#trainable = trainable;
  }

  /** All of the layer's variables, those first that can be trained. */
  get weights(): Weight[] {
    return [
      ...this.#weights.filter(({ trainable }) => trainable),
      ...this.#weights.filter(({ trainable }) => !trainable),
    ];
  }

  /** The weights that gradients change at present. */
  get trainableWeights(): Weight[] {
    return this.trainable ? this.weights.filter(({ trainable }) => trainable) : [];
  }

  get nonTrainableWeights(): Weight[] {
    const changed = new Set(this.trainableWeights);
    return this.weights.filter((weight) => !changed.has(weight));
  }

  /**
   * The output of the layer's only call, where another model may begin or end.
   *
   * @throws {UsageError} when the layer was not called yet, or several times, or has several outputs
   * @example const middle = base.getLayer('block4_pool').output;
   */
  get output(): SymbolicTensor {
    const outputs = this.inboundNodes.flatMap((node) => node.outputs);
    if (outputs.length === 1) return outputs[0]!;
    throw new UsageError(
      `layer '${this.name}' has ${outputs.length} outputs of ${this.inboundNodes.length} calls: take one from inboundNodes`,
    );
  }

  /** Whether outputs differ from call to call for the same input while training. */
  get random(): boolean {
    return false;
  }

  /** Whether training changes weights beside what gradients do, such as moving averages. */
  get stateful(): boolean {
    return false;
  }

  /** The layers in this one, where it is a model. */
  get nested(): Nested | undefined {
    return undefined;
  }

  /** How many inputs the layer takes, least and most. */
  protected get inputCount(): readonly [least: number, most: number] {
    return [1, 1];
  }

  /** The constructor's options, so that `new` with them makes the same layer. */
  getConfig(): object {
    return { name: this.name, trainable: this.trainable, ...this.options };
  }

  /** Declares weights, once the shapes of the inputs are known. */
  build(_inputs: readonly Shape[]): void {}

  /** The forward function. */
  abstract call(inputs: readonly Value[], context: CallContext): Value | readonly Value[];

  /**
   * Connects the layer to outputs of others.
   *
   * @returns its output
   * @throws {ShapeError} names the layer, when the shapes do not fit
   * @throws {UsageError} for what is no layer's output, a wrong number of inputs, or a layer with several outputs
   */
  apply(inputs: Inputs, options: ApplyOptions = {}): SymbolicTensor {
    const outputs = this.applyAll(inputs, options);
    if (outputs.length === 1) return outputs[0]!;
    throw new UsageError(
      `layer '${this.name}' has ${outputs.length} outputs: take them from applyAll, which gives a list`,
    );
  }

  /** `apply` for a layer with any number of outputs. */
  applyAll(inputs: Inputs, { training }: ApplyOptions = {}): readonly SymbolicTensor[] {
    const list = asList(inputs);
    this.#checkInputs(list);
    try {
      this.buildOnce(list.map(({ shape }) => shape));
      const results = this.call(placeholders(list), shapesAlone(training ?? true));
      const node = new Node(this, list, asList(results), training);
      this.inboundNodes.push(node);
      return node.outputs;
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      const shapes = list.map(({ shape }) => formatShape(shape)).join(', ');
      throw new ShapeError(`layer '${this.name}' (${this.className}) on ${shapes}: ${error.message}`, {
        cause: error,
      });
    }
  }

  /** Declares the weights at the first call. */
  protected buildOnce(shapes: readonly Shape[]): void {
    if (this.#built) return;
    this.build(shapes);
    this.#built = true;
  }

  #checkInputs(list: readonly SymbolicTensor[]): void {
    if (list.length === 0 || !list.every((tensor) => tensor instanceof SymbolicTensor)) {
      throw new UsageError(
        `layer '${this.name}': apply takes outputs of other layers, such as layers.input({ shape })`,
      );
    }
    const [least, most] = this.inputCount;
    if (list.length < least || list.length > most) {
      const wanted =
        least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
      throw new UsageError(
        `layer '${this.name}': ${this.className} takes ${wanted === '1' ? 'one input' : `${wanted} inputs`}, got ${list.length}`,
      );
    }
  }

  /** Copies of the weights' values, in the order of `weights`. */
  getWeights(): Tensor[] {
    return this.weights.map(({ path, value }) => {
      if (!value) throw new UsageError(`weight '${path}' has no value yet; call initialize or compile first`);
      return copyOf(value);
    });
  }

  /**
   * Takes values in the order of `weights`.
   *
   * @throws {UsageError} when the count differs
   * @throws {ShapeError} names the weight whose shape differs
   */
  setWeights(values: readonly Tensor[]): void {
    const { weights } = this;
    if (values.length !== weights.length) {
      throw new UsageError(
        `layer '${this.name}': setWeights needs ${weights.length} tensors (${weights.map(({ path }) => path).join(', ')}), got ${values.length}`,
      );
    }
    weights.forEach(({ path, shape }, i) => {
      const { dtype, shape: given } = values[i]!;
      if (sameShape(shape, given) && (dtype === 'float32' || dtype === 'float16')) return;
      throw new ShapeError(
        `weight '${path}' is float32${formatShape(shape)}, got ${dtype}${formatShape(given)}`,
      );
    });
    weights.forEach((weight, i) => {
      weight.value = copyOf(values[i]!);
    });
  }

  countParams(): number {
    return this.weights.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  }

  /** For `build`: a weight of this layer. */
  protected addWeight(name: string, shape: readonly number[], options: WeightOptions = {}): Weight {
    const { initializer = 'glorotUniform', trainable = true, regularizer, constraint } = options;
    const weight: Weight = {
      name,
      path: `${this.name}/${name}`,
      shape,
      initializer: initializerKind.check(initializer)!,
      trainable,
      regularizer: regularizer && regularizerKind.check(regularizer),
      constraint: constraint && constraintKind.check(constraint),
      value: undefined,
    };
    this.#weights.push(weight);
    return weight;
  }
}

/** Values that stand for a layer's inputs. */
export function placeholders(inputs: readonly SymbolicTensor[]): Value[] {
  return inputs.map(({ shape, dtype }, i) => input(`input${i}`, shape, dtype));
}

/** For a call that is made for the shapes of its outputs alone: nothing is kept of it. */
export function shapesAlone(training: boolean): CallContext {
  let keys = 0;
  return {
    training,
    read: ({ path, shape }) => input(path, shape),
    update: () => {},
    addLoss: () => {},
    randomKey: () => input(`key${++keys}`, [2], 'uint32'),
  };
}

/** A size that must be known to build a layer, such as an input's channels. */
export function knownSize(shape: Shape | undefined, axis: number, what: string): number {
  const size = shape?.at(axis);
  if (typeof size !== 'number')
    throw new ShapeError(`${what} must be known, got ${formatShape(shape ?? [])}`);
  return size;
}
