import type { Weight } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { Network } from './network.ts';

/** Where training begins. */
export interface Cut {
  /** The layers' outputs that training changes, or that differ from call to call, or add to the loss: the tail. */
  readonly tail: ReadonlySet<SymbolicTensor>;
  /** What the tail takes from the trunk, or from the model's inputs. */
  readonly frontier: readonly SymbolicTensor[];
  /** What a step of training changes: by gradients, or as state, such as moving averages. Only the tail reads them. */
  readonly weights: ReadonlySet<Weight>;
}

/**
 * Cuts a network by its layers' `trainable` flags alone: whatever depends on a weight that training changes, or on
 * randomness, or adds to the loss, is the tail; no gradient enters the rest, so its values can be computed once and kept.
 */
export function cut(network: Network): Cut {
  const { inputs, outputs, nodes } = network;
  const weights = new Set(
    nodes.flatMap(({ layer, training }) =>
      layer.stateful && training !== false ? layer.weights : layer.trainableWeights,
    ),
  );
  const tail = new Set<SymbolicTensor>();
  const taken = new Set<SymbolicTensor>();
  for (const node of nodes) {
    const { layer, training } = node;
    const belongs =
      node.inputs.some((input) => tail.has(input)) ||
      layer.weights.some((weight) => weights.has(weight)) ||
      (layer.random && training !== false) ||
      network.addsLoss(node);
    if (!belongs) continue;
    for (const output of node.outputs) tail.add(output);
    for (const input of node.inputs) if (!tail.has(input)) taken.add(input);
  }
  for (const output of outputs) if (!tail.has(output)) taken.add(output);
  const order = [...inputs, ...nodes.flatMap((node) => node.outputs)];
  return { tail, frontier: order.filter((tensor) => taken.has(tensor)), weights };
}
