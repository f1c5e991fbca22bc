import { type CustomObjects, customObject, withCustomObjects } from '../core/custom-objects.ts';
import { DataError, FoveaError } from '../core/errors.ts';
import { camelCase, fromKerasConfig, snakeCase } from '../core/options.ts';
import { InputLayer } from '../layers/input.ts';
import { Layer } from '../layers/layer.ts';
import { layerClasses } from '../layers/layers.ts';
import { setOwnFlag } from './flags.ts';
import { Functional } from './functional.ts';
import { connected } from './functional-from-keras.ts';
import { flagAt, type JsonObject, listAt, objectAt, parsedJson, textAt } from './json.ts';
import type { Model } from './model.ts';
import type { ModelOptions } from './model-options.ts';
import { Sequential } from './sequential.ts';

export interface FromJsonOptions extends ModelOptions, DeserializeOptions {}

export interface DeserializeOptions {
  /** Layer classes and functions of one's own, by the names that the file has. */
  readonly customObjects?: CustomObjects;
  /** What errors call the JSON, such as a file's path. Default 'model'. */
  readonly where?: string;
}

/** What is known while a model is made. */
interface Reading {
  /** Layers that stand in several places, by the number that they have in the file. */
  readonly shared: Map<unknown, Layer>;
  /** Models around the present one. */
  readonly depth: number;
  readonly options: ModelOptions;
}

/** So many models in one another are read. */
const mostDeep = 100;

/**
 * Makes the model that Keras 3's JSON describes, fovea's or Keras' own; its weights have no values yet. Nothing of it
 * is executed.
 *
 * @param json what `model.toJSON()` gave, or its text
 * @throws {DataError} names the layer, and what is unknown or wrong
 * @example
 * const copy = modelFromJSON(JSON.stringify(net), { customObjects: { Scale } });
 */
export function modelFromJSON(json: unknown, options: FromJsonOptions = {}): Model {
  const { customObjects = {}, where = 'model', ...modelOptions } = options;
  const described = objectAt(typeof json === 'string' ? parsedJson(json, where) : json, where);
  const model = withCustomObjects(customObjects, () => restored(described, where, begin(modelOptions)));
  if (model instanceof Functional || model instanceof Sequential) return model;
  throw new DataError(`${where}: '${described.class_name}' is a layer; a model is Functional or Sequential`);
}

/**
 * Makes a layer from what `serializeLayer` or Keras 3 wrote.
 *
 * @throws {DataError} names the layer, and what is unknown or wrong
 */
export function deserializeLayer(json: unknown, options: DeserializeOptions = {}): Layer {
  const { customObjects = {}, where = 'layer' } = options;
  return withCustomObjects(customObjects, () => restored(json, where, begin({})));
}

const begin = (options: ModelOptions): Reading => ({ shared: new Map(), depth: 0, options });

function restored(json: unknown, where: string, reading: Reading): Layer {
  const described = objectAt(json, where);
  const { shared_object_id: id } = described;
  const known = id === undefined ? undefined : reading.shared.get(id);
  if (known) return known;
  const className = textAt(described.class_name, `${where}: class_name`);
  const config = objectAt(described.config, `${where}: '${className}': config`);
  const layer = restoredAs(className, described, config, where, reading);
  if (id !== undefined) reading.shared.set(id, layer);
  return layer;
}

function restoredAs(
  className: string,
  described: JsonObject,
  config: JsonObject,
  where: string,
  reading: Reading,
): Layer {
  if (className === 'Functional' || className === 'Model' || className === 'Sequential') {
    const { depth, options } = reading;
    if (depth === mostDeep)
      throw new DataError(`${where}: more than ${mostDeep} models stand in one another`);
    const within = { ...reading, depth: depth + 1, options: {} };
    return restoredModel(className === 'Sequential', config, where, within, options);
  }
  const here = `${where}: layer '${typeof config.name === 'string' ? config.name : ''}' (${className})`;
  return guarded(here, () => {
    if (className === 'InputLayer') return restoredInput(config, here);
    const layerClass = customClass(described) ?? layerClasses.get(className);
    if (!layerClass) {
      throw new DataError(
        `there is no layer '${className}'; a class of one’s own is made known by customObjects, and fovea has ${[...layerClasses.keys()].join(', ')}`,
      );
    }
    const make = layerClass as unknown as new (config: object) => Layer;
    return new make(optionsOf(layerClass, config, here));
  });
}

/** A class of one's own, by the name that it is registered under or by its own. */
function customClass({ class_name, registered_name }: JsonObject): typeof Layer | undefined {
  const registered = typeof registered_name === 'string' ? registered_name.split('>').at(-1)! : undefined;
  for (const name of [registered, class_name as string]) {
    const found = name === undefined ? undefined : customObject(name);
    if (found?.prototype instanceof Layer) return found as unknown as typeof Layer;
  }
  return undefined;
}

/** What the constructor takes. A class of one's own gets what its `getConfig` gave. */
function optionsOf(layerClass: typeof Layer, config: JsonObject, where: string): object {
  const { name, trainable, dtype, ...own } = config;
  checkPolicy(dtype, where);
  const table = layerClass.options;
  const known = new Set(Object.keys(table).map(snakeCase));
  const isOurs = layerClasses.get(layerClass.className) === layerClass;
  const of = (wanted: boolean) =>
    // What Keras says nothing by needs no option.
    Object.fromEntries(
      Object.entries(own).filter(
        ([key, value]) => (isOurs ? value !== null || known.has(key) : known.has(key)) === wanted,
      ),
    );
  const others = isOurs
    ? []
    : Object.entries(of(false)).map(([key, value]) => [camelCase(key), value] as const);
  return { name, trainable, ...fromKerasConfig(table, of(true), where), ...Object.fromEntries(others) };
}

function checkPolicy(dtype: unknown, where: string): void {
  const name =
    typeof dtype === 'object' && dtype !== null
      ? (dtype as { config?: { name?: unknown } }).config?.name
      : dtype;
  if (name === undefined || name === null || name === 'float32') return;
  throw new DataError(`${where}: computes in ${JSON.stringify(name)}; there is float32`);
}

function restoredInput(config: JsonObject, where: string): InputLayer {
  const [batch, ...shape] = listAt(config.batch_shape ?? config.batch_input_shape, `${where}: batch_shape`);
  if (batch !== null) throw new DataError(`a fixed batch of ${batch} is not supported: it must be null`);
  const { name, dtype = 'float32' } = config;
  return new InputLayer({ name: name as string, shape: shape as number[], dtype: dtype as 'float32' });
}

function restoredModel(
  isStack: boolean,
  config: JsonObject,
  where: string,
  reading: Reading,
  options: ModelOptions,
): Model {
  const name = textAt(config.name ?? '', `${where}: a model’s name`);
  const here = name === '' ? where : `${where}: model '${name}'`;
  const trainable = config.trainable === undefined || flagAt(config.trainable, `${here}: trainable`);
  const own = name === '' ? {} : { name };
  const restore = (layer: unknown, at: string) => restored(layer, at, reading);
  let model: Model;
  if (isStack) {
    const layers = listAt(config.layers, `${here}: layers`).map((layer) => restore(layer, here));
    const stack = layers.map((layer) => (layer instanceof InputLayer ? layer.output : layer));
    model = guarded(here, () => new Sequential({ ...own, layers: stack }, options));
  } else {
    const { layers, inputs, outputs } = connected(config, here, restore, guarded);
    model = guarded(here, () => new Functional({ ...own, inputs, outputs }, options));
    const used = new Set(model.layers);
    const unused = layers.find((layer) => !used.has(layer));
    if (unused) throw new DataError(`${here}: layer '${unused.name}' leads to no output`);
  }
  if (!trainable) setOwnFlag(model, false);
  return model;
}

/** Whatever layers and models refuse of a file is the file's fault. */
function guarded<T>(where: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    throw new DataError(error.message.startsWith(where) ? error.message : `${where}: ${error.message}`, {
      cause: error,
    });
  }
}
