import { type Activation, activations, checkActivation } from '../activations/activations.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import type { InitializerName } from '../initializers/initializers.ts';
import { conv2d, type Pads, type Pair } from '../ops/conv.ts';
import { averagePool2d, maxPool2d, type PoolAttributes } from '../ops/pool.ts';
import { reduceMean } from '../ops/reduce.ts';
import { type CallContext, knownSize, Layer, type LayerConfig, type Weight } from './layer.ts';

export type Padding = 'valid' | 'same';
type Size = number | Pair;

function pair(size: Size, what: string): Pair {
  const both: Pair = typeof size === 'number' ? [size, size] : size;
  if (both.length !== 2 || both.some((n) => !Number.isInteger(n) || n < 1)) {
    throw new UsageError(
      `${what} must be a whole number above 0, or two of them, got ${JSON.stringify(size)}`,
    );
  }
  return both;
}

/** 'same' as TensorFlow pads: the output has ⌈size / stride⌉ places, an odd row of zeros goes to the end. */
function padsOf(padding: Padding, shape: Shape, kernel: Pair, strides: Pair, dilations: Pair): Pads {
  if (padding === 'valid') return [0, 0, 0, 0];
  const along = (axis: 0 | 1): [number, number] => {
    const size = knownSize(shape, axis + 1, 'height and width');
    const reach = dilations[axis] * (kernel[axis] - 1) + 1;
    const total = Math.max(0, (Math.ceil(size / strides[axis]) - 1) * strides[axis] + reach - size);
    return [Math.floor(total / 2), Math.ceil(total / 2)];
  };
  const [[top, bottom], [left, right]] = [along(0), along(1)];
  return [top, left, bottom, right];
}

function checkImages(shape: Shape | undefined): void {
  if (shape?.length !== 4) throw new ShapeError('images [batch, height, width, channels] are needed');
}

export interface Conv2DConfig extends LayerConfig {
  /** Output channels. */
  readonly filters: number;
  /** One number for both, or [height, width]. */
  readonly kernelSize: Size;
  /** Default 1. */
  readonly strides?: Size;
  /** Default 'valid'. */
  readonly padding?: Padding;
  /** Default 1. */
  readonly dilationRate?: Size;
  /** Default 1. */
  readonly groups?: number;
  /** Default 'linear'. */
  readonly activation?: Activation;
  /** Default true. */
  readonly useBias?: boolean;
  /** Default 'glorotUniform'. */
  readonly kernelInitializer?: InitializerName;
}

/**
 * 2D convolution, [batch, height, width, channels] → [batch, height', width', filters].
 * https://keras.io/api/layers/convolution_layers/convolution2d/
 */
export class Conv2D extends Layer {
  readonly className = 'Conv2D';
  readonly #config: Conv2DConfig;
  readonly #kernelSize: Pair;
  readonly #strides: Pair;
  readonly #dilations: Pair;
  readonly #activation: Activation;
  #kernel: Weight | undefined;
  #bias: Weight | undefined;

  constructor(config: Conv2DConfig) {
    super(config);
    const where = `layer '${this.name}'`;
    if (!Number.isInteger(config.filters) || config.filters < 1) {
      throw new UsageError(`${where}: filters must be a whole number above 0, got ${config.filters}`);
    }
    this.#config = config;
    this.#kernelSize = pair(config.kernelSize, `${where}: kernelSize`);
    this.#strides = pair(config.strides ?? 1, `${where}: strides`);
    this.#dilations = pair(config.dilationRate ?? 1, `${where}: dilationRate`);
    this.#activation = checkActivation(config.activation ?? 'linear', where);
  }

  override build([shape]: readonly Shape[]): void {
    checkImages(shape);
    const channels = knownSize(shape, -1, 'the channels');
    const { filters, groups = 1, useBias = true, kernelInitializer = 'glorotUniform' } = this.#config;
    if (channels % groups !== 0 || filters % groups !== 0) {
      throw new ShapeError(`${channels} channels and ${filters} filters do not fall into ${groups} groups`);
    }
    this.#kernel = this.addWeight(
      'kernel',
      [...this.#kernelSize, channels / groups, filters],
      kernelInitializer,
    );
    if (useBias) this.#bias = this.addWeight('bias', [filters], 'zeros');
  }

  call([x]: readonly [Value], { read }: CallContext): Value {
    const { padding = 'valid', groups = 1 } = this.#config;
    const pads = padsOf(padding, x.shape, this.#kernelSize, this.#strides, this.#dilations);
    const y = conv2d(x, read(this.#kernel!), this.#bias && read(this.#bias), {
      strides: this.#strides,
      pads,
      dilations: this.#dilations,
      groups,
    });
    return activations[this.#activation](y);
  }

  getConfig() {
    return { ...this.#config, ...this.baseConfig() };
  }
}

export interface Pooling2DConfig extends LayerConfig {
  /** Default 2. */
  readonly poolSize?: Size;
  /** Default: the pool size. */
  readonly strides?: Size;
  /** Default 'valid'. */
  readonly padding?: Padding;
}

abstract class Pooling2D extends Layer {
  readonly #config: Pooling2DConfig;
  readonly #poolSize: Pair;
  readonly #strides: Pair;

  constructor(config: Pooling2DConfig = {}) {
    super(config);
    this.#config = config;
    this.#poolSize = pair(config.poolSize ?? 2, 'poolSize');
    this.#strides = pair(config.strides ?? this.#poolSize, 'strides');
  }

  protected abstract pool(x: Value, attributes: PoolAttributes): Value;

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    const pads = padsOf(this.#config.padding ?? 'valid', x.shape, this.#poolSize, this.#strides, [1, 1]);
    return this.pool(x, { poolSize: this.#poolSize, strides: this.#strides, pads });
  }

  getConfig() {
    return { ...this.#config, ...this.baseConfig() };
  }
}

/** The largest value of each window. https://keras.io/api/layers/pooling_layers/max_pooling2d/ */
export class MaxPooling2D extends Pooling2D {
  readonly className = 'MaxPooling2D';
  protected pool = maxPool2d;
}

/** The mean of each window. https://keras.io/api/layers/pooling_layers/average_pooling2d/ */
export class AveragePooling2D extends Pooling2D {
  readonly className = 'AveragePooling2D';
  protected pool = averagePool2d;
}

/** The mean of each channel's map, → [batch, channels]. https://keras.io/api/layers/pooling_layers/global_average_pooling2d/ */
export class GlobalAveragePooling2D extends Layer {
  readonly className = 'GlobalAveragePooling2D';

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    return reduceMean(x, { axes: [1, 2] });
  }

  getConfig() {
    return this.baseConfig();
  }
}
