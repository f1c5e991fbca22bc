import { DataError } from '../core/errors.ts';
import { InputLayer } from '../layers/input.ts';
import type { Layer } from '../layers/layer.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { type JsonObject, listAt, objectAt } from './json.ts';

/** Where a tensor comes from: a layer's name, the number of its call, the number of the output. */
type Place = readonly [layer: string, call: number, output: number];

/** A call of a layer that is described, and not made yet. */
interface Call {
  readonly layer: Layer;
  readonly number: number;
  readonly args: readonly Place[];
  readonly training: boolean | undefined;
  readonly where: string;
}

/** The parts of a functional model, connected. */
export interface Connected {
  readonly layers: readonly Layer[];
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
}

/**
 * Calls the layers of a functional model's config on one another.
 *
 * @param restore makes a layer of its description
 * @param guarded runs what may refuse the file's contents, and names the place in the error
 * @throws {DataError} names the layer, and the input that is never computed
 */
export function connected(
  config: JsonObject,
  where: string,
  restore: (described: unknown, where: string) => Layer,
  guarded: <T>(where: string, make: () => T) => T,
): Connected {
  const layers = new Map<string, Layer>();
  const outputs = new Map<Layer, (readonly SymbolicTensor[])[]>();
  const calls = new Map<Layer, readonly Call[]>();
  for (const [i, described] of listAt(config.layers, `${where}: layers`).entries()) {
    const layer = restore(described, where);
    if (layers.has(layer.name)) throw new DataError(`${where}: two layers have the name '${layer.name}'`);
    layers.set(layer.name, layer);
    outputs.set(layer, layer instanceof InputLayer ? [[layer.output]] : []);
    const at = `${where}: layer '${layer.name}' (${layer.className})`;
    const nodes = objectAt(described, `${where}: layers.${i}`).inbound_nodes;
    calls.set(
      layer,
      listAt(nodes, `${at}: inbound_nodes`).map((node, number) => callOf(node, layer, number, at)),
    );
  }
  const find = ([name, call, output]: Place) => outputs.get(layers.get(name)!)?.[call]?.[output];

  // A shared layer's later call may depend on layers that come after it, so each call waits for what it needs.
  const waiting = new Map<string, Call[]>();
  const ahead = [...calls.values()].flatMap(([first]) => (first ? [first] : []));
  for (const call of ahead) {
    const { layer, number, args, training, where: at } = call;
    const missing = args.find((arg) => !find(arg));
    if (missing) {
      const key = callKey(missing[0], missing[1]);
      if (!waiting.get(key)?.push(call)) waiting.set(key, [call]);
      continue;
    }
    const inputs = args.map((arg) => find(arg)!);
    outputs
      .get(layer)!
      .push(guarded(at, () => layer.applyAll(inputs, training === undefined ? {} : { training })));
    const key = callKey(layer.name, number);
    for (const woken of waiting.get(key) ?? []) ahead.push(woken);
    waiting.delete(key);
    const next = calls.get(layer)![number + 1];
    if (next) ahead.push(next);
  }
  const stuck = [...waiting.values()].flat();
  if (stuck.length > 0) throw neverMade(stuck, layers, outputs, (arg) => find(arg) !== undefined);

  const ends = (key: 'input_layers' | 'output_layers') =>
    placesAt(config[key], `${where}: ${key}`).map((place) => {
      // Keras counts a functional model's calls from 1 here, and from 0 where layers take its outputs.
      const [name, call, output] = place;
      const first = layers.get(name)?.className === 'Functional' ? 1 : 0;
      const tensor = find([name, call - first, output]);
      if (tensor) return tensor;
      throw new DataError(
        `${where}: ${key}: '${name}' (call ${call}, output ${output}) is not among the layers’ outputs`,
      );
    });
  return { layers: [...layers.values()], inputs: ends('input_layers'), outputs: ends('output_layers') };
}

const callKey = (layer: string, call: number) => `${call} ${layer}`;

function callOf(node: unknown, layer: Layer, number: number, where: string): Call {
  const { args, kwargs, training } = objectAt(node, `${where}: inbound_nodes.${number}`);
  const named = objectAt(kwargs ?? {}, `${where}: kwargs`);
  for (const [key, value] of Object.entries(named)) {
    if (key !== 'training' && value !== null)
      throw new DataError(`${where}: is called with '${key}', which is not supported`);
  }
  return {
    layer,
    number,
    args: argumentsOf(listAt(args, `${where}: args`), where),
    training: typeof training === 'boolean' ? training : saidByKeras(layer, named.training),
    where,
  };
}

/**
 * What Keras' user said. Keras writes the defaults of dropout and augmentation in the same way, and in `fit` and
 * `predict` true has no effect.
 */
function saidByKeras({ nested, className }: Layer, training: unknown): false | undefined {
  return training === false && (nested || className === 'BatchNormalization') ? false : undefined;
}

/** The tensors among a call's arguments, in their order: single ones, or a list of them. */
function argumentsOf(args: readonly unknown[], where: string): Place[] {
  return args
    .flatMap((arg) => (Array.isArray(arg) ? (arg as unknown[]) : [arg]))
    .map((arg) => {
      const { class_name: className, config } = objectAt(arg, `${where}: an input`);
      if (className !== '__keras_tensor__')
        throw new DataError(
          `${where}: takes a ${JSON.stringify(className)}, where a layer’s output should be`,
        );
      return placeAt(objectAt(config, `${where}: an input`).keras_history, `${where}: an input`);
    });
}

function isPlace(value: unknown): value is Place {
  if (!Array.isArray(value) || value.length !== 3 || typeof value[0] !== 'string') return false;
  return value.slice(1).every((number) => Number.isSafeInteger(number) && number >= 0);
}

function placeAt(value: unknown, where: string): Place {
  if (isPlace(value)) return value;
  throw new DataError(`${where} should be [layer, call, output], and is ${JSON.stringify(value)}`);
}

/** One place, a list of them, or, as Keras sorts them, places by name. */
function placesAt(value: unknown, where: string): Place[] {
  if (Array.isArray(value)) {
    return typeof value[0] === 'string' ? [placeAt(value, where)] : value.map((each) => placeAt(each, where));
  }
  const byName = objectAt(value, where);
  return Object.keys(byName)
    .sort()
    .map((name) => placeAt(byName[name], `${where}: ${name}`));
}

/** Why calls that wait can never be made. */
function neverMade(
  waiting: readonly Call[],
  layers: ReadonlyMap<string, Layer>,
  outputs: ReadonlyMap<Layer, readonly (readonly SymbolicTensor[])[]>,
  isThere: (place: Place) => boolean,
): DataError {
  const lacks = ({ args }: Call) => args.find((arg) => !isThere(arg))!;
  const waitingFor = new Map(waiting.map((call) => [call.layer.name, lacks(call)]));
  for (const call of waiting) {
    const [name, number, output] = lacks(call);
    const layer = layers.get(name);
    if (!layer) return new DataError(`${call.where}: its input '${name}' is no layer of the model`);
    if (outputs.get(layer)![number])
      return new DataError(`${call.where}: its input '${name}' has no output ${output}, counted from 0`);
    if (!waitingFor.has(name))
      return new DataError(`${call.where}: its input '${name}' has no call ${number}, counted from 0`);
  }
  // Each waits for another that waits, so following them comes round.
  const path = new Set<string>();
  let name = waiting[0]!.layer.name;
  for (; !path.has(name); name = waitingFor.get(name)![0]) path.add(name);
  const names = [...path];
  const cycle = [...names.slice(names.indexOf(name)), name].reverse();
  const shown = cycle.length > 9 ? [...cycle.slice(0, 8), '…', name] : cycle;
  return new DataError(
    `${waiting[0]!.where}: is never computed: the layers form a cycle, ${shown.join(' → ')}`,
  );
}
