import type { Layer, Weight } from '../layers/layer.ts';
import { Node, type SymbolicTensor } from '../layers/symbolic.ts';
import { nodesBetween } from './topology.ts';

/**
 * A model with the models in it taken apart, down to calls of plain layers, so that a cut can run through them. Where
 * nothing is nested, its tensors are the model's own.
 */
export class Network {
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  /** In an order of computation. */
  readonly nodes: readonly Node[];
  /** Names that are unique within the network: `base/conv1` for a layer of the nested model `base`. */
  readonly paths: ReadonlyMap<Layer, string>;
  /** `base/conv1/kernel` */
  readonly weightNames: ReadonlyMap<Weight, string>;
  /** A layer's first call is 0, its second 1. */
  readonly callNumbers: ReadonlyMap<Node, number>;
  readonly #places: ReadonlyMap<SymbolicTensor, SymbolicTensor>;

  /** @param layers of the model, in Keras' order */
  constructor(
    inputs: readonly SymbolicTensor[],
    outputs: readonly SymbolicTensor[],
    layers: readonly Layer[],
  ) {
    const places = new Map(inputs.map((input) => [input, input]));
    takeApart(outputs, places, '', undefined);
    const paths = pathsOf(layers);
    this.inputs = inputs;
    this.outputs = outputs.map((output) => places.get(output)!);
    this.nodes = nodesBetween(this.outputs, new Set(inputs));
    this.paths = paths;
    this.#places = places;
    this.weightNames = new Map(
      [...paths].flatMap(([layer, path]) =>
        layer.weights.map((weight) => [weight, `${path}/${weight.name}`] as const),
      ),
    );
    const calls = new Map<Layer, number>();
    this.callNumbers = new Map(
      this.nodes.map((node) => {
        const number = calls.get(node.layer) ?? 0;
        calls.set(node.layer, number + 1);
        return [node, number];
      }),
    );
  }

  /** Where a tensor of the model is in the network. */
  placeOf(tensor: SymbolicTensor): SymbolicTensor | undefined {
    return this.#places.get(tensor);
  }
}

/** Of layers that are no models. One that stands in several models has the shortest, so that a copy has the same. */
function pathsOf(layers: readonly Layer[]): Map<Layer, string> {
  const paths = new Map<Layer, string>();
  let level = layers.map((layer) => [layer, layer.name] as const);
  while (level.length > 0) {
    for (const [layer, path] of level) if (!layer.nested && !paths.has(layer)) paths.set(layer, path);
    level = level.flatMap(([{ nested }, path]) =>
      (nested?.layers ?? []).map((inner) => [inner, `${path}/${inner.name}`] as const),
    );
  }
  return paths;
}

/** Puts into `places` where each tensor from the inputs, which are there, to `outputs` is. */
function takeApart(
  outputs: readonly SymbolicTensor[],
  places: Map<SymbolicTensor, SymbolicTensor>,
  prefix: string,
  training: boolean | undefined,
): void {
  for (const node of nodesBetween(outputs, new Set(places.keys()))) {
    const { layer } = node;
    const inputs = node.inputs.map((input) => places.get(input)!);
    const mode = node.training ?? training;
    const path = prefix + layer.name;
    let results = node.outputs;
    if (layer.nested) {
      const within = new Map(layer.nested.inputs.map((input, i) => [input, inputs[i]!]));
      takeApart(layer.nested.outputs, within, `${path}/`, mode);
      results = layer.nested.outputs.map((output) => within.get(output)!);
    } else {
      const same = mode === node.training && inputs.every((input, i) => input === node.inputs[i]);
      if (!same) results = new Node(layer, inputs, node.outputs, mode).outputs;
    }
    for (const [i, output] of node.outputs.entries()) places.set(output, results[i]!);
  }
}
