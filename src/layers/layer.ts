import type { DType } from '../core/dtype.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { formatShape, type Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { Value, ValueSpec } from '../graph/value.ts';
import type { InitializerName } from '../initializers/initializers.ts';
import type { Regularizer } from '../regularizers/regularizers.ts';

/** A variable of a layer. Its values live here, or on a device while a model trains. */
export interface Weight {
  /** `layer/kernel` */
  readonly path: string;
  readonly shape: readonly number[];
  readonly initializer: InitializerName;
  /** False for what training never changes, such as the statistics of a normalization. */
  readonly trainable: boolean;
  /** Its penalty is added to the loss from the next `compile` on. */
  regularizer: Regularizer | undefined;
  /** float32, or float16 as it was read; absent until it is initialized or loaded. */
  value: Tensor | undefined;
}

/** What a layer's computation depends on beside its inputs. */
export interface CallContext {
  /** Dropout drops, and so on. */
  readonly training: boolean;
  /** The value of a weight, float32. */
  read(weight: Weight): Value;
  /** A key for random numbers that is another one at each step, uint32 [2]. */
  randomKey(layer: Layer): Value;
}

/** The output of a layer while a model is described: a shape, and where it comes from. */
export interface SymbolicTensor {
  /** Grows in order of creation. */
  readonly id: number;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
}

export interface LayerConfig {
  /** Unique within a model. Default: the class and a number, `dense_1`. */
  readonly name?: string | undefined;
  /** Whether training changes the layer's weights. Default true. */
  readonly trainable?: boolean;
}

let lastId = 0;

export function symbolicTensor(
  layer: Layer,
  { shape, dtype }: ValueSpec,
  inputs: readonly SymbolicTensor[],
): SymbolicTensor {
  return { id: ++lastId, shape, dtype, layer, inputs };
}

const counts = new Map<string, number>();

/** `Conv2D` → `conv2d`, `conv2d_1`, … as Keras names layers. */
function automaticName(className: string): string {
  const base = className.replace(/([a-z0-9])([A-Z][a-z])/g, '$1_$2').toLowerCase();
  const count = counts.get(base) ?? 0;
  counts.set(base, count + 1);
  return count === 0 ? base : `${base}_${count}`;
}

/**
 * A layer: weights, and a forward function in terms of public operators, from which gradients follow.
 *
 * @example
 * const x = layers.input({ shape: [224, 224, 3] });
 * const y = layers.conv2d({ filters: 32, kernelSize: 3, activation: 'relu' }).apply(x);
 */
export abstract class Layer {
  abstract readonly className: string;
  readonly weights: Weight[] = [];
  trainable: boolean;
  readonly #givenName: string | undefined;
  #name: string | undefined;
  #built = false;

  constructor({ name, trainable = true }: LayerConfig) {
    if (name === '') throw new UsageError('a layer’s name must not be empty');
    this.#givenName = name;
    this.trainable = trainable;
  }

  get name(): string {
    this.#name ??= this.#givenName ?? automaticName(this.className);
    return this.#name;
  }

  /** Whether outputs differ from call to call for the same input while training. */
  get random(): boolean {
    return false;
  }

  /** Whether the layer takes several inputs. */
  protected get merges(): boolean {
    return false;
  }

  /** The weights that training changes at present. */
  get trainableWeights(): Weight[] {
    return this.trainable ? this.weights.filter((weight) => weight.trainable) : [];
  }

  /** The constructor's options, so that `layers[className](config)` makes the same layer. */
  abstract getConfig(): object;

  /** Declares weights, once the shapes of the inputs are known. */
  build(_inputs: readonly Shape[]): void {}

  /** The forward function. */
  abstract call(inputs: readonly Value[], context: CallContext): Value;

  /**
   * Connects the layer to outputs of others.
   *
   * @throws {ShapeError} names the layer, when the shapes do not fit
   * @throws {UsageError} for what is no layer's output, or several inputs of a layer that takes one
   */
  apply(inputs: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor {
    const list = Array.isArray(inputs) ? (inputs as SymbolicTensor[]) : [inputs as SymbolicTensor];
    if (list.length === 0 || !list.every((tensor) => tensor?.layer instanceof Layer)) {
      throw new UsageError(
        `layer '${this.name}': apply takes outputs of other layers, such as layers.input({ shape })`,
      );
    }
    if (list.length > 1 && !this.merges) {
      throw new UsageError(
        `layer '${this.name}': ${this.className} takes one input, got ${list.length}; put them together by layers.concatenate()`,
      );
    }
    try {
      if (!this.#built) this.build(list.map(({ shape }) => shape));
      this.#built = true;
      const placeholders = list.map(({ shape, dtype }, i) => input(`input${i}`, shape, dtype));
      const spec = this.call(placeholders, {
        training: true,
        read: (weight) => input(weight.path, weight.shape),
        randomKey: (layer) => input(`key/${layer.name}`, [2], 'uint32'),
      });
      return symbolicTensor(this, spec, list);
    } catch (error) {
      if (!(error instanceof ShapeError)) throw error;
      const shapes = list.map(({ shape }) => formatShape(shape)).join(', ');
      throw new ShapeError(`layer '${this.name}' (${this.className}) on ${shapes}: ${error.message}`, {
        cause: error,
      });
    }
  }

  /** For `build`: a weight of this layer. */
  protected addWeight(
    name: string,
    shape: readonly number[],
    initializer: InitializerName,
    options: { trainable?: boolean; regularizer?: Regularizer | undefined } = {},
  ): Weight {
    const { trainable = true, regularizer } = options;
    const weight: Weight = {
      path: `${this.name}/${name}`,
      shape,
      initializer,
      trainable,
      regularizer,
      value: undefined,
    };
    this.weights.push(weight);
    return weight;
  }

  protected baseConfig(): LayerConfig {
    return { name: this.name, trainable: this.trainable };
  }
}

/** The channels of an input, which must be known to build a layer. */
export function knownSize(shape: Shape | undefined, axis: number, what: string): number {
  const size = shape?.at(axis);
  if (typeof size !== 'number')
    throw new ShapeError(`${what} must be known, got ${formatShape(shape ?? [])}`);
  return size;
}
