import { ShapeError } from '../core/errors.ts';
import { sameShape } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { div, log, maximum, mul, neg } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import { softmax, softmaxCrossEntropy } from '../ops/softmax.ts';

/** The loss of each example, [batch], from targets and predictions of one shape, [batch, …]. */
export type Loss = (targets: Value, predictions: Value) => Value;

const epsilon = 1e-7;

/**
 * Cross-entropy between probabilities, https://keras.io/api/losses/probabilistic_losses/#categoricalcrossentropy-class
 *
 * Predictions that a softmax has just made are taken from its logits, so that no digit is lost, as Keras does.
 */
export const categoricalCrossentropy: Loss = (targets, predictions) => {
  if (!sameShape(targets.shape, predictions.shape)) {
    throw new ShapeError(
      `categoricalCrossentropy: targets ${targets} and predictions ${predictions} differ in shape`,
    );
  }
  const [logits] = predictions.op === softmax.op ? predictions.inputs : [];
  if (logits) return softmaxCrossEntropy(logits, targets);
  const normalized = div(predictions, reduceSum(predictions, { axes: [-1], keepDims: true }));
  return neg(reduceSum(mul(targets, log(clip(normalized))), { axes: [-1] }));
};

function clip(probabilities: Value): Value {
  const above = maximum(probabilities, constant(epsilon));
  return neg(maximum(neg(above), constant(epsilon - 1))); // min(p, 1 − ε), and no digit of a small p is lost
}

/** Losses by Keras' names. */
export const losses = { categoricalCrossentropy } satisfies Record<string, Loss>;

export type LossName = keyof typeof losses;
