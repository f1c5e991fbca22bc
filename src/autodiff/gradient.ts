import { ShapeError } from '../core/errors.ts';
import { sameShape } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import { topologicalOrder, type Value } from '../graph/value.ts';
import { add } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { broadcastLike, reshape } from '../ops/shaping.ts';

/**
 * The gradients of a scalar by each of `wrt`: values of the same graph, computed in reverse mode. Only what leads from
 * `wrt` to the loss is followed. A value that the loss does not depend on gets zeros.
 *
 * @throws {ShapeError} when the loss is no scalar, or an operator on the way has no gradient
 * @example
 * const [dw, db] = gradient(meanLoss, [w, b]);
 */
export function gradient(loss: Value, wrt: readonly Value[]): Value[] {
  if (loss.rank !== 0)
    throw new ShapeError(`gradient: a scalar is needed, got ${loss}; take its sum or mean first`);
  const order = topologicalOrder([loss]);
  const needed = new Set<Value>(wrt);
  const leads = (y: Value) =>
    y.inputs.some((input, i) => input && needed.has(input) && ruleOf(y, i) !== null);
  for (const value of order) if (leads(value)) needed.add(value);

  const gradients = new Map<Value, Value>([[loss, constant(1)]]);
  for (const y of order.reverse()) {
    const dy = gradients.get(y);
    if (!dy || !needed.has(y)) continue;
    y.inputs.forEach((input, index) => {
      if (!input || !needed.has(input)) return;
      const rule = ruleOf(y, index);
      if (rule === null) return;
      if (!rule)
        throw new ShapeError(`gradient: operator ${y.op.opType} has none by input ${index} (${input})`);
      const part = unbroadcast(rule({ dy, y, inputs: y.inputs, attributes: y.attributes, index }), input);
      const sum = gradients.get(input);
      gradients.set(input, sum ? add(sum, part) : part);
    });
  }
  return wrt.map((value) => gradients.get(value) ?? broadcastLike(constant(0), value));
}

/** The rule by one input: `null` where no gradient passes, `undefined` where the operator has none. */
function ruleOf({ op: { grad } }: Value, index: number) {
  return grad[Math.min(index, grad.length - 1)];
}

/** The sum over what broadcasting had repeated, so that a gradient has its value's shape. */
function unbroadcast(gradient: Value, value: Value): Value {
  if (sameShape(gradient.shape, value.shape)) return gradient;
  const extra = gradient.rank - value.rank;
  const axes = gradient.shape.flatMap((dim, i) =>
    i < extra || (value.shape[i - extra] === 1 && dim !== 1) ? [i] : [],
  );
  return reshape(reduceSum(gradient, { axes }), { shape: value.shape });
}
