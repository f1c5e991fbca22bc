import { elu, leakyRelu, relu } from '../activations/functions.ts';
import { constraintKind } from '../constraints/constraints.ts';
import { ShapeError } from '../core/errors.ts';
import { asList } from '../core/lists.ts';
import {
  type ConfigOf,
  count,
  either,
  finite,
  integer,
  type Kind,
  listOf,
  optional,
  real,
} from '../core/options.ts';
import type { Shape } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { initializerKind } from '../initializers/initializers.ts';
import { exp, mul, neg, relu as positivePart, sub } from '../ops/elementwise.ts';
import { logSumExp } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';
import { regularizerKind } from '../regularizers/regularizers.ts';
import { type CallContext, knownSize, Layer, type LayerConfig, type Weight } from './layer.ts';

const slope = real({ from: 0 });

const reluOptions = {
  /** What no value exceeds, from 0 on. Default none. */
  maxValue: optional(real({ from: 0 })),
  /** The slope below the threshold, from 0 on. Default 0. */
  negativeSlope: optional(slope, 0),
  /** What values must exceed, from 0 on. Default 0. */
  threshold: optional(real({ from: 0 }), 0),
};

export type ReLUConfig = ConfigOf<typeof reluOptions> & LayerConfig;

/**
 * x above the threshold up to `maxValue`, `negativeSlope` · (x − threshold) below.
 * https://keras.io/api/layers/activation_layers/relu/
 */
export class ReLU extends Layer<typeof reluOptions> {
  static override readonly className: string = 'ReLU';
  static override readonly options = reluOptions;

  call([x]: readonly [Value]): Value {
    const { maxValue, ...options } = this.options;
    return relu(x, { ...options, ...(maxValue !== undefined && { maxValue }) });
  }
}

const leakyReLUOptions = {
  /** The slope below 0, from 0 on. Default 0.3. */
  negativeSlope: optional(slope, 0.3),
};

export type LeakyReLUConfig = ConfigOf<typeof leakyReLUOptions> & LayerConfig;

/** x above 0, `negativeSlope` · x below. https://keras.io/api/layers/activation_layers/leaky_relu/ */
export class LeakyReLU extends Layer<typeof leakyReLUOptions> {
  static override readonly className: string = 'LeakyReLU';
  static override readonly options = leakyReLUOptions;

  call([x]: readonly [Value]): Value {
    return leakyRelu(x, this.options);
  }
}

const eluOptions = {
  /** What values approach far below 0, negated. Default 1. */
  alpha: optional(finite, 1),
};

export type ELUConfig = ConfigOf<typeof eluOptions> & LayerConfig;

/** x above 0, `alpha` · (eˣ − 1) below. https://keras.io/api/layers/activation_layers/elu/ */
export class ELU extends Layer<typeof eluOptions> {
  static override readonly className: string = 'ELU';
  static override readonly options = eluOptions;

  call([x]: readonly [Value]): Value {
    return elu(x, this.options);
  }
}

const countList = listOf(count);
const sharedAxesKind: Kind<number | readonly number[], readonly number[]> = {
  expected: `${count.expected}, or a list of them`,
  check: (value) => countList.check(asList(value)),
};

const preluOptions = {
  /** Default 'zeros'. */
  alphaInitializer: optional(initializerKind, 'zeros'),
  /** Default none. */
  alphaRegularizer: optional(regularizerKind),
  /** Default none. */
  alphaConstraint: optional(constraintKind),
  /** Axes, counted from 1 behind the batch, along which there is one slope for all: [1, 2] has one per channel. Default none. */
  sharedAxes: optional(sharedAxesKind),
};

export type PReLUConfig = ConfigOf<typeof preluOptions> & LayerConfig;

/** x above 0, alpha · x below, with slopes that are learned. https://keras.io/api/layers/activation_layers/prelu/ */
export class PReLU extends Layer<typeof preluOptions> {
  static override readonly className: string = 'PReLU';
  static override readonly options = preluOptions;
  #alpha!: Weight;

  override build([shape = []]: readonly Shape[]): void {
    const { sharedAxes = [], alphaInitializer, alphaRegularizer, alphaConstraint } = this.options;
    const beyond = sharedAxes.find((axis) => axis >= shape.length);
    if (beyond !== undefined)
      throw new ShapeError(`sharedAxes names axis ${beyond}, the last is ${shape.length - 1}`);
    const sizes = shape.map((_, axis) =>
      sharedAxes.includes(axis) ? 1 : axis === 0 ? 0 : knownSize(shape, axis, `axis ${axis}`),
    );
    this.#alpha = this.addWeight('alpha', sizes.slice(1), {
      initializer: alphaInitializer,
      regularizer: alphaRegularizer,
      constraint: alphaConstraint,
    });
  }

  call([x]: readonly [Value], { read }: CallContext): Value {
    return sub(positivePart(x), mul(read(this.#alpha), positivePart(neg(x))));
  }
}

const integers = listOf(integer);
const axesKind: Kind<readonly number[]> = {
  expected: 'a list of them',
  check: (value) => (integers.check(value)?.length ? integers.check(value) : undefined),
};

const softmaxOptions = {
  /** One axis, or several over which the sum goes together. Default −1, the channels. */
  axis: optional(either(integer, axesKind), -1),
};

export type SoftmaxConfig = ConfigOf<typeof softmaxOptions> & LayerConfig;

/** eˣ over its sum. https://keras.io/api/layers/activation_layers/softmax/ */
export class Softmax extends Layer<typeof softmaxOptions> {
  static override readonly className: string = 'Softmax';
  static override readonly options = softmaxOptions;

  call([x]: readonly [Value]): Value {
    const axes = asList(this.options.axis);
    const [axis] = axes;
    if (axes.length === 1) return softmax(x, { axis: axis! });
    return exp(sub(x, logSumExp(x, { axes, keepDims: true })));
  }
}
