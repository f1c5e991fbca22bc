import { normalizeAxis } from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import type { Value } from '../graph/value.ts';
import { exp, mul, neg, sub } from './elementwise.ts';
import { reduceSum } from './reduce.ts';

interface AxisAttributes {
  /** Default −1, the last. */
  readonly axis?: number;
}

/** eˣ over its sum along one axis. */
export const softmax = defineOp<['x'], AxisAttributes>({
  opType: 'Softmax',
  inputs: ['x'],
  infer: ([x], { axis = -1 }) => {
    normalizeAxis(axis, x.rank, 'Softmax');
    return x;
  },
  // dx = y · (dy − Σ dy·y)
  grad: [
    ({ dy, y, attributes: { axis = -1 } }) =>
      mul(y, sub(dy, reduceSum(mul(dy, y), { axes: [axis], keepDims: true }))),
  ],
  onnx: (_, { axis = -1 }) => ({ attributes: { axis } }),
});

/** log(softmax(x)), without the loss of digits that the two in turn would have. */
export const logSoftmax = defineOp<['x'], AxisAttributes>({
  opType: 'LogSoftmax',
  inputs: ['x'],
  infer: ([x], { axis = -1 }) => {
    normalizeAxis(axis, x.rank, 'LogSoftmax');
    return x;
  },
  // dx = dy − softmax(x) · Σ dy
  grad: [
    ({ dy, y, attributes: { axis = -1 } }) =>
      sub(dy, mul(exp(y), reduceSum(dy, { axes: [axis], keepDims: true }))),
  ],
  onnx: (_, { axis = -1 }) => ({ attributes: { axis } }),
});

/**
 * Cross-entropy of each row, from logits: −Σ target · log softmax(logits). Stable at any finite logits.
 *
 * @param logits [..., classes]
 * @param targets probabilities, [..., classes]
 * @returns [...]
 */
export function softmaxCrossEntropy(logits: Value, targets: Value): Value {
  return neg(reduceSum(mul(targets, logSoftmax(logits)), { axes: [-1] }));
}
