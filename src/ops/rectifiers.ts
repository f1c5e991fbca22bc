import { staticDim } from '../core/shape.ts';
import { floats } from '../core/tensor.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant, scalarOf } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  abs,
  add,
  div,
  greater,
  less,
  logicalAnd,
  mask,
  mul,
  relu,
  sqrt,
  square,
  sub,
  where,
} from './elementwise.ts';
import { cumSum, reduceMax, reduceSum } from './reduce.ts';
import { sort } from './sorting.ts';

/** Functions of one element that ONNX has as one operator, or whose gradient is better written down than derived. */

const zero = () => constant(0);
const within = (y: Value, low: number, high: number): Value =>
  logicalAnd(greater(y, constant(low)), less(y, constant(high)));

/** x within [0, 6]; no gradient at the ends. */
export const relu6 = defineOp({
  opType: 'Relu6',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [({ dy, y }) => mul(dy, mask(within(y, 0, 6), dy))],
  onnx: ([x]) => ({ opType: 'Clip', constants: [scalarOf(0, x.dtype), scalarOf(6, x.dtype)] }),
  elementwise: true,
});

/** x where it is above 0, alpha · x elsewhere. */
export const leakyRelu = defineOp<['x'], { readonly alpha: number }>({
  opType: 'LeakyRelu',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [
    ({ dy, inputs: [x], attributes: { alpha } }) => where(greater(x, zero()), dy, mul(dy, constant(alpha))),
  ],
  onnx: (_, { alpha }) => ({ attributes: { alpha: { float: alpha } } }),
  elementwise: true,
});

/** x where it is above 0, alpha · (eˣ − 1) elsewhere. */
export const elu = defineOp<['x'], { readonly alpha: number }>({
  opType: 'Elu',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [
    ({ dy, y, inputs: [x], attributes: { alpha } }) =>
      mul(dy, where(greater(x, zero()), constant(1), add(y, constant(alpha)))),
  ],
  onnx: (_, { alpha }) => ({ attributes: { alpha: { float: alpha } } }),
  elementwise: true,
});

/** alpha · x + beta within [0, 1]; no gradient at the ends. */
export const hardSigmoid = defineOp<['x'], { readonly alpha: number; readonly beta: number }>({
  opType: 'HardSigmoid',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [({ dy, y, attributes: { alpha } }) => mul(mul(dy, constant(alpha)), mask(within(y, 0, 1), dy))],
  onnx: (_, { alpha, beta }) => ({ attributes: { alpha: { float: alpha }, beta: { float: beta } } }),
  elementwise: true,
});

/** x / (1 + |x|) */
export const softsign = defineOp({
  opType: 'Softsign',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [({ dy, inputs: [x] }) => div(dy, square(add(constant(1), abs(x))))],
  elementwise: true,
});

const radius = (x: Value, b: number): Value => sqrt(add(square(x), constant(b)));

/** (x + √(x² + b)) / 2, without the loss of digits that the sum has where x is far below 0. */
export const squareplus = defineOp<['x'], { readonly b: number }>({
  opType: 'Squareplus',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [({ dy, y, inputs: [x], attributes: { b } }) => mul(dy, div(y, radius(x, b)))],
  // The two roots of y² − x·y − b/4 have the product −b/4.
  compose: ([x], { b }) => {
    const larger = mul(add(abs(x), radius(x, b)), constant(0.5));
    return where(greater(x, zero()), larger, div(constant(b / 4), larger));
  },
  elementwise: true,
});

/**
 * The point of the probability simplex that is nearest to x, along an axis of known size: Martins and Astudillo, "From
 * softmax to sparsemax", ICML 2016.
 */
export const sparsemax = defineOp<['x'], { readonly axis: number }>({
  opType: 'Sparsemax',
  inputs: ['x'],
  infer: ([x]) => x,
  // Within the support: dy less its mean over the support.
  grad: [
    ({ dy, y, attributes: { axis } }) => {
      const along = { axes: [axis], keepDims: true };
      const support = mask(greater(y, zero()), dy);
      const inside = mul(dy, support);
      return sub(inside, mul(support, div(reduceSum(inside, along), reduceSum(support, along))));
    },
  ],
  compose: ([x], { axis }) => {
    const along = { axes: [axis], keepDims: true };
    const shifted = sub(x, reduceMax(x, along)); // which changes nothing but the size of the numbers
    const sorted = sort(shifted, { axis, descending: true });
    const size = staticDim(x.shape.at(axis)!, `sparsemax of ${x}`);
    const ranks = constant(
      floats(
        Array.from({ length: size }, (_, i) => i + 1),
        x.shape.map((_, i) => (i === (axis < 0 ? axis + x.rank : axis) ? size : 1)),
      ),
    );
    const isIn = greater(add(constant(1), mul(ranks, sorted)), cumSum(sorted, { axis }));
    const excess = sub(reduceSum(where(isIn, sorted, zero()), along), constant(1));
    return relu(sub(shifted, div(excess, reduceSum(mask(isIn, x), along))));
  },
});
