import { ShapeError, UsageError } from '../core/errors.ts';
import {
  type ConfigOf,
  either,
  flag,
  integer,
  type Kind,
  listOf,
  type OptionsOf,
  optional,
} from '../core/options.ts';
import { formatShape, type Shape, sameShape } from '../core/shape.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, div, maximum, mul, sqrt, sub } from '../ops/elementwise.ts';
import { reshape } from '../ops/shaping.ts';
import { axesOf, sizesAlong } from './affine.ts';
import { type CallContext, Layer, type LayerConfig, type Weight } from './layer.ts';
import { Moments, withAxesLast } from './moments.ts';
import { float32Of, type Numbers, numbersKind, shapeOfNumbers, tensorOfNumbers } from './numbers.ts';

const oneOrMore = either(integer, listOf(integer));

/** Always held as a list, as Keras writes it. */
const axisKind: Kind<number | readonly number[], readonly number[]> = {
  expected: oneOrMore.expected,
  check: (value) => {
    const axis = oneOrMore.check(value);
    return axis === undefined ? undefined : [axis].flat();
  },
};

const normalizationOptions = {
  /** Each place along this axis, or these, has a mean and a variance of its own; `[]`: all have one. Default −1. */
  axis: optional(axisKind, -1),
  /** Given rather than learned by `adapt`: a number, or lists as `axis` has sizes. Together with `variance`. */
  mean: optional(numbersKind),
  /** In the shape of `mean`. */
  variance: optional(numbersKind),
  /** x · deviation + mean instead: what has been normalized comes back. Default false. */
  invert: optional(flag, false),
};

export type NormalizationConfig = ConfigOf<typeof normalizationOptions> & LayerConfig;

/**
 * (x − mean) / standard deviation, both given, or from data that `adapt` has seen.
 * https://keras.io/api/layers/preprocessing_layers/numerical/normalization/
 *
 * @example
 * const layer = layers.normalization();
 * layer.adapt(tensors.floats([0, 7, 2, 9, 0, 7, 2, 9], [4, 2])); // means 1 and 8, deviations 1 and 1
 */
export class Normalization extends Layer<typeof normalizationOptions> {
  static override readonly className: string = 'Normalization';
  static override readonly options = normalizationOptions;
  #mean: Weight | undefined;
  #variance: Weight | undefined;

  /** @throws {UsageError} also where one of `mean` and `variance` is missing, or their shapes do not fit */
  constructor(config: NormalizationConfig = {}) {
    super(config);
    checkGiven(this.options, `layer '${this.name}'`);
  }

  override build([shape]: readonly Shape[]): void {
    const axes = axesOf(this.options.axis, shape!);
    const sizes = axes.map((axis) => sizesAlong(axes, shape!)[axis]!);
    if (this.options.mean !== undefined) return;
    this.#mean = this.addWeight('mean', sizes, { initializer: 'zeros', trainable: false });
    this.#variance = this.addWeight('variance', sizes, { initializer: 'ones', trainable: false });
    // Nothing reads it; Keras keeps it in its files.
    const count = this.addWeight('count', [], { initializer: 'zeros', trainable: false });
    count.value = floats([0], []);
  }

  call([x]: readonly [Value], context: CallContext): Value {
    const [mean, variance] = this.#moments(x.shape, context);
    const deviation = maximum(sqrt(variance), constant(1e-7));
    return this.options.invert
      ? add(mean, mul(float32Of(x), deviation))
      : div(sub(float32Of(x), mean), deviation);
  }

  /** Mean and variance in a shape that broadcasts. */
  #moments(shape: Shape, { read }: CallContext): [Value, Value] {
    const { axis, mean, variance } = this.options;
    const axes = axesOf(axis, shape);
    if (mean !== undefined && variance !== undefined)
      return [givenAlong(axes, shape, mean), givenAlong(axes, shape, variance)];
    const last = axes.every((each, i) => each === shape.length - axes.length + i);
    const shaped = (weight: Weight) =>
      last ? read(weight) : reshape(read(weight), { shape: sizesAlong(axes, shape) });
    return [shaped(this.#mean!), shaped(this.#variance!)];
  }

  /**
   * Takes mean and variance from rows of data; what does not vary is given the variance 1.
   *
   * @param data [rows, …]: with the sizes that the layer's input has along `axis`, such as [rows, channels]
   * @throws {ShapeError} when these sizes differ, or there are no data
   * @throws {UsageError} when `mean` and `variance` were given
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
    const { axis, mean } = this.options;
    if (mean !== undefined)
      throw new UsageError(
        `layer '${this.name}': its mean and variance were given; there is nothing to adapt`,
      );
    const fits = axis.every((each) => each >= -shape.length && each < shape.length);
    if (fits && shape.length > axis.length && data.length > 0) {
      this.buildOnce([shape]);
      const axes = axesOf(axis, shape);
      const sizes = axes.map((each) => shape[each]!);
      if (sameShape(sizes, this.#mean!.shape)) {
        const rows = withAxesLast(data, shape, axes);
        const moments =
          known ??
          new Moments(
            rows.subarray(
              0,
              sizes.reduce((a, b) => a * b, 1),
            ),
          );
        moments.add(rows);
        return moments;
      }
    }
    throw new ShapeError(`layer '${this.name}': adapt needs ${this.#wanted()}, got ${formatShape(shape)}`);
  }

  #wanted(): string {
    const { axis } = this.options;
    const sizes = this.#mean?.shape ?? axis.map(() => 'any');
    if (axis.length === 0) return 'numbers';
    return axis.join() === '-1'
      ? `[rows, ${sizes[0]}]`
      : `[rows, …] with the sizes ${formatShape(sizes)} along the axes [${axis.join(', ')}]`;
  }

  #take({ mean, variance }: Moments): void {
    // A channel that never varies here is only centred: its first deviation must not be blown up.
    const least = variance.reduce((sum, v) => sum + v / variance.length, 0) * 1e-6;
    this.#mean!.value = floats(mean, this.#mean!.shape);
    this.#variance!.value = floats(
      variance.map((v) => (v > least ? v : 1)),
      this.#variance!.shape,
    );
  }
}

function checkGiven({ axis, mean, variance }: OptionsOf<typeof normalizationOptions>, where: string): void {
  if ((mean === undefined) !== (variance === undefined))
    throw new UsageError(`${where}: mean and variance are given together, or neither is`);
  if (mean === undefined) return;
  const [shape, other] = [shapeOfNumbers(mean)!, shapeOfNumbers(variance)!];
  if (!sameShape(shape, other))
    throw new UsageError(
      `${where}: mean and variance must have one shape, got ${formatShape(shape)} and ${formatShape(other)}`,
    );
  if (shape.length > axis.length)
    throw new UsageError(
      `${where}: mean has the shape ${formatShape(shape)}, more than the axes [${axis.join(', ')}] have sizes`,
    );
}

/** What was given, the last of its sizes along the last of `axes`, and so on. */
function givenAlong(axes: readonly number[], shape: Shape, numbers: Numbers): Value {
  const given = tensorOfNumbers(numbers);
  const sizes = shape.map(() => 1);
  given.shape.forEach((size, i) => {
    const axis = axes[axes.length - given.shape.length + i]!;
    if (size !== 1 && size !== shape[axis])
      throw new ShapeError(`mean and variance of the shape ${formatShape(given.shape)} do not fit`);
    sizes[axis] = size;
  });
  return constant(tensor('float32', sizes, given.data));
}
