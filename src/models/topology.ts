import { UsageError } from '../core/errors.ts';
import { asList } from '../core/lists.ts';
import type { Value } from '../graph/value.ts';
import type { CallContext, Layer } from '../layers/layer.ts';
import type { Node, SymbolicTensor } from '../layers/symbolic.ts';

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

/** The calls that compute `outputs` from `given`, in an order of computation. */
export function nodesBetween(
  outputs: readonly SymbolicTensor[],
  given: ReadonlySet<SymbolicTensor> = new Set(),
): Node[] {
  const computed = between(outputs, given).filter((tensor) => !given.has(tensor));
  return [...new Set(computed.map(({ node }) => node))];
}

/** @throws {UsageError} when an output depends on what is not among the inputs */
export function refuseDisconnected(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
  where: string,
): void {
  const source = nodesBetween(outputs, new Set(inputs)).find((node) => node.inputs.length === 0);
  if (!source) return;
  const names = inputs.map(({ layer }) => layer.name).join(', ');
  throw new UsageError(
    `${where}: an output depends on '${source.layer.name}', which is not among the model's inputs (${names})`,
  );
}

/** The calls of each layer, in their order. */
export function callsByLayer(nodes: readonly Node[]): Map<Layer, Node[]> {
  const calls = new Map<Layer, Node[]>();
  for (const node of nodes) {
    const known = calls.get(node.layer);
    if (known) known.push(node);
    else calls.set(node.layer, [node]);
  }
  return calls;
}

/** A layer's first call is 0, its second 1. */
export function callNumbersOf(calls: ReadonlyMap<Layer, readonly Node[]>): Map<Node, number> {
  return new Map([...calls.values()].flatMap((nodes) => nodes.map((node, i) => [node, i] as const)));
}

/**
 * The layers between inputs and outputs in Keras' order, which is that of their weights in `getWeights`: those farther
 * from the outputs first, and those equally far as a walk from the outputs to the inputs meets them.
 *
 * @throws {UsageError} when two layers have one name
 */
export function layersBetween(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
  where: string,
): Layer[] {
  const given = new Set(inputs);
  const nodes = nodesBetween(outputs, given);
  const nodeDepths = new Map<Node, number>();
  const depths = new Map<Layer, number>();
  const deepen = <K>(map: Map<K, number>, key: K, depth: number) =>
    map.set(key, Math.max(depth, map.get(key) ?? 0)).get(key)!;
  for (const node of nodes.toReversed()) {
    const depth = deepen(nodeDepths, node, deepen(depths, node.layer, nodeDepths.get(node) ?? 0));
    for (const input of node.inputs) {
      if (given.has(input)) deepen(depths, input.layer, depth + 1);
      else deepen(nodeDepths, input.node, depth + 1);
    }
  }
  // Inputs that lead to no output come first among the last.
  for (const input of inputs) deepen(depths, input.layer, 0);
  const met = new Map<Layer, number>();
  for (const { layer } of walk(outputs, given)) if (!met.has(layer)) met.set(layer, met.size);
  const place = (layer: Layer) => met.get(layer) ?? -1;
  const layers = [...depths.keys()].sort((a, b) => depths.get(b)! - depths.get(a)! || place(a) - place(b));
  const names = new Set<string>();
  for (const { name } of layers) {
    if (names.has(name))
      throw new UsageError(`${where}: two layers have the name '${name}'; give one another name`);
    names.add(name);
  }
  return layers;
}

/** Tensors as a walk down from the outputs meets them, each output's inputs before the next output. */
function walk(outputs: readonly SymbolicTensor[], given: ReadonlySet<SymbolicTensor>): SymbolicTensor[] {
  const met = new Set<SymbolicTensor>();
  const ahead = outputs.toReversed();
  while (ahead.length > 0) {
    const tensor = ahead.pop()!;
    if (met.has(tensor)) continue;
    met.add(tensor);
    if (!given.has(tensor)) ahead.push(...tensor.inputs.toReversed());
  }
  return [...met];
}

/** The values of `outputs` as graph, from the values of tensors that they are computed from. */
export function forward(
  outputs: readonly SymbolicTensor[],
  given: ReadonlyMap<SymbolicTensor, Value>,
  contextOf: (node: Node) => CallContext,
): Value[] {
  const values = new Map(given);
  for (const node of nodesBetween(outputs, new Set(given.keys()))) {
    const inputs = node.inputs.map((input) => values.get(input)!);
    const results = node.layer.call(inputs, contextOf(node));
    for (const [i, value] of asList(results).entries()) {
      const tensor = node.outputs[i]!;
      if (!values.has(tensor)) values.set(tensor, value);
    }
  }
  return outputs.map((output) => values.get(output)!);
}
