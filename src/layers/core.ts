import { type Activation, activations, checkActivation } from '../activations/activations.ts';
import type { DType } from '../core/dtype.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { type Dim, type Shape, sizeOf } from '../core/shape.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { InitializerName } from '../initializers/initializers.ts';
import { add, div, log, maximum, sqrt, sub } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { concat, reshape } from '../ops/shaping.ts';
import { dropout } from '../ops/threefry.ts';
import type { Regularizer } from '../regularizers/regularizers.ts';
import {
  type CallContext,
  knownSize,
  Layer,
  type LayerConfig,
  type SymbolicTensor,
  symbolicTensor,
  type Weight,
} from './layer.ts';
import { Moments } from './moments.ts';

export interface InputConfig extends LayerConfig {
  /** Without the batch; symbols stand for sizes that vary. */
  readonly shape: Shape;
  /** Default 'float32'. */
  readonly dtype?: DType;
}

/** Where data enters a model. */
export class InputLayer extends Layer {
  readonly className = 'InputLayer';
  readonly #config: InputConfig;

  constructor(config: InputConfig) {
    super(config);
    this.#config = config;
    const { shape, dtype = 'float32' } = config;
    this.output = symbolicTensor(this, { shape: ['batch', ...shape], dtype }, []);
  }

  /** What is fed: [batch, …shape]. */
  readonly output: SymbolicTensor;

  call(): Value {
    throw new UsageError(`layer '${this.name}': data is fed to an input, it cannot be called`);
  }

  getConfig() {
    return { ...this.#config, ...this.baseConfig() };
  }
}

export interface DenseConfig extends LayerConfig {
  readonly units: number;
  /** Default 'linear'. */
  readonly activation?: Activation;
  /** Default true. */
  readonly useBias?: boolean;
  /** Default 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName;
  /** Default none. */
  readonly kernelRegularizer?: Regularizer;
}

/** activation(x · kernel + bias), [batch, …, channels] → [batch, …, units]. https://keras.io/api/layers/core_layers/dense/ */
export class Dense extends Layer {
  readonly className = 'Dense';
  readonly #config: DenseConfig;
  readonly #activation: Activation;
  #kernel: Weight | undefined;
  #bias: Weight | undefined;

  constructor(config: DenseConfig) {
    super(config);
    if (!Number.isInteger(config.units) || config.units < 1) {
      throw new UsageError(`layer '${this.name}': units must be a whole number above 0, got ${config.units}`);
    }
    this.#config = config;
    this.#activation = checkActivation(config.activation ?? 'linear', `layer '${this.name}'`);
  }

  override build([shape]: readonly Shape[]): void {
    const channels = knownSize(shape, -1, 'the last axis');
    const { units, useBias = true, kernelInitializer = 'glorotUniform', kernelRegularizer } = this.#config;
    this.#kernel = this.addWeight('kernel', [channels, units], kernelInitializer, {
      regularizer: kernelRegularizer,
    });
    if (useBias) this.#bias = this.addWeight('bias', [units], 'zeros');
  }

  call([x]: readonly [Value], { read }: CallContext): Value {
    const product = matMul(x, read(this.#kernel!));
    return activations[this.#activation](this.#bias ? add(product, read(this.#bias)) : product);
  }

  getConfig() {
    return { ...this.#config, ...this.baseConfig() };
  }
}

/** [batch, …] → [batch, size]. https://keras.io/api/layers/reshaping_layers/flatten/ */
export class Flatten extends Layer {
  readonly className = 'Flatten';

  call([x]: readonly [Value]): Value {
    return reshape(x, { shape: [x.shape[0] as Dim, sizeOf(x.shape.slice(1))] });
  }

  getConfig() {
    return this.baseConfig();
  }
}

export interface ActivationConfig extends LayerConfig {
  readonly activation: Activation;
}

/** A function of each element. https://keras.io/api/layers/core_layers/activation/ */
export class ActivationLayer extends Layer {
  readonly className = 'Activation';
  readonly #activation: Activation;

  constructor(config: ActivationConfig) {
    super(config);
    this.#activation = checkActivation(config.activation, `layer '${this.name}'`);
  }

  call([x]: readonly [Value]): Value {
    return activations[this.#activation](x);
  }

  getConfig() {
    return { ...this.baseConfig(), activation: this.#activation };
  }
}

export interface DropoutConfig extends LayerConfig {
  /** The share of elements that is set to zero in training, in [0, 1). */
  readonly rate: number;
}

/** Zeros at random while training, the rest scaled up. https://keras.io/api/layers/regularization_layers/dropout/ */
export class Dropout extends Layer {
  readonly className = 'Dropout';
  readonly #rate: number;

  constructor(config: DropoutConfig) {
    super(config);
    if (!(config.rate >= 0 && config.rate < 1)) {
      throw new UsageError(`layer '${this.name}': rate must lie in [0, 1), got ${config.rate}`);
    }
    this.#rate = config.rate;
  }

  override get random(): boolean {
    return this.#rate > 0;
  }

  call([x]: readonly [Value], { training, randomKey }: CallContext): Value {
    return training && this.random ? dropout(x, randomKey(this), this.#rate) : x;
  }

  getConfig() {
    return { ...this.baseConfig(), rate: this.#rate };
  }
}

export interface ConcatenateConfig extends LayerConfig {
  /** Default −1, the channels. */
  readonly axis?: number;
}

/** Inputs side by side. https://keras.io/api/layers/merging_layers/concatenate/ */
export class Concatenate extends Layer {
  readonly className = 'Concatenate';
  readonly #axis: number;

  constructor(config: ConcatenateConfig = {}) {
    super(config);
    this.#axis = config.axis ?? -1;
  }

  protected override get merges(): boolean {
    return true;
  }

  call(inputs: readonly Value[]): Value {
    return concat(...inputs, { axis: this.#axis });
  }

  getConfig() {
    return { ...this.baseConfig(), axis: this.#axis };
  }
}

export interface LogarithmConfig extends LayerConfig {
  /** Added first, so that zero has a logarithm. Default 1. */
  readonly offset?: number;
}

/** log(x + offset), of what is never negative, such as averaged activations. Keras has no such layer. */
export class Logarithm extends Layer {
  readonly className = 'Logarithm';
  readonly #offset: number;

  constructor(config: LogarithmConfig = {}) {
    super(config);
    this.#offset = config.offset ?? 1;
    if (!(this.#offset > 0)) {
      throw new UsageError(`layer '${this.name}': offset must be above 0, got ${this.#offset}`);
    }
  }

  call([x]: readonly [Value]): Value {
    return log(add(x, constant(this.#offset)));
  }

  getConfig() {
    return { ...this.baseConfig(), offset: this.#offset };
  }
}

/**
 * (x − mean) / standard deviation, of each channel, from data that `adapt` has seen.
 * https://keras.io/api/layers/preprocessing_layers/numerical/normalization/
 */
export class Normalization extends Layer {
  readonly className = 'Normalization';
  #mean: Weight | undefined;
  #variance: Weight | undefined;

  override build([shape]: readonly Shape[]): void {
    const channels = knownSize(shape, -1, 'the last axis');
    this.#mean = this.addWeight('mean', [channels], 'zeros', { trainable: false });
    this.#variance = this.addWeight('variance', [channels], 'ones', { trainable: false });
  }

  call([x]: readonly [Value], { read }: CallContext): Value {
    const deviation = maximum(sqrt(read(this.#variance!)), constant(1e-7));
    return div(sub(x, read(this.#mean!)), deviation);
  }

  /**
   * Takes mean and variance of each channel from rows of data; a channel that does not vary is given the variance 1.
   *
   * @param data [rows, channels]
   * @throws {ShapeError} when the channels differ
   */
  adapt(data: Tensor<'float32'>): void {
    this.#take(this.#measure(undefined, data));
  }

  /** `adapt` with data that comes part by part. */
  async adaptAll(parts: AsyncIterable<Tensor<'float32'>>): Promise<void> {
    let moments: Moments | undefined;
    for await (const part of parts) moments = this.#measure(moments, part);
    if (moments) this.#take(moments);
  }

  #measure(known: Moments | undefined, { shape, data }: Tensor<'float32'>): Moments {
    const channels = this.#mean?.shape[0];
    if (shape.length !== 2 || shape[0] === 0 || shape[1] !== channels) {
      throw new ShapeError(`layer '${this.name}': adapt needs [rows, ${channels}], got [${shape}]`);
    }
    const moments = known ?? new Moments(data.subarray(0, channels));
    moments.add(data);
    return moments;
  }

  #take({ mean, variance }: Moments): void {
    // A channel that never varies here is only centred: its first deviation must not be blown up.
    const least = variance.reduce((sum, v) => sum + v / variance.length, 0) * 1e-6;
    this.#mean!.value = floats(mean);
    this.#variance!.value = floats(variance.map((v) => (v > least ? v : 1)));
  }

  getConfig() {
    return this.baseConfig();
  }
}
