import type { SymbolicTensor } from '../layers/layer.ts';
import { between } from './topology.ts';

/** Where training begins. */
export interface Cut {
  /** The layers' outputs that training changes, or that differ from call to call: the tail. */
  readonly tail: ReadonlySet<SymbolicTensor>;
  /** What the tail takes from the trunk, or from the model's inputs. */
  readonly frontier: readonly SymbolicTensor[];
}

/**
 * Cuts a model by its layers' `trainable` flags alone: whatever depends on a weight that training changes, or on
 * randomness, is the tail; no gradient enters the rest, so its values can be computed once and kept.
 */
export function cut(outputs: readonly SymbolicTensor[]): Cut {
  const order = between(outputs);
  const tail = new Set<SymbolicTensor>();
  for (const tensor of order) {
    const changes = tensor.layer.trainableWeights.length > 0 || tensor.layer.random;
    if (changes || tensor.inputs.some((input) => tail.has(input))) tail.add(tensor);
  }
  const frontier = order.filter(
    (tensor) =>
      !tail.has(tensor) &&
      (outputs.includes(tensor) || order.some((user) => tail.has(user) && user.inputs.includes(tensor))),
  );
  return { tail, frontier };
}
