import type { Value } from '../../src/graph/value.ts';
import { InputLayer } from '../../src/layers/input.ts';
import type { CallContext, Layer, Weight } from '../../src/layers/layer.ts';

/**
 * A layer of one output called on values of a graph, as a model would.
 *
 * @param weights what each weight is, in the order of `layer.weights`
 * @returns the output, and what the call makes of weights, by name
 */
export function callLayer(
  layer: Layer,
  inputs: readonly Value[],
  weights: (weight: Weight, index: number) => Value,
  training = false,
): { y: Value; updates: Record<string, Value> } {
  layer.apply(inputs.map(({ shape, dtype }) => new InputLayer({ shape: shape.slice(1), dtype }).output));
  const values = new Map(layer.weights.map((weight, i) => [weight, weights(weight, i)]));
  const updates: Record<string, Value> = {};
  const refuse = (what: string) => () => {
    throw new Error(`layer '${layer.name}' asked for ${what}`);
  };
  const context: CallContext = {
    training,
    read: (weight) => values.get(weight)!,
    update: ({ name }, value) => {
      updates[name] = value;
    },
    addLoss: refuse('a loss'),
    randomKey: refuse('random numbers'),
  };
  return { y: layer.call(inputs, context) as Value, updates };
}
