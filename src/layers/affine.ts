import { constraintKind } from '../constraints/constraints.ts';
import { ShapeError } from '../core/errors.ts';
import { flag, type OptionsOf, type OptionTable, optional, real } from '../core/options.ts';
import { normalizeAxis, type Shape } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { initializerKind } from '../initializers/initializers.ts';
import { add, mul, rsqrt } from '../ops/elementwise.ts';
import { reshape } from '../ops/shaping.ts';
import { regularizerKind } from '../regularizers/regularizers.ts';
import { type CallContext, knownSize, Layer, type Weight } from './layer.ts';
import { weightOptions } from './weight-options.ts';

/** Options of every layer that normalizes, then multiplies by gamma and adds beta. */
export const affineOptions = {
  /** Added to the variance. Default 0.001. */
  epsilon: optional(real({ from: 0 }), 1e-3),
  /** Whether beta is added. Default true. */
  center: optional(flag, true),
  /** Whether to multiply by gamma. Default true. */
  scale: optional(flag, true),
  /** Default 'zeros'. */
  betaInitializer: optional(initializerKind, 'zeros'),
  /** Default 'ones'. */
  gammaInitializer: optional(initializerKind, 'ones'),
  /** Default none. */
  betaRegularizer: optional(regularizerKind),
  /** Default none. */
  gammaRegularizer: optional(regularizerKind),
  /** Default none. */
  betaConstraint: optional(constraintKind),
  /** Default none. */
  gammaConstraint: optional(constraintKind),
};

/** Gamma and beta as values of a graph; undefined where the layer has none. */
export interface Affine {
  readonly gamma: Value | undefined;
  readonly beta: Value | undefined;
}

/** A layer with a gamma and a beta for each place along some axes. */
export abstract class AffineLayer<T extends OptionTable> extends Layer<T> {
  #gamma: Weight | undefined;
  #beta: Weight | undefined;

  protected addAffine(shape: readonly number[], options: OptionsOf<typeof affineOptions>): void {
    if (options.scale) this.#gamma = this.addWeight('gamma', shape, weightOptions('gamma', options));
    if (options.center) this.#beta = this.addWeight('beta', shape, weightOptions('beta', options));
  }

  /** In a shape that broadcasts. */
  protected affine({ read }: CallContext, shape: readonly number[]): Affine {
    const shaped = (weight: Weight | undefined) => weight && reshape(read(weight), { shape });
    return { gamma: shaped(this.#gamma), beta: shaped(this.#beta) };
  }
}

/** 1 / √(variance + epsilon) · gamma */
export function scaleOf(variance: Value, epsilon: number, { gamma }: Affine): Value {
  const inverse = rsqrt(add(variance, constant(epsilon)));
  return gamma ? mul(inverse, gamma) : inverse;
}

/**
 * Axes from the front, in their order.
 *
 * @throws {ShapeError} for one that there is not, or that is given twice
 */
export function axesOf(axis: number | readonly number[], shape: Shape): number[] {
  const axes = [axis].flat().map((each) => normalizeAxis(each, shape.length, 'normalization'));
  if (new Set(axes).size !== axes.length) throw new ShapeError(`an axis is given twice in [${axis}]`);
  return axes.sort((a, b) => a - b);
}

/** The sizes along `axes`, 1 elsewhere. */
export function sizesAlong(axes: readonly number[], shape: Shape): number[] {
  return shape.map((_, i) => (axes.includes(i) ? knownSize(shape, i, `axis ${i}`) : 1));
}
