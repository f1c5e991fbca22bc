import { bytesPerElement, type DType } from '../core/dtype.ts';
import { DataError, errorMessage, FoveaError } from '../core/errors.ts';
import { type Dim, formatShape } from '../core/shape.ts';
import { elementCount, type Tensor, tensorFromBytes } from '../core/tensor.ts';
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
import { decodeMessage } from './wire.ts';

/**
 * Reads an ONNX file whose tensors are kept in it, as raw data. Tensors are views of `bytes` wherever their alignment
 * allows.
 *
 * @param where what errors call the file, such as its path
 * @throws {DataError} when the bytes are no such model
 */
export function decodeModel(bytes: Uint8Array, where = 'the ONNX model'): Model {
  try {
    const proto = decodeMessage(modelProto, bytes);
    if (proto.graph === undefined || proto.irVersion === undefined) throw new Error('it holds no graph');
    return {
      irVersion: proto.irVersion,
      opsets: toRecord(proto.opsetImport, ({ domain = '', version = 0 }) => [domain, version]),
      graph: graphFromProto(proto.graph),
      ...(proto.producerName && { producerName: proto.producerName }),
      ...(proto.producerVersion && { producerVersion: proto.producerVersion }),
      ...(proto.metadataProps.length > 0 && {
        metadata: toRecord(proto.metadataProps, ({ key = '', value = '' }) => [key, value]),
      }),
    };
  } catch (error) {
    const why = error instanceof FoveaError ? '' : ', or is damaged';
    throw new DataError(`${where} cannot be read as an ONNX model${why}: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

function toRecord<E, T>(elements: readonly E[], entry: (element: E) => [string, T]): Record<string, T> {
  return Object.fromEntries(elements.map(entry)); // own properties, even one called __proto__
}

function graphFromProto(proto: GraphProto): Graph {
  return {
    name: proto.name ?? '',
    nodes: proto.node.map(nodeFromProto),
    inputs: proto.input.map(valueFromProto),
    outputs: proto.output.map(valueFromProto),
    ...(proto.initializer.length > 0 && {
      initializers: toRecord(proto.initializer, (value) => [value.name ?? '', tensorFromProto(value)]),
    }),
    ...(proto.valueInfo.length > 0 && { values: proto.valueInfo.map(valueFromProto) }),
  };
}

function nodeFromProto({ opType = '', input, output, attribute, name, domain }: NodeProto): Node {
  return {
    opType,
    inputs: input,
    outputs: output,
    ...(attribute.length > 0 && {
      attributes: toRecord(attribute, (value) => [value.name ?? '', attributeFromProto(value)]),
    }),
    ...(name && { name }),
    ...(domain && { domain }),
  };
}

function attributeFromProto(proto: AttributeProto): Attribute {
  const { type, i, f, s, t, g, ints, floats, strings } = proto;
  if (type === attributeTypes.int) return { int: i ?? 0 };
  if (type === attributeTypes.float) return { float: f ?? 0 };
  if (type === attributeTypes.string) return { string: s ?? '' };
  if (type === attributeTypes.ints) return { ints };
  if (type === attributeTypes.floats) return { floats };
  if (type === attributeTypes.strings) return { strings };
  if (type === attributeTypes.tensor && t) return { tensor: tensorFromProto(t) };
  if (type === attributeTypes.graph && g) return { graph: graphFromProto(g) };
  throw new DataError(
    `attribute '${proto.name ?? ''}' has type ${type ?? 'none'}, which fovea does not read`,
  );
}

function tensorFromProto({ dims, dataType, name = '', rawData = new Uint8Array() }: TensorProto): Tensor {
  const dtype = dtypeOf(dataType, `tensor '${name}'`);
  const size = elementCount(dims) * bytesPerElement(dtype);
  if (dims.some((dim) => dim < 0) || rawData.length !== size) {
    throw new DataError(
      `tensor '${name}' of ${dtype}${formatShape(dims)} needs ${size} bytes of raw data, got ${rawData.length}: ` +
        'save the model with its weights inside, as raw data',
    );
  }
  return tensorFromBytes(dtype, dims, rawData);
}

function valueFromProto({ name = '', type }: ValueInfoProto): ValueInfo {
  const { elemType, shape } = type?.tensorType ?? {};
  if (shape === undefined)
    throw new DataError(`value '${name}' has no shape: fovea reads tensors of known rank`);
  return {
    name,
    dtype: dtypeOf(elemType, `value '${name}'`),
    // A dimension with neither size nor name differs from all others.
    shape: shape.dim.map(({ dimValue, dimParam }, i): Dim => dimValue ?? (dimParam || `${name}_dim${i}`)),
  };
}

const dtypes = new Map(Object.entries(dataTypes).map(([dtype, code]) => [code, dtype as DType]));

function dtypeOf(code: number | undefined, what: string): DType {
  const dtype = dtypes.get(code ?? 0);
  if (dtype === undefined) {
    throw new DataError(
      `${what} has ONNX data type ${code ?? 'none'}: fovea reads ${Object.keys(dataTypes).join(', ')}`,
    );
  }
  return dtype;
}
