import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { CallContext, Weight } from '../layers/layer.ts';
import type { Node, SymbolicTensor } from '../layers/symbolic.ts';
import { stopGradient } from '../ops/elementwise.ts';
import { constantWeight } from './contexts.ts';
import type { Cut } from './cut.ts';
import type { Network } from './network.ts';
import { forward } from './topology.ts';

/** A key that a step is fed: what makes it unlike the others. */
export interface RandomKey {
  /** The input's name. */
  readonly name: string;
  /** The layer's own seed, if it has one. */
  readonly seed: number | undefined;
  /** The layer's path, and which call and which key of it this is. */
  readonly path: string;
  readonly call: number;
  readonly index: number;
}

/** The part of a model that training changes, as graph on the trunk's features. */
export interface Tail {
  /** In the order of the model's outputs. */
  readonly predictions: readonly Value[];
  /** Of the tensors that were asked for beside them. */
  readonly others: readonly Value[];
  /** The weights that training changes, as inputs. */
  readonly weights: ReadonlyMap<Weight, Value>;
  /** New values of those that the layers change themselves. */
  readonly updates: ReadonlyMap<Weight, Value>;
  /** Scalars that the layers add to the loss. */
  readonly losses: readonly Value[];
  readonly randomKeys: readonly RandomKey[];
}

/** The name under which a feature is fed. */
export const featureName = (tensor: SymbolicTensor): string => `feature/${tensor.id}`;

export function tailOf(
  network: Network,
  { frontier, weights: changing }: Cut,
  training: boolean,
  others: readonly SymbolicTensor[] = [],
): Tail {
  const weights = new Map<Weight, Value>();
  const constants = new Map<Weight, Value>();
  const updates = new Map<Weight, Value>();
  const losses: Value[] = [];
  const randomKeys: RandomKey[] = [];
  const nameOf = (weight: Weight) => network.weightNames.get(weight)!;

  const read = (weight: Weight): Value => {
    const updated = updates.get(weight);
    if (updated) return updated;
    const known = changing.has(weight) ? weights : constants;
    if (!known.has(weight)) {
      const value = changing.has(weight)
        ? input(nameOf(weight), weight.shape)
        : constantWeight(weight, network);
      known.set(weight, value);
    }
    return known.get(weight)!;
  };
  const contextOf = (node: Node): CallContext => {
    const path = network.paths.get(node.layer)!;
    const call = network.callNumbers.get(node)!;
    let keys = 0;
    return {
      training: training && node.training !== false,
      read,
      // As in Keras, no gradient goes through what is assigned.
      update: (weight, value) => void updates.set(weight, stopGradient(value)),
      addLoss: (loss) => void losses.push(loss),
      randomKey: (seed) => {
        const index = keys++;
        const name = `random/${path}/${call}/${index}`;
        randomKeys.push({ name, seed, path, call, index });
        return input(name, [2], 'uint32');
      },
    };
  };
  const given = new Map(
    frontier.map((tensor) => [tensor, input(featureName(tensor), tensor.shape, tensor.dtype)]),
  );
  const values = forward([...network.outputs, ...others], given, contextOf);
  const { length } = network.outputs;
  return {
    predictions: values.slice(0, length),
    others: values.slice(length),
    weights,
    updates,
    losses,
    randomKeys,
  };
}
