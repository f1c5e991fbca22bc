import { ShapeError } from '../core/errors.ts';
import { type ConfigOf, count, either, flag, integer, type Kind, listOf, optional } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, maximum, mul, rsqrt, square, sub } from '../ops/elementwise.ts';
import { moments, reduceSum } from '../ops/reduce.ts';
import { reshape } from '../ops/shaping.ts';
import { AffineLayer, affineOptions, axesOf, scaleOf, sizesAlong } from './affine.ts';
import { type CallContext, knownSize, Layer, type LayerConfig } from './layer.ts';

const axisKind = either(integer, listOf(integer));

const layerNormalizationOptions = {
  /** One axis, or a list: what is normalized together. Default −1, the channels. */
  axis: optional(axisKind, -1),
  ...affineOptions,
  /** Divide by the deviation and multiply by gamma, but subtract no mean and add no beta. Default false. */
  rmsScaling: optional(flag, false),
};

export type LayerNormalizationConfig = ConfigOf<typeof layerNormalizationOptions> & LayerConfig;

/**
 * (x − mean) / √(variance + epsilon) · gamma + beta, mean and variance of each example along `axis`, which gamma and beta
 * have too. Ba, Kiros and Hinton, 2016. https://keras.io/api/layers/normalization_layers/layer_normalization/
 */
export class LayerNormalization extends AffineLayer<typeof layerNormalizationOptions> {
  static override readonly className: string = 'LayerNormalization';
  static override readonly options = layerNormalizationOptions;

  override build([shape]: readonly Shape[]): void {
    const { axis, rmsScaling, ...options } = this.options;
    const sizes = axesOf(axis, shape!).map((each) => knownSize(shape, each, `axis ${each}`));
    this.addAffine(sizes, rmsScaling ? { ...options, scale: true, center: false } : options);
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const { axis, epsilon, rmsScaling } = this.options;
    const axes = axesOf(axis, x.shape);
    const affine = this.affine(context, sizesAlong(axes, x.shape));
    const { mean, variance } = moments(x, { axes, keepDims: true });
    const y = mul(rmsScaling ? x : sub(x, mean), scaleOf(variance, epsilon, affine));
    return affine.beta ? add(y, affine.beta) : y;
  }
}

const groupsKind: Kind<number> = {
  expected: 'a whole number above 0, or -1 for as many as channels',
  check: (value) => (value === -1 ? -1 : count.check(value)),
};

const groupNormalizationOptions = {
  /** How many groups the channels fall into; −1 for one each (instance normalization). Default 32. */
  groups: optional(groupsKind, 32),
  /** The channels. Default −1. */
  axis: optional(integer, -1),
  ...affineOptions,
};

export type GroupNormalizationConfig = ConfigOf<typeof groupNormalizationOptions> & LayerConfig;

/**
 * (x − mean) / √(variance + epsilon) · gamma + beta, mean and variance of each example and group of channels, gamma and
 * beta of each channel. Wu and He, ECCV 2018. https://keras.io/api/layers/normalization_layers/group_normalization/
 */
export class GroupNormalization extends AffineLayer<typeof groupNormalizationOptions> {
  static override readonly className: string = 'GroupNormalization';
  static override readonly options = groupNormalizationOptions;

  override build([shape]: readonly Shape[]): void {
    const { channels, groups } = this.#groups(shape!);
    if (channels % groups !== 0)
      throw new ShapeError(`${channels} channels do not fall into ${groups} groups`);
    this.addAffine([channels], this.options);
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const { axis, channels, groups } = this.#groups(x.shape);
    const split = (shape: Shape) => shape.toSpliced(axis, 1, groups, channels / groups);
    const grouped = reshape(x, { shape: split(x.shape) });
    const axes = grouped.shape.map((_, i) => i).filter((i) => i !== 0 && i !== axis);
    const affine = this.affine(context, split(sizesAlong([axis], x.shape)) as number[]);
    const { mean, variance } = moments(grouped, { axes, keepDims: true });
    const y = mul(sub(grouped, mean), scaleOf(variance, this.options.epsilon, affine));
    return reshape(affine.beta ? add(y, affine.beta) : y, { shape: x.shape });
  }

  #groups(shape: Shape) {
    const axis = axesOf(this.options.axis, shape)[0]!;
    const channels = knownSize(shape, axis, `axis ${axis}`);
    const { groups } = this.options;
    return { axis, channels, groups: groups === -1 ? channels : groups };
  }
}

const unitNormalizationOptions = {
  /** One axis, or a list. Default −1, the channels. */
  axis: optional(axisKind, -1),
};

export type UnitNormalizationConfig = ConfigOf<typeof unitNormalizationOptions> & LayerConfig;

/** The shortest length, squared, that is divided by. */
const leastSquares = 1e-24;

/**
 * x / |x|, Euclid's length along `axis`; what is all zeros stays so.
 * https://keras.io/api/layers/normalization_layers/unit_normalization/
 */
export class UnitNormalization extends Layer<typeof unitNormalizationOptions> {
  static override readonly className: string = 'UnitNormalization';
  static override readonly options = unitNormalizationOptions;

  call([x]: readonly [Value]): Value {
    const squares = reduceSum(square(x), { axes: axesOf(this.options.axis, x.shape), keepDims: true });
    // Bounded before the root, whose gradient at zero is infinite.
    return mul(x, rsqrt(maximum(squares, constant(leastSquares))));
  }
}
