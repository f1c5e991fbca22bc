import { customName } from '../core/custom-objects.ts';
import { camelCase, kerasEntry, type OptionTable } from '../core/options.ts';
import { InputLayer } from '../layers/input.ts';
import type { Layer } from '../layers/layer.ts';
import { layerClasses } from '../layers/layers.ts';
import type { Node, SymbolicTensor } from '../layers/symbolic.ts';
import type { Model } from './model.ts';
import { callNumbersOf, callsByLayer, nodesBetween } from './topology.ts';

/** An object as Keras 3 writes it: https://keras.io/guides/serialization_and_saving/#config */
export interface KerasObject {
  readonly module: string;
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly registered_name: string | null;
  /** The same number for the same layer, where one stands in several models. */
  readonly shared_object_id?: number;
}

const float32Policy = {
  module: 'keras',
  class_name: 'DTypePolicy',
  config: { name: 'float32' },
  registered_name: null,
};

/** Layers of fovea that Keras has not. */
const ownLayers = new Set(['Logarithm', 'Preprocessing']);

/** A layer, or a model with the layers in it, as Keras 3 writes it. Plain JSON. */
export function serializeLayer(layer: Layer): KerasObject {
  return written(layer, sharedIds(layer));
}

type Ids = ReadonlyMap<Layer, number>;

/** Numbers for the layers that stand in more than one of the models that are in one another. */
function sharedIds(top: Layer): Ids {
  const met = new Set<Layer>();
  const shared = new Set<Layer>();
  const visit = (layer: Layer): void => {
    if (met.has(layer)) {
      shared.add(layer);
      return;
    }
    met.add(layer);
    if (layer.nested) for (const inner of layersOf(layer as Model)) visit(inner);
  };
  visit(top);
  return new Map([...shared].map((layer, i) => [layer, i + 1]));
}

/** With the input of a stack, which is not among its layers. */
function layersOf(model: Model): readonly Layer[] {
  const below = model.className === 'Sequential' && model.isBuilt ? [model.input.layer] : [];
  return [...below, ...model.layers];
}

function written(layer: Layer, ids: Ids): KerasObject {
  const id = ids.get(layer);
  return { ...described(layer, ids), ...(id !== undefined && { shared_object_id: id }) };
}

function described(layer: Layer, ids: Ids): KerasObject {
  const { className } = layer;
  if (className === 'Functional') {
    const config = functionalConfig(layer as Model, ids);
    return {
      module: 'keras.src.models.functional',
      class_name: className,
      config,
      registered_name: className,
    };
  }
  if (className === 'Sequential') {
    const config = sequentialConfig(layer as Model, ids);
    return { module: 'keras', class_name: className, config, registered_name: null };
  }
  const config = layer instanceof InputLayer ? inputConfig(layer) : layerConfig(layer);
  if (layerClasses.get(className) !== layer.constructor) {
    const registered = customName(layer.constructor) ?? className;
    return { module: 'custom', class_name: className, config, registered_name: `Custom>${registered}` };
  }
  return ownLayers.has(className)
    ? { module: 'fovea.layers', class_name: className, config, registered_name: `fovea>${className}` }
    : { module: 'keras.layers', class_name: className, config, registered_name: null };
}

function inputConfig({ name, options: { dtype }, output }: InputLayer) {
  return { batch_shape: openSizes(output), dtype, sparse: false, ragged: false, name, optional: false };
}

/** Sizes, null for those that are open. */
function openSizes({ shape }: SymbolicTensor): (number | null)[] {
  return shape.map((dim) => (typeof dim === 'number' ? dim : null));
}

function layerConfig(layer: Layer): Record<string, unknown> {
  const { name, trainable, ...own } = layer.getConfig() as Readonly<Record<string, unknown>>;
  const table: OptionTable = (layer.constructor as typeof Layer).options;
  const options = Object.entries(own).flatMap(([key, held]) => {
    const name = camelCase(key);
    return kerasEntry(key, held, Object.hasOwn(table, name) ? table[name] : undefined);
  });
  return { name, trainable, dtype: float32Policy, ...Object.fromEntries(options) };
}

function sequentialConfig(model: Model, ids: Ids): Record<string, unknown> {
  const { name, trainable } = model;
  return {
    name,
    trainable,
    dtype: float32Policy,
    layers: layersOf(model).map((layer) => written(layer, ids)),
    ...(model.isBuilt && { build_input_shape: openSizes(model.input) }),
  };
}

function functionalConfig(model: Model, ids: Ids): Record<string, unknown> {
  const { name, trainable, layers, inputs, outputs } = model;
  const calls = callsByLayer(nodesBetween(outputs, new Set(inputs)));
  const numbers = callNumbersOf(calls);
  // An input's own node is not among the calls.
  const place = ({ layer, node, index }: SymbolicTensor) => [layer.name, numbers.get(node) ?? 0, index];
  const argument = (tensor: SymbolicTensor) => ({
    class_name: '__keras_tensor__',
    config: { shape: openSizes(tensor), dtype: tensor.dtype, keras_history: place(tensor) },
  });
  const call = ({ inputs: taken, layer, training }: Node) => {
    const list = taken.map(argument);
    const args = list.length > 1 || takesList(layer) ? [list] : list;
    // Keras writes its layers' defaults among the kwargs, so what was said has a place of its own too.
    return training === undefined ? { args, kwargs: {} } : { args, kwargs: { training }, training };
  };
  // Keras counts a functional model's calls from 1 here, and from 0 where layers take its outputs.
  const end = (tensor: SymbolicTensor) => {
    const [layerName, number, index] = place(tensor) as [string, number, number];
    return [layerName, number + (tensor.layer.className === 'Functional' ? 1 : 0), index];
  };
  const ends = (tensors: readonly SymbolicTensor[]) =>
    tensors.length === 1 ? end(tensors[0]!) : tensors.map(end);
  return {
    name,
    trainable,
    layers: layers.map((layer) => ({
      ...written(layer, ids),
      name: layer.name,
      inbound_nodes: (calls.get(layer) ?? []).map(call),
    })),
    input_layers: ends(inputs),
    output_layers: ends(outputs),
  };
}

/** Whether Keras' layer of this class is called on a list even where it has one element. */
function takesList(layer: Layer): boolean {
  return layer.className === 'Concatenate';
}
