import { UsageError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { atOnce, type Steps } from '../core/turns.ts';
import { constantTensor, inputName, isConstant, isInput } from '../graph/leaves.ts';
import { type OnnxAttribute, topologicalOrder, type Value } from '../graph/value.ts';
import { encodeModel } from '../onnx/encode.ts';
import type { Attribute, Model, Node } from '../onnx/model.ts';
import { dataTypes } from '../onnx/proto.ts';
import { lowerStepwise } from './lower.ts';
import { mergeStepwise } from './merge.ts';
import type { Purpose } from './tiling-table.ts';

/** A graph by its named outputs. Its inputs are the `input`s that they depend on. */
export interface GraphSpec {
  /** What errors call it: 'training step'. */
  readonly name: string;
  readonly outputs: Readonly<Record<string, Value>>;
}

export interface ModelOptions {
  /** What the arithmetic is chosen for. Default `portable`. */
  readonly purpose?: Purpose;
  /** Notes in the file, such as class names. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** IR version 8 belongs to opset 18, https://onnx.ai/onnx/repo-docs/Versioning.html */
const irVersion = 8;
const opset = 18;

function attribute(value: OnnxAttribute): Attribute {
  if (typeof value === 'number') return { int: value };
  if (typeof value === 'string') return { string: value };
  if ('float' in value) return value;
  if ('dtype' in value) return { int: dataTypes[value.dtype] };
  return { ints: value };
}

/**
 * The graph as an ONNX model, lowered.
 *
 * @throws {UsageError} when two inputs, constants or outputs have the same name
 */
export function toModel(graph: GraphSpec, options?: ModelOptions): Model {
  return atOnce(toModelStepwise(graph, options));
}

/** `toModel` in steps: a large network takes a while. */
export function* toModelStepwise(
  { name, outputs }: GraphSpec,
  { purpose = 'portable', metadata }: ModelOptions = {},
): Steps<Model> {
  const lowered = yield* mergeStepwise(yield* lowerStepwise(Object.values(outputs), purpose));
  const names = new Map<Value, string>();
  const nodes: Node[] = [];
  const initializers: Record<string, Tensor> = {};
  const inputs: Value[] = [];
  const domains = new Set<string>();
  let number = 0;

  const claimed = new Set<string>();
  const claim = (key: string): string => {
    if (claimed.has(key))
      throw new UsageError(
        `graph '${name}': two inputs, constants or outputs are called '${key}'; give each a name of its own`,
      );
    claimed.add(key);
    return key;
  };
  const order = topologicalOrder(lowered);
  const taken = new Set([...Object.keys(outputs), ...order.map(nameOf)]);
  /** A name that nobody asked for, and nobody has. */
  const fresh = (base: string): string => {
    let key: string;
    do key = `${base}_${++number}`;
    while (taken.has(key));
    return key;
  };
  const addInitializer = (value: Tensor, wanted?: string): string => {
    const key = claim(wanted ?? fresh('constant'));
    initializers[key] = value;
    return key;
  };
  // An output bears its name itself, unless it is a leaf, or the same value under a second name.
  const outputNames = new Map<Value, string>();
  Object.keys(outputs).forEach((key, i) => {
    const value = lowered[i]!;
    if (!isInput(value) && !isConstant(value) && !outputNames.has(value)) outputNames.set(value, key);
  });
  for (const node of order) {
    if (isInput(node)) {
      names.set(node, claim(inputName(node)));
      inputs.push(node);
    } else if (isConstant(node)) {
      names.set(node, addInitializer(constantTensor(node), node.attributes.name as string | undefined));
    } else {
      const {
        opType = node.op.opType,
        domain,
        attributes = {},
        constants = [],
        output: place = 0,
      } = node.op.onnx(node.inputs, node.attributes);
      if (domain) domains.add(domain);
      const output = outputNames.get(node) ?? fresh(opType.toLowerCase());
      const before = Array.from({ length: place }, (_, i) => claim(`${output}_before_${i}`));
      names.set(node, output);
      nodes.push({
        opType,
        ...(domain && { domain }),
        inputs: [
          ...node.inputs.map((input) => (input ? names.get(input)! : '')),
          ...constants.map((value) => addInitializer(value)),
        ],
        outputs: [...before, output],
        attributes: Object.fromEntries(
          Object.entries(attributes).map(([key, value]) => [key, attribute(value)]),
        ),
      });
    }
  }
  const specs = Object.entries(outputs).map(([key, { shape, dtype }], i) => {
    claim(key);
    const name = names.get(lowered[i]!)!;
    if (name !== key) nodes.push({ opType: 'Identity', inputs: [name], outputs: [key] });
    return { name: key, dtype, shape };
  });
  return {
    irVersion,
    opsets: { '': opset, ...Object.fromEntries([...domains].map((domain) => [domain, 1])) },
    producerName: 'fovea',
    graph: {
      name,
      nodes,
      inputs: inputs.map((value) => ({ name: inputName(value), dtype: value.dtype, shape: value.shape })),
      outputs: specs,
      initializers,
    },
    ...(metadata && { metadata }),
  };
}

/** The name that an input or a constant was given. */
function nameOf(value: Value): string | undefined {
  if (isInput(value)) return inputName(value);
  return isConstant(value) ? (value.attributes.name as string | undefined) : undefined;
}

/** The graph as the bytes of an ONNX file. */
export function toOnnx(graph: GraphSpec, options?: ModelOptions): Uint8Array<ArrayBuffer> {
  return encodeModel(toModel(graph, options));
}
