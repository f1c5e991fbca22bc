import type { DType } from '../core/dtype.ts';
import { ShapeError } from '../core/errors.ts';
import { broadcastShapes } from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant } from '../graph/leaves.ts';
import type { GradientRule, Value, ValueSpec } from '../graph/value.ts';

type Binary = readonly [a: Value, b: Value];
type BinaryRule = GradientRule<Binary, object>;
type UnaryRule = GradientRule<readonly [x: Value], object>;

function broadcast(opType: string, [a, b]: Binary): ValueSpec {
  const shape = broadcastShapes(a.shape, b.shape);
  if (!shape) throw new ShapeError(`${opType}: ${a} and ${b} do not broadcast`);
  if (a.dtype !== b.dtype) throw new ShapeError(`${opType}: ${a} and ${b} differ in dtype; cast one of them`);
  return { shape, dtype: a.dtype };
}

function binary(opType: string, gradA: BinaryRule, gradB: BinaryRule) {
  return defineOp({
    opType,
    inputs: ['a', 'b'],
    infer: (inputs) => broadcast(opType, inputs),
    grad: [gradA, gradB],
    elementwise: true,
  });
}

function unary(opType: string, grad: UnaryRule) {
  return defineOp({ opType, inputs: ['x'], infer: ([x]) => x, grad: [grad], elementwise: true });
}

function comparison(opType: string) {
  return defineOp({
    opType,
    inputs: ['a', 'b'],
    infer: (inputs) => ({ shape: broadcast(opType, inputs).shape, dtype: 'bool' }),
    grad: [null, null], // constant but for a step
    elementwise: true,
  });
}

function integer(opType: string, attributes: Record<string, string> = {}) {
  return defineOp({
    opType,
    inputs: ['a', 'b'],
    infer: (inputs) => broadcast(opType, inputs),
    onnx: () => ({ attributes }),
    elementwise: true,
  });
}

const one = () => constant(1);
const square = (x: Value): Value => mul(x, x);

/** 1 where the condition holds, 0 elsewhere, in the dtype of `like`. A product with it is faster than ONNX's Where. */
export const mask = (condition: Value, like: Value): Value => cast(condition, { to: like.dtype });

export const add = binary(
  'Add',
  ({ dy }) => dy,
  ({ dy }) => dy,
);
export const sub = binary(
  'Sub',
  ({ dy }) => dy,
  ({ dy }) => neg(dy),
);
export const mul = binary(
  'Mul',
  ({ dy, inputs: [, b] }) => mul(dy, b),
  ({ dy, inputs: [a] }) => mul(dy, a),
);
export const div = binary(
  'Div',
  ({ dy, inputs: [, b] }) => div(dy, b),
  ({ dy, y, inputs: [, b] }) => neg(mul(dy, div(y, b))), // d(a/b)/db = −(a/b)/b
);

export const equal = comparison('Equal');
export const greater = comparison('Greater');
export const less = comparison('Less');

export const bitwiseXor = integer('BitwiseXor');
export const shiftLeft = integer('BitShift', { direction: 'LEFT' });
export const shiftRight = integer('BitShift', { direction: 'RIGHT' });

export const neg = unary('Neg', ({ dy }) => neg(dy));
export const exp = unary('Exp', ({ dy, y }) => mul(dy, y));
export const log = unary('Log', ({ dy, inputs: [x] }) => div(dy, x));
export const sqrt = unary('Sqrt', ({ dy, y }) => div(mul(dy, constant(0.5)), y));
export const tanh = unary('Tanh', ({ dy, y }) => mul(dy, sub(one(), square(y))));
export const sigmoid = unary('Sigmoid', ({ dy, y }) => mul(dy, mul(y, sub(one(), y))));
/** log(1 + eˣ) */
export const softplus = unary('Softplus', ({ dy, inputs: [x] }) => mul(dy, sigmoid(x)));
/** max(x, 0); no gradient where x ≤ 0. */
export const relu = unary('Relu', ({ dy, y }) => mul(dy, mask(greater(y, constant(0)), dy)));
export const abs = unary('Abs', ({ dy, inputs: [x] }) => mul(dy, sign(x)));
/** −1, 0 or 1 */
export const sign = defineOp({
  opType: 'Sign',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [null],
  elementwise: true,
});

/** The larger of two; where they are equal, the gradient goes to `a`. */
export const maximum = binary(
  'Max',
  ({ dy, inputs: [a, b] }) => mul(dy, sub(one(), mask(less(a, b), dy))),
  ({ dy, inputs: [a, b] }) => mul(dy, mask(less(a, b), dy)),
);

/** Another dtype. Between floating-point types the gradient passes; from others there is none to ask for. */
export const cast = defineOp<['x'], { to: DType }>({
  opType: 'Cast',
  inputs: ['x'],
  infer: ([x], { to }) => ({ shape: x.shape, dtype: to }),
  grad: [({ dy, inputs: [x] }): Value => cast(dy, { to: x.dtype })],
  onnx: (_, { to }) => ({ attributes: { to: { dtype: to } } }),
  elementwise: true,
});
