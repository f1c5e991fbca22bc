import { ShapeError } from '../core/errors.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  add,
  cast,
  equal,
  logicalAnd,
  logicalNot,
  mask,
  maximum,
  mul,
  softplus,
  sub,
  where,
} from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { expandDims } from '../ops/rearranging.ts';
import { logSumExp } from '../ops/reduce.ts';
import { range, reshape, shapeOf } from '../ops/shaping.ts';

export interface CircleOptions {
  readonly gamma: number;
  readonly margin: number;
  /** An example is no neighbour of itself. */
  readonly removeDiagonal: boolean;
}

const int64 = (value: number) => constant(tensor('int64', [], BigInt64Array.of(BigInt(value))));
/** So far below every score that its exponential is zero, and finite. */
const farBelow = constant(-1e9);

/** Whether row and column stand for one thing, [batch, batch], of things [batch]. */
const same = (x: Value) => equal(expandDims(x, { axis: 1 }), expandDims(x, { axis: 0 }));

/**
 * log(1 + Σ exp(γ·negative) · Σ exp(γ·positive)) of each embedding among those of the batch, by their cosine distances.
 *
 * @param targets class indexes, [batch] or [batch, 1]
 * @param embeddings [batch, size], each of length 1
 */
export function circle(
  { gamma, margin, removeDiagonal }: CircleOptions,
  targets: Value,
  embeddings: Value,
): Value {
  const [batch] = embeddings.shape;
  if (embeddings.rank !== 2 || targets.shape[0] !== batch || targets.shape.slice(1).some((dim) => dim !== 1))
    throw new ShapeError(
      `circle: class indexes [batch] and embeddings [batch, size] are needed, got ${targets} and ${embeddings}`,
    );
  const distances = maximum(
    sub(constant(1), matMul(embeddings, embeddings, { transposeB: true })),
    constant(0),
  );
  const labels = reshape(cast(targets, { to: 'int32' }), { shape: [batch!] });
  const size = reshape(shapeOf(embeddings, { end: 1 }), { shape: [] });
  const itself = same(range(int64(0), size, int64(1), { length: batch! }));
  const alike = same(labels);
  const positive = removeDiagonal ? logicalAnd(alike, logicalNot(itself)) : alike;
  const negative = logicalNot(alike);
  // As written, these weights carry gradients too.
  const positiveWeight = maximum(
    mul(add(constant(margin), distances), mask(positive, distances)),
    constant(0),
  );
  const negativeWeight = maximum(
    mul(sub(constant(1 + margin), distances), mask(negative, distances)),
    constant(0),
  );
  const positiveScore = mul(mul(constant(-gamma), positiveWeight), sub(constant(margin), distances));
  const negativeScore = mul(mul(constant(gamma), negativeWeight), sub(constant(1 - margin), distances));
  const total = (scores: Value, among: Value) => logSumExp(where(among, scores, farBelow), { axes: [1] });
  return softplus(add(total(positiveScore, positive), total(negativeScore, negative)));
}
