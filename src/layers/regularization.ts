import { type ConfigOf, count, type Kind, optional, real, required, seed } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, mul } from '../ops/elementwise.ts';
import { dropout, randomNormal } from '../ops/threefry.ts';
import { l1l2 } from '../regularizers/regularizers.ts';
import { type CallContext, Layer, type LayerConfig } from './layer.ts';
import { activated } from './weight-options.ts';
import { checkImages, dataFormat } from './window.ts';

const rateOptions = {
  /** The share of elements that is set to zero in training, in [0, 1). */
  rate: required(real({ from: 0, below: 1 })),
  /** Default: the model's. */
  seed: optional(seed),
};

const noiseShapeKind: Kind<readonly (number | null)[]> = {
  expected: 'a list with 1 or null for each axis',
  check: (value) => {
    if (!Array.isArray(value)) return undefined;
    return value.every((size) => size === null || count.check(size) !== undefined) ? value : undefined;
  },
};

const dropoutOptions = {
  ...rateOptions,
  /** Per axis, the batch first: 1 where all elements along it share their fate, null (or its size) where not. Default: each has its own. */
  noiseShape: optional(noiseShapeKind),
};

export type DropoutConfig = ConfigOf<typeof dropoutOptions> & LayerConfig;

/** Zeros at random while training, the rest scaled up. https://keras.io/api/layers/regularization_layers/dropout/ */
export class Dropout extends Layer<typeof dropoutOptions> {
  static override readonly className: string = 'Dropout';
  static override readonly options = dropoutOptions;

  override get random(): boolean {
    return this.options.rate > 0;
  }

  call([x]: readonly [Value], { training, randomKey }: CallContext): Value {
    const { rate, seed, noiseShape } = this.options;
    if (!training || !this.random) return x;
    return dropout(x, randomKey(seed), rate, noiseShape && { noiseShape });
  }
}

const spatialDropoutOptions = { ...rateOptions, ...dataFormat };

export type SpatialDropout2DConfig = ConfigOf<typeof spatialDropoutOptions> & LayerConfig;

/** Whole channels of images set to zero at random while training. https://keras.io/api/layers/regularization_layers/spatial_dropout2d/ */
export class SpatialDropout2D extends Layer<typeof spatialDropoutOptions> {
  static override readonly className: string = 'SpatialDropout2D';
  static override readonly options = spatialDropoutOptions;

  override get random(): boolean {
    return this.options.rate > 0;
  }

  /** Without `trainable`, which Keras' layer does not take; it says nothing of a layer without weights. */
  override getConfig(): object {
    return { ...super.getConfig(), trainable: undefined };
  }

  call([x]: readonly [Value], { training, randomKey }: CallContext): Value {
    checkImages(x.shape);
    const { rate, seed } = this.options;
    return training && this.random
      ? dropout(x, randomKey(seed), rate, { noiseShape: [null, 1, 1, null] })
      : x;
  }
}

export type GaussianDropoutConfig = ConfigOf<typeof rateOptions> & LayerConfig;

/**
 * Each element times a normal number of mean 1 and variance rate / (1 − rate), as much as that of Dropout, while training.
 * https://keras.io/api/layers/regularization_layers/gaussian_dropout/
 */
export class GaussianDropout extends Layer<typeof rateOptions> {
  static override readonly className: string = 'GaussianDropout';
  static override readonly options = rateOptions;

  override get random(): boolean {
    return this.options.rate > 0;
  }

  call([x]: readonly [Value], { training, randomKey }: CallContext): Value {
    const { rate, seed } = this.options;
    if (!training || !this.random) return x;
    const noise = mul(randomNormal(randomKey(seed), x), constant(Math.sqrt(rate / (1 - rate))));
    return mul(x, add(constant(1), noise));
  }
}

const gaussianNoiseOptions = {
  /** The standard deviation of what is added, in [0, 1]. */
  stddev: required(real({ from: 0, to: 1 })),
  /** Default: the model's. */
  seed: optional(seed),
};

export type GaussianNoiseConfig = ConfigOf<typeof gaussianNoiseOptions> & LayerConfig;

/** A normal number added to each element while training. https://keras.io/api/layers/regularization_layers/gaussian_noise/ */
export class GaussianNoise extends Layer<typeof gaussianNoiseOptions> {
  static override readonly className: string = 'GaussianNoise';
  static override readonly options = gaussianNoiseOptions;

  override get random(): boolean {
    return this.options.stddev > 0;
  }

  call([x]: readonly [Value], { training, randomKey }: CallContext): Value {
    const { stddev, seed } = this.options;
    if (!training || !this.random) return x;
    return add(x, mul(randomNormal(randomKey(seed), x), constant(stddev)));
  }
}

const activityRegularizationOptions = {
  /** Times the sum of sizes. Default 0. */
  l1: optional(real({ from: 0 }), 0),
  /** Times the sum of squares. Default 0. */
  l2: optional(real({ from: 0 }), 0),
};

export type ActivityRegularizationConfig = ConfigOf<typeof activityRegularizationOptions> & LayerConfig;

/**
 * x as it is, with `l1` · Σ |x| + `l2` · Σ x² in the loss, the mean of the examples.
 * https://keras.io/api/layers/regularization_layers/activity_regularization/
 */
export class ActivityRegularization extends Layer<typeof activityRegularizationOptions> {
  static override readonly className: string = 'ActivityRegularization';
  static override readonly options = activityRegularizationOptions;

  call([x]: readonly [Value], context: CallContext): Value {
    return activated(x, { activation: 'linear', activityRegularizer: l1l2(this.options) }, context);
  }
}
