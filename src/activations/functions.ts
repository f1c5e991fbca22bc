import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import * as elementwise from '../ops/elementwise.ts';
import { abs, add, clip, erf, greater, minimum, mul, neg, square, sub, where } from '../ops/elementwise.ts';
import { split } from '../ops/rearranging.ts';
import * as rectifiers from '../ops/rectifiers.ts';
import * as along from '../ops/softmax.ts';

const scaled = (x: Value, by: number): Value => (by === 1 ? x : mul(x, constant(by)));

/** `x` as it is. */
export const linear = (x: Value): Value => x;
export const exponential = (x: Value): Value => elementwise.exp(x);
export const sigmoid = (x: Value): Value => elementwise.sigmoid(x);
export const tanh = (x: Value): Value => elementwise.tanh(x);
/** log(1 + eˣ) */
export const softplus = (x: Value): Value => elementwise.softplus(x);
/** x / (1 + |x|) */
export const softsign = (x: Value): Value => rectifiers.softsign(x);

export interface ReluOptions {
  /** The slope below the threshold. Default 0. */
  readonly negativeSlope?: number;
  /** What no value exceeds. Default none. */
  readonly maxValue?: number;
  /** What values must exceed. Default 0. */
  readonly threshold?: number;
}

/** max(x, 0), or with options: x above the threshold up to `maxValue`, below it `negativeSlope` · (x − threshold). */
export function relu(x: Value, { negativeSlope = 0, maxValue, threshold = 0 }: ReluOptions = {}): Value {
  if (threshold === 0 && maxValue === undefined)
    return negativeSlope === 0 ? elementwise.relu(x) : rectifiers.leakyRelu(x, { alpha: negativeSlope });
  if (threshold === 0 && maxValue === 6 && negativeSlope === 0) return rectifiers.relu6(x);
  const above =
    threshold === 0 ? elementwise.relu(x) : where(greater(x, constant(threshold)), x, constant(0));
  // A threshold below 0 lets negative values through, which an upper bound brings to 0, as in Keras.
  const bounded =
    maxValue === undefined
      ? above
      : threshold < 0
        ? clip(above, { min: 0, max: maxValue })
        : minimum(above, constant(maxValue));
  if (negativeSlope === 0) return bounded;
  const below = elementwise.relu(sub(constant(threshold), x));
  return sub(bounded, scaled(below, negativeSlope));
}

/** min(max(x, 0), 6) */
export const relu6 = (x: Value): Value => rectifiers.relu6(x);

/** x above 0, `negativeSlope` · x below; default 0.2. */
export function leakyRelu(
  x: Value,
  { negativeSlope = 0.2 }: { readonly negativeSlope?: number } = {},
): Value {
  return rectifiers.leakyRelu(x, { alpha: negativeSlope });
}

/** x above 0, `alpha` · (eˣ − 1) below; default 1. https://arxiv.org/abs/1511.07289 */
export function elu(x: Value, { alpha = 1 }: { readonly alpha?: number } = {}): Value {
  return rectifiers.elu(x, { alpha });
}

/** `elu` scaled so that layers keep mean 0 and variance 1. https://arxiv.org/abs/1706.02515 */
export function selu(x: Value): Value {
  return scaled(rectifiers.elu(x, { alpha: 1.6732632423543772 }), 1.0507009873554805);
}

/** x above 0, `alpha` · (exp(x / alpha) − 1) below; default 1. https://arxiv.org/abs/1704.07483 */
export function celu(x: Value, { alpha = 1 }: { readonly alpha?: number } = {}): Value {
  return scaled(rectifiers.elu(scaled(x, 1 / alpha), { alpha: 1 }), alpha);
}

/**
 * x · Φ(x), Φ the normal distribution. https://arxiv.org/abs/1606.08415
 *
 * @param options.approximate by tanh. Default false.
 */
export function gelu(x: Value, { approximate = false }: { readonly approximate?: boolean } = {}): Value {
  const sign = approximate
    ? tanh(scaled(add(x, scaled(mul(x, square(x)), 0.044715)), Math.sqrt(2 / Math.PI)))
    : erf(scaled(x, Math.SQRT1_2));
  return mul(scaled(x, 0.5), add(constant(1), sign));
}

/** The first half of the channels (or of another axis) · sigmoid of the second. https://arxiv.org/abs/1612.08083 */
export function glu(x: Value, { axis = -1 }: { readonly axis?: number } = {}): Value {
  const [a, b] = split(x, { parts: 2, axis }) as [Value, Value];
  return mul(a, sigmoid(b));
}

/** x where |x| is above `threshold`, 0 elsewhere; default 0.5. */
export function hardShrink(x: Value, { threshold = 0.5 }: { readonly threshold?: number } = {}): Value {
  return where(greater(abs(x), constant(threshold)), x, constant(0));
}

/** x moved towards 0 by `threshold`, and 0 where it would get beyond; default 0.5. */
export function softShrink(x: Value, { threshold = 0.5 }: { readonly threshold?: number } = {}): Value {
  return sub(x, clip(x, { min: -threshold, max: threshold }));
}

/** x / 6 + 1/2 within [0, 1] */
export const hardSigmoid = (x: Value): Value => rectifiers.hardSigmoid(x, { alpha: 1 / 6, beta: 0.5 });
/** x · hardSigmoid(x). https://arxiv.org/abs/1905.02244 */
export const hardSilu = (x: Value): Value => mul(x, hardSigmoid(x));
/** x within [−1, 1] */
export const hardTanh = (x: Value): Value => clip(x, { min: -1, max: 1 });
/** log(sigmoid(x)) */
export const logSigmoid = (x: Value): Value => neg(softplus(neg(x)));
/** x · tanh(softplus(x)). https://arxiv.org/abs/1908.08681 */
export const mish = (x: Value): Value => mul(x, tanh(softplus(x)));
/** x · sigmoid(x). https://arxiv.org/abs/1710.05941 */
export const silu = (x: Value): Value => mul(x, sigmoid(x));
/** x − tanh(x) */
export const tanhShrink = (x: Value): Value => sub(x, tanh(x));

/** 0 up to −1, x from 1 on, (x + 1)² / 4 in between. */
export function sparsePlus(x: Value): Value {
  const between = scaled(square(add(clip(x, { min: -1, max: 1 }), constant(1))), 0.25);
  return add(between, elementwise.relu(sub(x, constant(1))));
}

/** (x + 1) / 2 within [0, 1]. https://arxiv.org/abs/1901.02324 */
export const sparseSigmoid = (x: Value): Value => rectifiers.hardSigmoid(x, { alpha: 0.5, beta: 0.5 });

/** (x + √(x² + b)) / 2; b is 4 by default. https://arxiv.org/abs/2112.11687 */
export function squareplus(x: Value, { b = 4 }: { readonly b?: number } = {}): Value {
  return rectifiers.squareplus(x, { b });
}

/** x where it is above `threshold`, `defaultValue` elsewhere. */
export function threshold(
  x: Value,
  options: { readonly threshold: number; readonly defaultValue: number },
): Value {
  return where(greater(x, constant(options.threshold)), x, constant(options.defaultValue));
}

export interface AxisOptions {
  /** Default −1, the last. */
  readonly axis?: number;
}

/** eˣ over its sum along one axis. */
export const softmax = (x: Value, { axis = -1 }: AxisOptions = {}): Value => along.softmax(x, { axis });
/** log(softmax(x)) */
export const logSoftmax = (x: Value, { axis = -1 }: AxisOptions = {}): Value => along.logSoftmax(x, { axis });
/** The nearest probabilities to x, most of them 0. https://arxiv.org/abs/1602.02068 */
export const sparsemax = (x: Value, { axis = -1 }: AxisOptions = {}): Value =>
  rectifiers.sparsemax(x, { axis });
