import { UsageError } from '../core/errors.ts';
import type { Value } from '../graph/value.ts';
import type { CallContext, Layer, SymbolicTensor } from '../layers/layer.ts';

/**
 * What `outputs` depend on, not going beyond `given`, inputs before what is computed from them. Tensors are numbered
 * as they are made, and a layer is applied to what exists, so their numbers are such an order.
 */
export function between(
  outputs: readonly SymbolicTensor[],
  given: ReadonlySet<SymbolicTensor> = new Set(),
): SymbolicTensor[] {
  const reached = new Set<SymbolicTensor>(outputs);
  for (const tensor of reached) if (!given.has(tensor)) for (const input of tensor.inputs) reached.add(input);
  return [...reached].sort((a, b) => a.id - b.id);
}

/**
 * The layers between inputs and outputs, in the order of computation.
 *
 * @throws {UsageError} when an output depends on another input, or two layers have one name
 */
export function layersBetween(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
): Layer[] {
  const order = between(outputs);
  for (const tensor of order) {
    if (tensor.inputs.length === 0 && !inputs.includes(tensor)) {
      throw new UsageError(
        `model: an output depends on '${tensor.layer.name}', which is not among the model's inputs`,
      );
    }
  }
  const layers = [...new Set(order.map(({ layer }) => layer))];
  const names = new Map<string, Layer>();
  for (const layer of layers) {
    if (names.has(layer.name))
      throw new UsageError(`model: two layers have the name '${layer.name}'; give one another name`);
    names.set(layer.name, layer);
  }
  return layers;
}

/** The values of `outputs` as graph, from the values of tensors that they are computed from. */
export function forward(
  outputs: readonly SymbolicTensor[],
  given: ReadonlyMap<SymbolicTensor, Value>,
  context: CallContext,
): Value[] {
  const values = new Map(given);
  for (const tensor of between(outputs, new Set(given.keys()))) {
    if (values.has(tensor)) continue;
    values.set(
      tensor,
      tensor.layer.call(
        tensor.inputs.map((input) => values.get(input)!),
        context,
      ),
    );
  }
  return outputs.map((output) => values.get(output)!);
}
