import { z } from 'zod';
import { DataError, FoveaError, UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import { InputLayer } from '../layers/core.ts';
import type { Layer, SymbolicTensor } from '../layers/layer.ts';
import { layerClasses } from '../layers/layers.ts';
import { toModel } from '../lowering/model.ts';
import { encodeModelPieces } from '../onnx/encode.ts';
import { checked } from './checked.ts';
import { layerSchemas } from './layer-schemas.ts';
import { Model, type ModelOptions } from './model.ts';
import { between, forward } from './topology.ts';
import { constantWeight } from './weights.ts';

/** A layer in a model's topology. */
export interface LayerTopology {
  /** As in `layerClasses`. */
  readonly className: string;
  /** The options that make the layer, its name included. */
  readonly config: object;
  /** The layers whose outputs it takes, by name. */
  readonly inputs: readonly string[];
}

/**
 * A model without its weights, plain JSON, after Keras' functional config
 * (https://keras.io/guides/serialization_and_saving/#functional-model-example).
 */
export interface Topology {
  readonly name: string;
  /** In an order of computation. */
  readonly layers: readonly LayerTopology[];
  /** The name of the layer where data enters. */
  readonly input: string;
  /** The name of the layer whose output is the model's. */
  readonly output: string;
}

const topologySchema = z.strictObject({
  name: z.string(),
  layers: z.array(
    z.strictObject({
      className: z.string(),
      config: z.looseObject({ name: z.string().min(1) }),
      inputs: z.array(z.string()),
    }),
  ),
  input: z.string(),
  output: z.string(),
});
type CheckedLayer = z.infer<typeof topologySchema>['layers'][number];

/**
 * What a model is, as JSON: `modelFromTopology` makes the same model of it, without weights.
 *
 * @throws {UsageError} when a layer is applied more than once
 */
export function topologyOf(model: Model): Topology {
  const tensors = between([model.outputs]);
  const seen = new Set<Layer>();
  for (const { layer } of tensors) {
    if (seen.has(layer)) {
      throw new UsageError(
        `model '${model.name}': layer '${layer.name}' is applied more than once, which cannot be saved; use a layer for each place`,
      );
    }
    seen.add(layer);
  }
  return {
    name: model.name,
    layers: tensors.map(({ layer, inputs }) => ({
      className: layer.className,
      config: layer.getConfig(),
      inputs: inputs.map((tensor) => tensor.layer.name),
    })),
    input: model.inputs.layer.name,
    output: model.outputs.layer.name,
  };
}

/**
 * Makes the model that a topology describes; its weights have no values yet. Nothing of the topology is executed.
 *
 * @param topology as `topologyOf` made it, or whatever a file holds
 * @param options.where what errors call the topology, such as the file's path. Default 'topology'
 * @throws {DataError} names the field or layer that is wrong
 * @example
 * const model = modelFromTopology(JSON.parse(text), { threads: 2 });
 * assignWeights(model.weights, await readWeights(path), path);
 */
export function modelFromTopology(
  topology: unknown,
  { where = 'topology', ...options }: ModelOptions & { readonly where?: string } = {},
): Model {
  const { name, layers, input: first, output: last } = checked(topologySchema, topology, where);
  const outputs = new Map<string, SymbolicTensor>();
  for (const entry of layers) {
    const layerName = entry.config.name;
    if (outputs.has(layerName)) throw new DataError(`${where}: two layers have the name '${layerName}'`);
    outputs.set(layerName, restored(entry, outputs, `${where}: layer '${layerName}' (${entry.className})`));
  }
  const outputOf = (layerName: string, what: string): SymbolicTensor => {
    const found = outputs.get(layerName);
    if (!found) throw new DataError(`${where}: the ${what} '${layerName}' is not among the layers`);
    return found;
  };
  const inputs = outputOf(first, 'input');
  return asDataError(where, () => {
    const model = new Model({ inputs, outputs: outputOf(last, 'output'), name }, options);
    const unused = layers.find(({ config }) => !model.layers.includes(outputs.get(config.name)!.layer));
    if (unused) throw new DataError(`layer '${unused.config.name}' leads to no output`);
    return model;
  });
}

/** One layer of a file on the layers before it. */
function restored(
  { className, config, inputs }: CheckedLayer,
  before: ReadonlyMap<string, SymbolicTensor>,
  where: string,
): SymbolicTensor {
  if (!Object.hasOwn(layerClasses, className) || !Object.hasOwn(layerSchemas, className)) {
    throw new DataError(
      `${where}: '${className}' is no layer of fovea, which has ${Object.keys(layerSchemas).join(', ')}`,
    );
  }
  const options = checked(layerSchemas[className]!, config, where);
  const tensors = inputs.map((name) => {
    const tensor = before.get(name);
    if (!tensor) throw new DataError(`${where}: its input '${name}' is no layer before it`);
    return tensor;
  });
  return asDataError(where, () => {
    const layer = new layerClasses[className]!(options as never);
    if (!(layer instanceof InputLayer)) return layer.apply(tensors);
    if (tensors.length > 0) throw new DataError('an input takes no inputs');
    return layer.output;
  });
}

/** Whatever layers and models refuse of a file is the file's fault. */
function asDataError<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    throw new DataError(error.message.startsWith(where) ? error.message : `${where}: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * The values of a model's weights by path (`dense/kernel`), not copied: `encodeSafetensors` makes a file of them,
 * `assignWeights` takes them back.
 *
 * @throws {UsageError} when a weight has no value yet
 */
export function weightsOf(model: Model): Record<string, Tensor> {
  return Object.fromEntries(
    model.weights.map(({ path, value }) => {
      if (!value) {
        throw new UsageError(
          `model '${model.name}': weight '${path}' has no value yet; call compile or initialize first`,
        );
      }
      return [path, value];
    }),
  );
}

export interface PortableOptions {
  /** A name for each output, in order. */
  readonly classNames: readonly string[];
  /** Further notes in the file, such as how images are to be resized. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A classifier as an ONNX file for any runtime, in ONNX's own operators: `images` → `probabilities` [batch, classes].
 * Images are what the model's input takes, uint8 [batch, height, width, 3] for `layers.input({ shape: [224, 224, 'channels'],
 * dtype: 'uint8' })`; preprocessing is inside. Half-precision weights stay so in the file. The metadata has the names
 * of the classes, as JSON, under `class_names`.
 *
 * @returns consecutive pieces of the file, which share the weights' memory
 * @throws {UsageError} when the outputs are not one for each class, or a weight has no value yet
 * @example await writeFileWhole('model.onnx', toPortableOnnx(model, { classNames: ['CNV', 'DME', 'DRUSEN', 'NORMAL'] }));
 */
export function toPortableOnnx(model: Model, { classNames, metadata }: PortableOptions): Uint8Array[] {
  const { inputs, outputs } = model;
  if (outputs.shape.length !== 2 || outputs.shape[1] !== classNames.length) {
    throw new UsageError(
      `model '${model.name}' gives ${formatShape(outputs.shape)}, which is not [batch, ${classNames.length}] for ${classNames.length} class names`,
    );
  }
  weightsOf(model);
  const shape = inputs.shape.map((dim, axis) => (axis === 3 && typeof dim === 'string' ? 3 : dim));
  const [probabilities] = forward([outputs], new Map([[inputs, input('images', shape, inputs.dtype)]]), {
    training: false,
    read: constantWeight,
    randomKey: ({ name }) => {
      throw new Error(`layer '${name}' is random in inference`);
    },
  });
  const graph = { name: model.name, outputs: { probabilities: probabilities! } };
  const notes = { ...metadata, class_names: JSON.stringify(classNames) };
  return encodeModelPieces(toModel(graph, { purpose: 'portable', metadata: notes }));
}
