import { UsageError } from '../core/errors.ts';
import { asList } from '../core/lists.ts';
import { resolveOptions } from '../core/options.ts';
import { InputLayer } from '../layers/input.ts';
import { commonOptions, type Inputs, type LayerConfig } from '../layers/layer.ts';
import { Node, SymbolicTensor } from '../layers/symbolic.ts';
import { Model, type Structure } from './model.ts';
import type { ModelOptions } from './model-options.ts';
import { Network } from './network.ts';
import { layersBetween, nodesBetween, refuseDisconnected } from './topology.ts';

export interface FunctionalConfig extends LayerConfig {
  /** Outputs of `layers.input`, or of layers within another model: the model then begins there. */
  readonly inputs: Inputs;
  readonly outputs: Inputs;
}

/**
 * A model of layers that were applied to one another, with any number of inputs and outputs.
 * https://keras.io/guides/functional_api/
 *
 * @example
 * const base = await vgg16({ includeTop: false, inputShape: [224, 224, 3], weights: 'imagenet' });
 * const outputs = layers.dense({ units: 4, activation: 'softmax' }).apply(layers.flatten().apply(base.output));
 * const net = new Functional({ inputs: base.inputs, outputs });
 * for (const layer of base.layers.slice(0, -4)) layer.trainable = false;
 * net.compile({ optimizer: adam(), loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
 * await net.fitDataset(dataset, { epochs: 5 });
 */
export class Functional extends Model {
  static override readonly className: string = 'Functional';
  protected readonly structure: Structure;

  /**
   * @throws {UsageError} when an output depends on an input that is not among `inputs`, an input is given twice, or two
   *   layers have one name
   */
  constructor(config: FunctionalConfig, options: ModelOptions = {}) {
    const { inputs, outputs, ...own } = config;
    resolveOptions({}, config, 'a functional model', [...commonOptions, 'inputs', 'outputs']);
    super(own, options);
    const where = `model '${this.name}'`;
    this.structure = structureOf(
      tensors(inputs, `${where}: inputs`),
      tensors(outputs, `${where}: outputs`),
      where,
    );
    if (own.trainable === false) this.trainable = false;
  }

  override getConfig(): object {
    return { name: this.name, trainable: this.trainable };
  }
}

/**
 * A functional model.
 *
 * @throws {UsageError} when the output depends on another input, or two layers have one name
 * @example
 * const pixels = layers.input({ shape: [28, 28, 1] });
 * const outputs = layers.dense({ units: 10, activation: 'softmax' }).apply(layers.flatten().apply(pixels));
 * const net = model({ inputs: pixels, outputs });
 */
export function model(config: FunctionalConfig, options?: ModelOptions): Functional {
  return new Functional(config, options);
}

function tensors(given: Inputs, what: string): readonly SymbolicTensor[] {
  const list = asList(given);
  if (list.length === 0 || !list.every((tensor) => tensor instanceof SymbolicTensor)) {
    throw new UsageError(
      `${what} must be outputs of layers, such as layers.input({ shape }), or a list of them`,
    );
  }
  return list;
}

/**
 * @param where what errors call the model
 * @throws {UsageError} when the layers do not make a model
 */
export function structureOf(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
  where: string,
): Structure {
  const twice = inputs.find((input, i) => inputs.indexOf(input) < i);
  if (twice) throw new UsageError(`${where}: the input '${twice.layer.name}' is given twice`);
  refuseDisconnected(inputs, outputs, where);
  if (!inputs.every(({ layer }) => layer instanceof InputLayer)) return fromTheMiddle(inputs, outputs, where);
  const layers = layersBetween(inputs, outputs, where);
  return { inputs, outputs, layers, network: new Network(inputs, outputs, layers) };
}

/** The same calls on inputs of their own, for a model that begins within another. */
function fromTheMiddle(
  inputs: readonly SymbolicTensor[],
  outputs: readonly SymbolicTensor[],
  where: string,
): Structure {
  const places = new Map(
    inputs.map((tensor) => {
      const { layer, shape, dtype } = tensor;
      const own =
        layer instanceof InputLayer ? tensor : new InputLayer({ shape: shape.slice(1), dtype }).output;
      return [tensor, own];
    }),
  );
  for (const node of nodesBetween(outputs, new Set(inputs))) {
    const given = node.inputs.map((input) => places.get(input)!);
    const copy = new Node(node.layer, given, node.outputs, node.training);
    node.layer.inboundNodes.push(copy);
    for (const [i, output] of node.outputs.entries()) places.set(output, copy.outputs[i]!);
  }
  return structureOf(
    inputs.map((tensor) => places.get(tensor)!),
    outputs.map((tensor) => places.get(tensor)!),
    where,
  );
}
