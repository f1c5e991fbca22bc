import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';

/** A penalty on a weight, added to the loss; plain data, so that a model's topology can hold it. */
export interface Regularizer {
  /** Factor of the sum of squares. */
  readonly l2: number;
}

/** `strength` · Σ w², https://keras.io/api/layers/regularizers/ */
export function l2(strength = 0.01): Regularizer {
  return { l2: strength };
}

/** The penalty of a weight, a scalar. */
export function penalty(weight: Value, regularizer: Regularizer): Value {
  return mul(reduceSum(mul(weight, weight)), constant(regularizer.l2));
}
