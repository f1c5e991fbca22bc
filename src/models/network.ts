import { UsageError } from '../core/errors.ts';
import { type Layer, placeholders, shapesAlone, type Weight } from '../layers/layer.ts';
import { Node, type SymbolicTensor } from '../layers/symbolic.ts';
import { callNumbersOf, callsByLayer, nodesBetween } from './topology.ts';

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
  readonly #addsLoss = new Map<Node, boolean>();

  /**
   * @param layers of the model, in Keras' order
   * @throws {UsageError} when two weights have one name
   */
  constructor(
    inputs: readonly SymbolicTensor[],
    outputs: readonly SymbolicTensor[],
    layers: readonly Layer[],
  ) {
    const places = new Map(inputs.map((input) => [input, input]));
    takeApart(outputs, places, undefined);
    const paths = pathsOf(layers);
    this.inputs = inputs;
    this.outputs = outputs.map((output) => places.get(output)!);
    this.nodes = nodesBetween(this.outputs, new Set(inputs));
    this.paths = paths;
    this.#places = places;
    this.weightNames = weightNamesOf(paths);
    this.callNumbers = callNumbersOf(callsByLayer(this.nodes));
  }

  /** Where a tensor of the model is in the network. */
  placeOf(tensor: SymbolicTensor): SymbolicTensor | undefined {
    return this.#places.get(tensor);
  }

  /** Whether training gets a part of the loss from a call, such as a penalty on the layer's outputs. */
  addsLoss(node: Node): boolean {
    const known = this.#addsLoss.get(node) ?? tracesLoss(node);
    this.#addsLoss.set(node, known);
    return known;
  }
}

/** Calls the layer once more, on shapes alone. */
function tracesLoss({ layer, inputs, training }: Node): boolean {
  let found = false;
  const context = {
    ...shapesAlone(training !== false),
    addLoss: () => {
      found = true;
    },
  };
  layer.call(placeholders(inputs), context);
  return found;
}

function weightNamesOf(paths: ReadonlyMap<Layer, string>): Map<Weight, string> {
  const names = new Map<Weight, string>();
  const taken = new Set<string>();
  for (const [layer, path] of paths) {
    for (const weight of layer.weights) {
      const name = `${path}/${weight.name}`;
      if (taken.has(name))
        throw new UsageError(`layer '${path}': two weights have the name '${name}'; give one another name`);
      taken.add(name);
      names.set(weight, name);
    }
  }
  return names;
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
  training: boolean | undefined,
): void {
  for (const node of nodesBetween(outputs, new Set(places.keys()))) {
    const { layer } = node;
    const inputs = node.inputs.map((input) => places.get(input)!);
    const mode = node.training ?? training;
    let results = node.outputs;
    if (layer.nested) {
      const within = new Map(layer.nested.inputs.map((input, i) => [input, inputs[i]!]));
      takeApart(layer.nested.outputs, within, mode);
      results = layer.nested.outputs.map((output) => within.get(output)!);
    } else {
      const same = mode === node.training && inputs.every((input, i) => input === node.inputs[i]);
      if (!same) results = new Node(layer, inputs, node.outputs, mode).outputs;
    }
    for (const [i, output] of node.outputs.entries()) places.set(output, results[i]!);
  }
}
