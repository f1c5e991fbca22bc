import { UsageError } from '../core/errors.ts';
import type { Value } from '../graph/value.ts';
import { relu, sigmoid, softplus, tanh } from '../ops/elementwise.ts';
import { softmax } from '../ops/softmax.ts';

/** Activation functions by Keras' names, https://keras.io/api/layers/activations/ */
export const activations = {
  linear: (x: Value): Value => x,
  relu: (x: Value): Value => relu(x),
  sigmoid: (x: Value): Value => sigmoid(x),
  softmax: (x: Value): Value => softmax(x),
  softplus: (x: Value): Value => softplus(x),
  tanh: (x: Value): Value => tanh(x),
} as const;

export type Activation = keyof typeof activations;

/** @throws {UsageError} for an unknown name */
export function checkActivation(name: string, where: string): Activation {
  if (!Object.hasOwn(activations, name)) {
    throw new UsageError(
      `${where}: activation must be one of ${Object.keys(activations).join(', ')}, got '${name}'`,
    );
  }
  return name as Activation;
}
