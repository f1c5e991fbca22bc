import { DataError } from '../core/errors.ts';
import { bytesOf, type Tensor } from '../core/tensor.ts';
import { atOnce, concatenated } from '../core/turns.ts';
import type { Attribute, Graph, Model, Node, ValueInfo } from './model.ts';
import {
  type AttributeProto,
  attributeTypes,
  dataTypes,
  type GraphProto,
  modelProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './proto.ts';
import { byteLength, encodeMessage } from './wire.ts';

/** Protobuf, and with it ONNX Runtime, takes no message beyond this size. */
const maxBytes = 2 ** 31 - 1;

/**
 * The model as an ONNX file. Its tensors' data is copied once, into the result.
 *
 * @throws {DataError} when the file would exceed 2 GiB, the limit of ONNX
 *
 * @example
 * const value = { dtype: 'float32', shape: ['batch', 4] } as const;
 * encodeModel({
 *   irVersion: 10,
 *   opsets: { '': 21 },
 *   graph: {
 *     name: 'softmax',
 *     inputs: [{ name: 'x', ...value }],
 *     outputs: [{ name: 'y', ...value }],
 *     nodes: [{ opType: 'Softmax', inputs: ['x'], outputs: ['y'], attributes: { axis: { int: -1 } } }],
 *   },
 * });
 */
export function encodeModel(model: Model): Uint8Array<ArrayBuffer> {
  return atOnce(concatenated(encodeModelPieces(model)));
}

/** The same as consecutive pieces of the file, for writing: large tensors' data are pieces of their own, not copied. */
export function encodeModelPieces(model: Model): Uint8Array[] {
  const { irVersion, producerName, producerVersion, opsets, metadata = {} } = model;
  const pieces = encodeMessage(modelProto, {
    irVersion,
    ...(producerName !== undefined && { producerName }),
    ...(producerVersion !== undefined && { producerVersion }),
    graph: graphToProto(model.graph),
    opsetImport: Object.entries(opsets).map(([domain, version]) => ({ domain, version })),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  const size = byteLength(pieces);
  if (size > maxBytes) {
    throw new DataError(
      `graph '${model.graph.name}' as an ONNX file would take ${size} bytes, and ONNX allows ${maxBytes}: use a smaller network`,
    );
  }
  return pieces;
}

function graphToProto(graph: Graph): GraphProto {
  return {
    name: graph.name,
    node: graph.nodes.map(nodeToProto),
    initializer: Object.entries(graph.initializers ?? {}).map(([name, value]) => tensorToProto(value, name)),
    input: graph.inputs.map(valueToProto),
    output: graph.outputs.map(valueToProto),
    valueInfo: (graph.values ?? []).map(valueToProto),
  };
}

function nodeToProto({ opType, inputs, outputs, attributes = {}, name, domain }: Node): NodeProto {
  return {
    input: [...inputs],
    output: [...outputs],
    opType,
    ...(name !== undefined && { name }),
    ...(domain !== undefined && { domain }),
    attribute: Object.entries(attributes).map(([key, value]) => attributeToProto(key, value)),
  };
}

function attributeToProto(name: string, value: Attribute): AttributeProto {
  const proto = { name, floats: [], ints: [], strings: [] };
  if ('int' in value) return { ...proto, type: attributeTypes.int, i: value.int };
  if ('float' in value) return { ...proto, type: attributeTypes.float, f: value.float };
  if ('string' in value) return { ...proto, type: attributeTypes.string, s: value.string };
  if ('ints' in value) return { ...proto, type: attributeTypes.ints, ints: [...value.ints] };
  if ('floats' in value) return { ...proto, type: attributeTypes.floats, floats: [...value.floats] };
  if ('strings' in value) return { ...proto, type: attributeTypes.strings, strings: [...value.strings] };
  if ('tensor' in value) return { ...proto, type: attributeTypes.tensor, t: tensorToProto(value.tensor) };
  return { ...proto, type: attributeTypes.graph, g: graphToProto(value.graph) };
}

function tensorToProto(value: Tensor, name?: string): TensorProto {
  return {
    dims: [...value.shape],
    dataType: dataTypes[value.dtype],
    ...(name !== undefined && { name }),
    rawData: bytesOf(value),
  };
}

function valueToProto({ name, dtype, shape }: ValueInfo): ValueInfoProto {
  const dim = shape.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: dataTypes[dtype], shape: { dim } } } };
}
