import { UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { input } from '../graph/leaves.ts';
import { toModel } from '../lowering/model.ts';
import { encodeModelPieces } from '../onnx/encode.ts';
import { inferenceContexts } from './contexts.ts';
import type { Model } from './model.ts';
import { forward } from './topology.ts';
import { weightsOf } from './weight-files.ts';

export interface PortableOptions {
  /** Names of the inputs. Default: those of the layers where data enters. */
  readonly inputNames?: readonly string[];
  /** Names of the outputs. Default: those of the layers that give them. */
  readonly outputNames?: readonly string[];
  /** A name for each class of a classifier, in order: in the metadata, as JSON, under `class_names`. */
  readonly classNames?: readonly string[];
  /** Further notes in the file, such as how images are to be resized. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * A model as an ONNX file for any runtime, in ONNX's own operators, with whatever preprocessing layers it has.
 * Half-precision weights stay so in the file.
 *
 * @returns consecutive pieces of the file, which share the weights' memory
 * @throws {UsageError} when names do not fit the model, outputs are not one for each class, or a weight has no value yet
 * @example await writeFileWhole('model.onnx', toPortableOnnx(net, { classNames: ['CNV', 'DME', 'DRUSEN', 'NORMAL'] }));
 */
export function toPortableOnnx(model: Model, options: PortableOptions = {}): Uint8Array[] {
  const { network } = model;
  const { classNames, metadata } = options;
  const inputNames = namesOf(
    options.inputNames,
    network.inputs.map(({ layer }) => layer.name),
    'inputNames',
  );
  const outputNames = namesOf(
    options.outputNames,
    distinct(
      model.outputs.map(({ layer }) => layer.name),
      inputNames,
    ),
    'outputNames',
  );
  if (classNames) {
    const { shape } = model.output;
    if (shape.length !== 2 || shape[1] !== classNames.length) {
      throw new UsageError(
        `model '${model.name}' gives ${formatShape(shape)}, which is not [batch, ${classNames.length}] for ${classNames.length} class names`,
      );
    }
  }
  weightsOf(model);
  const fed = network.inputs.map(({ shape, dtype }, i) => ({
    name: inputNames[i]!,
    dtype,
    // Channels that are left open (1 or 3) are three in other runtimes.
    shape: shape.map((dim, axis) => (axis === 3 && typeof dim === 'string' ? 3 : dim)),
  }));
  const given = new Map(
    fed.map(({ name, shape, dtype }, i) => [network.inputs[i]!, input(name, shape, dtype)]),
  );
  const values = forward(network.outputs, given, inferenceContexts(network));
  const outputs = Object.fromEntries(outputNames.map((name, i) => [name, values[i]!]));
  const notes = { ...metadata, ...(classNames && { class_names: JSON.stringify(classNames) }) };
  const { graph, ...rest } = toModel({ name: model.name, outputs }, { purpose: 'portable', metadata: notes });
  // In the model's order, and with those that lead to no output.
  return encodeModelPieces({ ...rest, graph: { ...graph, inputs: fed } });
}

function namesOf(given: readonly string[] | undefined, usual: readonly string[], what: string) {
  const names = given ?? usual;
  if (names.length === usual.length && new Set(names).size === names.length) return names;
  throw new UsageError(`${what} must be ${usual.length} different names, got ${JSON.stringify(names)}`);
}

/** A second output of one layer, or one that is named as an input, gets a number. */
function distinct(names: readonly string[], taken: readonly string[]): string[] {
  const used = new Set(taken);
  return names.map((name) => {
    let own = name;
    for (let i = 1; used.has(own); i++) own = `${name}_${i}`;
    used.add(own);
    return own;
  });
}
