import { UsageError } from '../core/errors.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { CallContext, Weight } from '../layers/layer.ts';
import type { Node } from '../layers/symbolic.ts';
import { cast } from '../ops/elementwise.ts';
import type { Network } from './network.ts';

/** A weight as a constant of a graph. Half-precision ones stay so in memory and are widened on the device. */
export function constantWeight(weight: Weight, { weightNames }: Network): Value {
  const value = constant(weight.value!, weightNames.get(weight));
  return value.dtype === 'float32' ? value : cast(value, { to: 'float32' });
}

/** Inference with the weights as they are now: what each call of a layer is given. */
export function inferenceContexts(network: Network): (node: Node) => CallContext {
  const constants = new Map<Weight, Value>();
  const read = (weight: Weight): Value => {
    if (!constants.has(weight)) constants.set(weight, constantWeight(weight, network));
    return constants.get(weight)!;
  };
  return ({ layer }) => ({
    training: false,
    read,
    update: () => {},
    addLoss: () => {},
    randomKey: () => {
      throw new UsageError(
        `layer '${layer.name}' asked for random numbers in inference: ask where training is true`,
      );
    },
  });
}
