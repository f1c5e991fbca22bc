import { UsageError } from '../core/errors.ts';
import { InputLayer } from '../layers/input.ts';
import { Layer } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { setOwnFlag } from './flags.ts';
import { Functional } from './functional.ts';
import type { Model } from './model.ts';
import type { ModelOptions } from './model-options.ts';
import { Sequential } from './sequential.ts';
import { nodesBetween } from './topology.ts';

export interface CloneOptions extends ModelOptions {
  /**
   * Makes the layer that stands for a layer of the model, called once for each that is no input and no model. Default:
   * a layer of the same class and options.
   */
  readonly cloneFunction?: (layer: Layer) => Layer;
}

/**
 * The same model anew, with layers of its own whose weights have no values yet. What is shared stays shared, models in
 * the model are cloned too, and `trainable` flags stay. https://keras.io/api/models/model_saving_apis/model_config_serialization/#clonemodel-function
 *
 * @throws {UsageError} when a layer's class does not take what its `getConfig` gives, or `cloneFunction` gives no layer
 * @example
 * // Without dropout:
 * const plain = cloneModel(net, {
 *   cloneFunction: (layer) => (layer.className === 'Dropout' ? layers.identity({ name: layer.name }) : sameLayer(layer)),
 * });
 */
export function cloneModel<M extends Model>(model: M, options: CloneOptions = {}): M {
  const { cloneFunction = sameLayer, ...modelOptions } = options;
  return copyOf(model, cloneFunction, new Map(), modelOptions) as M;
}

/** A layer of the same class and options, with weights of its own. */
export function sameLayer<L extends Layer>(layer: L): L {
  return new (layer.constructor as new (config: object) => L)(layer.getConfig());
}

function copyOf(
  model: Model,
  cloneFunction: (layer: Layer) => Layer,
  known: Map<Layer, Layer>,
  options: ModelOptions,
): Model {
  const layerFor = (layer: Layer): Layer => {
    const made = known.get(layer) ?? makeFor(layer);
    known.set(layer, made);
    return made;
  };
  const makeFor = (layer: Layer): Layer => {
    if (layer.nested) return copyOf(layer as Model, cloneFunction, known, {});
    if (layer instanceof InputLayer) return sameLayer(layer);
    const made = cloneFunction(layer);
    if (made instanceof Layer && made !== layer) return made;
    throw new UsageError(`cloneModel: cloneFunction must give a new layer for '${layer.name}', got ${made}`);
  };
  const made =
    model instanceof Sequential ? stackOf(model, layerFor, options) : graphOf(model, layerFor, options);
  if (!model.trainable) setOwnFlag(made, false);
  return made;
}

function stackOf(model: Sequential, layerFor: (layer: Layer) => Layer, options: ModelOptions): Sequential {
  const below = model.isBuilt ? [(layerFor(model.input.layer) as InputLayer).output] : [];
  return new Sequential({ name: model.name, layers: [...below, ...model.layers.map(layerFor)] }, options);
}

function graphOf(model: Model, layerFor: (layer: Layer) => Layer, options: ModelOptions): Functional {
  const { name, inputs, outputs } = model;
  const places = new Map<SymbolicTensor, SymbolicTensor>(
    inputs.map((input) => [input, (layerFor(input.layer) as InputLayer).output]),
  );
  for (const { layer, inputs: taken, outputs: given, training } of nodesBetween(outputs, new Set(inputs))) {
    const list = taken.map((input) => places.get(input)!);
    const results = layerFor(layer).applyAll(list, training === undefined ? {} : { training });
    for (const [i, output] of given.entries()) places.set(output, results[i]!);
  }
  const of = (tensors: readonly SymbolicTensor[]) => tensors.map((tensor) => places.get(tensor)!);
  return new Functional({ name, inputs: of(inputs), outputs: of(outputs) }, options);
}
