import { type ConfigOf, flag, optional } from '../core/options.ts';
import type { Value } from '../graph/value.ts';
import { averagePool2d, maxPool2d, type PoolAttributes } from '../ops/pool.ts';
import { type ReduceAttributes, reduceMax, reduceMean } from '../ops/reduce.ts';
import { Layer, type LayerConfig } from './layer.ts';
import { checkImages, dataFormat, paddingKind, padsOf, sizeKind } from './window.ts';

const poolingOptions = {
  /** Default 2. */
  poolSize: optional(sizeKind, 2),
  /** Default: the pool size. */
  strides: optional(sizeKind),
  /** Default 'valid'. */
  padding: optional(paddingKind, 'valid'),
  ...dataFormat,
};

export type Pooling2DConfig = ConfigOf<typeof poolingOptions> & LayerConfig;

abstract class Pooling2D extends Layer<typeof poolingOptions> {
  static override readonly options = poolingOptions;

  protected abstract pool(x: Value, attributes: PoolAttributes): Value;

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    const { poolSize, strides = poolSize, padding } = this.options;
    return this.pool(x, { poolSize, strides, pads: padsOf(padding, x.shape, poolSize, strides, [1, 1]) });
  }
}

/** The largest value of each window. https://keras.io/api/layers/pooling_layers/max_pooling2d/ */
export class MaxPooling2D extends Pooling2D {
  static override readonly className: string = 'MaxPooling2D';
  protected pool = maxPool2d;
}

/** The mean of each window. https://keras.io/api/layers/pooling_layers/average_pooling2d/ */
export class AveragePooling2D extends Pooling2D {
  static override readonly className: string = 'AveragePooling2D';
  protected pool = averagePool2d;
}

const globalPoolingOptions = {
  ...dataFormat,
  /** Keep height and width, of size 1. Default false. */
  keepdims: optional(flag, false),
};

export type GlobalPooling2DConfig = ConfigOf<typeof globalPoolingOptions> & LayerConfig;

abstract class GlobalPooling2D extends Layer<typeof globalPoolingOptions> {
  static override readonly options = globalPoolingOptions;

  protected abstract reduce(x: Value, attributes: ReduceAttributes): Value;

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    return this.reduce(x, { axes: [1, 2], keepDims: this.options.keepdims });
  }
}

/** The largest value of each channel's map, → [batch, channels]. https://keras.io/api/layers/pooling_layers/global_max_pooling2d/ */
export class GlobalMaxPooling2D extends GlobalPooling2D {
  static override readonly className: string = 'GlobalMaxPooling2D';
  protected reduce = reduceMax;
}

/** The mean of each channel's map, → [batch, channels]. https://keras.io/api/layers/pooling_layers/global_average_pooling2d/ */
export class GlobalAveragePooling2D extends GlobalPooling2D {
  static override readonly className: string = 'GlobalAveragePooling2D';
  protected reduce = reduceMean;
}
