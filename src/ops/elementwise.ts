import type { DType } from '../core/dtype.ts';
import { ShapeError } from '../core/errors.ts';
import { broadcastShapes } from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant, scalarOf } from '../graph/leaves.ts';
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

/** Constant but for steps, so that no gradient passes. */
function stepwise(opType: string) {
  return defineOp({ opType, inputs: ['x'], infer: ([x]) => x, grad: [null], elementwise: true });
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

function requireBool(opType: string, values: readonly Value[]): void {
  const other = values.find(({ dtype }) => dtype !== 'bool');
  if (other) throw new ShapeError(`${opType}: conditions (bool) are needed, got ${other}`);
}

function logical(opType: string) {
  return defineOp({
    opType,
    inputs: ['a', 'b'],
    infer: (inputs) => {
      requireBool(opType, inputs);
      return broadcast(opType, inputs);
    },
    grad: [null, null],
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
export const greaterEqual = comparison('GreaterOrEqual');
export const lessEqual = comparison('LessOrEqual');
export const notEqual = (a: Value, b: Value): Value => logicalNot(equal(a, b));

export const logicalAnd = logical('And');
export const logicalOr = logical('Or');
export const logicalNot = defineOp({
  opType: 'Not',
  inputs: ['x'],
  infer: ([x]) => {
    requireBool('Not', [x]);
    return x;
  },
  grad: [null],
  elementwise: true,
});
// biome-ignore lint/suspicious/noShadowRestrictedNames: what everybody calls it
export const isNaN = defineOp({
  opType: 'IsNaN',
  inputs: ['x'],
  infer: ([x]) => ({ shape: x.shape, dtype: 'bool' }),
  grad: [null],
  elementwise: true,
});

/**
 * `a` where the condition holds, `b` elsewhere; all three broadcast. The gradient of what was not taken is zero, whatever
 * comes in.
 *
 * @example where(greater(x, constant(0)), x, mul(x, slope))
 */
export const where = defineOp({
  opType: 'Where',
  inputs: ['condition', 'a', 'b'],
  infer: ([condition, a, b]) => {
    requireBool('Where', [condition]);
    const { shape, dtype } = broadcast('Where', [a, b]);
    const whole = broadcastShapes(condition.shape, shape);
    if (!whole) throw new ShapeError(`Where: ${condition}, ${a} and ${b} do not broadcast`);
    return { shape: whole, dtype };
  },
  grad: [
    null,
    ({ dy, inputs: [condition] }): Value => where(condition, dy, constant(0)),
    ({ dy, inputs: [condition] }): Value => where(condition, constant(0), dy),
  ],
  elementwise: true,
});

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
export const sign = stepwise('Sign');
export const floor = stepwise('Floor');
export const ceil = stepwise('Ceil');
/** To the nearest whole number; halves to the even one. */
export const round = stepwise('Round');

export const square = (x: Value): Value => mul(x, x);
export const reciprocal = unary('Reciprocal', ({ dy, y }) => neg(mul(dy, square(y))));
/** 1 / √x */
export const rsqrt = (x: Value): Value => reciprocal(sqrt(x));
export const sin = unary('Sin', ({ dy, inputs: [x] }) => mul(dy, cos(x)));
export const cos = unary('Cos', ({ dy, inputs: [x] }) => neg(mul(dy, sin(x))));
/** The error function, 2/√π · ∫₀ˣ exp(−t²) dt */
export const erf = unary('Erf', ({ dy, inputs: [x] }) =>
  mul(dy, mul(constant(2 / Math.sqrt(Math.PI)), exp(neg(square(x))))),
);

/** log(1 + x) with all digits near zero: the logarithm of the rounded sum, and what rounding took from it. */
export const log1p = defineOp({
  opType: 'Log1p',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [({ dy, inputs: [x] }) => div(dy, add(one(), x))],
  compose: ([x]) => {
    const sum = add(one(), x);
    const lost = div(sub(x, sub(sum, one())), sum);
    return add(log(sum), where(less(abs(x), constant(0.5)), lost, constant(0)));
  },
  elementwise: true,
});

/** eˣ − 1 with all digits near zero: tanh(x/2) = (eˣ − 1) / (eˣ + 1). */
export const expm1 = defineOp({
  opType: 'Expm1',
  inputs: ['x'],
  infer: ([x]) => x,
  grad: [({ dy, y }) => mul(dy, add(y, one()))],
  compose: ([x]) => mul(tanh(mul(x, constant(0.5))), add(exp(x), one())),
  elementwise: true,
});

/** The larger of two; where they are equal, the gradient goes to `a`. */
export const maximum = binary(
  'Max',
  ({ dy, inputs: [a, b] }) => mul(dy, sub(one(), mask(less(a, b), dy))),
  ({ dy, inputs: [a, b] }) => mul(dy, mask(less(a, b), dy)),
);

/** The smaller of two; where they are equal, the gradient goes to `a`. */
export const minimum = binary(
  'Min',
  ({ dy, inputs: [a, b] }) => mul(dy, sub(one(), mask(greater(a, b), dy))),
  ({ dy, inputs: [a, b] }) => mul(dy, mask(greater(a, b), dy)),
);

/** `x` within [min, max]; the gradient passes where it was so already, its ends included. */
export const clip = defineOp<['x'], { readonly min: number; readonly max: number }>({
  opType: 'Clip',
  inputs: ['x'],
  infer: ([x], { min, max }) => {
    if (!(min <= max)) throw new ShapeError(`Clip: min must not be above max, got ${min} and ${max}`);
    return x;
  },
  grad: [({ dy, y, inputs: [x] }) => mul(dy, mask(equal(x, y), dy))],
  onnx: ([x], { min, max }) => ({ constants: [scalarOf(min, x.dtype), scalarOf(max, x.dtype)] }),
  elementwise: true,
});

/** aᵇ. The gradient by `b` is zero where a ≤ 0, as in TensorFlow. */
export const pow = binary(
  'Pow',
  // b·aᵇ⁻¹, and 0 for b = 0 also at a = 0
  ({ dy, inputs: [a, b] }) => {
    const lower = where(equal(b, constant(0)), one(), sub(b, one()));
    return mul(dy, mul(b, pow(a, lower)));
  },
  ({ dy, y, inputs: [a] }) => {
    const positive = greater(a, constant(0));
    return mul(dy, mul(y, where(positive, log(where(positive, a, one())), constant(0))));
  },
);

/** `x` as it is, through which no gradient passes. */
export const stopGradient = stepwise('Identity');

/** Another dtype. Between floating-point types the gradient passes; from others there is none to ask for. */
export const cast = defineOp<['x'], { to: DType }>({
  opType: 'Cast',
  inputs: ['x'],
  infer: ([x], { to }) => ({ shape: x.shape, dtype: to }),
  grad: [({ dy, inputs: [x] }): Value => cast(dy, { to: x.dtype })],
  onnx: (_, { to }) => ({ attributes: { to: { dtype: to } } }),
  elementwise: true,
});
