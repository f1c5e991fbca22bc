import { type ConfigOf, flag, integer, optional, real } from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import { floats } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { drawInitial, type Initializer, initializerKind } from '../initializers/initializers.ts';
import { add, mul, neg, relu, square, sub } from '../ops/elementwise.ts';
import { moments } from '../ops/reduce.ts';
import { reshape } from '../ops/shaping.ts';
import { type Affine, AffineLayer, affineOptions, axesOf, scaleOf, sizesAlong } from './affine.ts';
import { type CallContext, knownSize, type LayerConfig, type Weight } from './layer.ts';
import { deviationOf, renormalized, renormOptions } from './renormalization.ts';

const batchNormalizationOptions = {
  /** The axis that keeps its statistics apart. Default −1, the channels. */
  axis: optional(integer, -1),
  /** The share of the moving statistics that a step of training keeps. Default 0.99. */
  momentum: optional(real({ from: 0, to: 1 }), 0.99),
  ...affineOptions,
  /** Default 'zeros'. */
  movingMeanInitializer: optional(initializerKind, 'zeros'),
  /** Default 'ones'. */
  movingVarianceInitializer: optional(initializerKind, 'ones'),
  /** Statistics over all devices; as there is one, the same either way. Default false. */
  synchronized: optional(flag, false),
  ...renormOptions,
};

export type BatchNormalizationConfig = ConfigOf<typeof batchNormalizationOptions> & LayerConfig;

/** What batch renormalization keeps beside the moving mean and variance. */
interface RenormWeights {
  /** Whose square, less epsilon, the moving variance is. */
  readonly movingDeviation: Weight;
  /** With `deviation`: what training corrects towards. */
  readonly mean: Weight;
  readonly deviation: Weight;
}

/**
 * (x − mean) / √(variance + epsilon) · gamma + beta. Training takes mean and variance from the batch, of all but one axis,
 * and moves the moving ones towards them: moving · momentum + the batch's · (1 − momentum). Inference, and training while
 * the layer is not trainable, take the moving ones and leave them as they are. Ioffe and Szegedy, ICML 2015; with `renorm`,
 * Ioffe, NIPS 2017.
 * https://keras.io/api/layers/normalization_layers/batch_normalization/
 */
export class BatchNormalization extends AffineLayer<typeof batchNormalizationOptions> {
  static override readonly className: string = 'BatchNormalization';
  static override readonly options = batchNormalizationOptions;
  #movingMean!: Weight;
  #movingVariance!: Weight;
  #renorm: RenormWeights | undefined;

  override get stateful(): boolean {
    return this.trainable;
  }

  override build([shape]: readonly Shape[]): void {
    const [axis] = axesOf(this.options.axis, shape!);
    const size = [knownSize(shape, axis!, `axis ${axis}`)];
    const { movingMeanInitializer, movingVarianceInitializer, renorm } = this.options;
    const statistic = (name: string, initializer: Initializer) =>
      this.addWeight(name, size, { initializer, trainable: false });
    this.addAffine(size, this.options);
    this.#movingMean = statistic('moving_mean', movingMeanInitializer);
    this.#movingVariance = statistic('moving_variance', movingVarianceInitializer);
    if (!renorm) return;
    this.#renorm = {
      movingDeviation: statistic('moving_stddev', rootOf(movingVarianceInitializer)),
      mean: statistic('renorm_mean', movingMeanInitializer),
      deviation: statistic('renorm_stddev', rootOf(movingVarianceInitializer)),
    };
  }

  call([x]: readonly [Value], context: CallContext): Value {
    return context.training && this.trainable ? this.#byBatch(x, context) : this.#byMoving(x, context);
  }

  #byBatch(x: Value, context: CallContext): Value {
    const [axis] = axesOf(this.options.axis, x.shape);
    const axes = x.shape.map((_, i) => i).filter((i) => i !== axis);
    const { mean, variance } = moments(x, { axes, keepDims: true });
    const own = this.affine(context, sizesAlong([axis!], x.shape));
    const affine = this.#renorm ? this.#renormalized(own, mean, variance, this.#renorm, context) : own;
    if (!this.#renorm) {
      this.#move(this.#movingMean, mean, context);
      this.#move(this.#movingVariance, variance, context);
    }
    const y = mul(sub(x, mean), scaleOf(variance, this.options.epsilon, affine));
    return affine.beta ? add(y, affine.beta) : y;
  }

  #renormalized(
    affine: Affine,
    mean: Value,
    variance: Value,
    weights: RenormWeights,
    context: CallContext,
  ): Affine {
    const { epsilon, renormClipping, renormMomentum } = this.options;
    const statistic = (weight: Weight) => reshape(context.read(weight), { shape: mean.shape });
    const deviation = deviationOf(variance, epsilon);
    const running = { mean: statistic(weights.mean), deviation: statistic(weights.deviation) };
    this.#move(weights.mean, mean, context, renormMomentum);
    this.#move(weights.deviation, deviation, context, renormMomentum);
    this.#move(this.#movingMean, mean, context);
    const moved = this.#move(weights.movingDeviation, deviation, context);
    context.update(this.#movingVariance, relu(sub(square(moved), constant(epsilon))));
    return renormalized(affine, { mean, deviation }, running, epsilon, renormClipping);
  }

  /** Moves a statistic towards the batch's. */
  #move(
    weight: Weight,
    value: Value,
    { read, update }: CallContext,
    momentum = this.options.momentum,
  ): Value {
    const kept = mul(read(weight), constant(momentum));
    const moved = add(kept, mul(reshape(value, { shape: weight.shape }), constant(1 - momentum)));
    update(weight, moved);
    return moved;
  }

  /** Scale and shift follow from weights alone, so one product and one sum are left to do for each element. */
  #byMoving(x: Value, context: CallContext): Value {
    const shape = sizesAlong(axesOf(this.options.axis, x.shape), x.shape);
    const statistic = (weight: Weight) => reshape(context.read(weight), { shape });
    const affine = this.affine(context, shape);
    const scale = scaleOf(statistic(this.#movingVariance), this.options.epsilon, affine);
    const shift = neg(mul(statistic(this.#movingMean), scale));
    return add(mul(x, scale), affine.beta ? add(affine.beta, shift) : shift);
  }
}

/** The deviations of the variances that an initializer draws. */
function rootOf(initializer: Initializer): Initializer {
  return (shape, key) => {
    const { data } = drawInitial(initializer, shape, key);
    return floats(data.map(Math.sqrt), shape);
  };
}
