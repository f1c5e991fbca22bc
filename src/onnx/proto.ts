import type { DType } from '../core/dtype.ts';
import { type MessageType, messageType } from './wire.ts';

/**
 * The messages of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto that a model of tensors needs. Enumerations
 * are numbers, and an attribute's `s`, bytes there, is text.
 */
export interface ModelProto {
  irVersion?: number;
  producerName?: string;
  producerVersion?: string;
  graph?: GraphProto;
  opsetImport: OperatorSetIdProto[];
  metadataProps: StringStringEntryProto[];
}

export interface OperatorSetIdProto {
  domain?: string;
  version?: number;
}

export interface StringStringEntryProto {
  key?: string;
  value?: string;
}

export interface GraphProto {
  node: NodeProto[];
  name?: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  valueInfo: ValueInfoProto[];
}

export interface NodeProto {
  input: string[];
  output: string[];
  name?: string;
  opType?: string;
  attribute: AttributeProto[];
  domain?: string;
}

export interface AttributeProto {
  name?: string;
  f?: number;
  i?: number;
  s?: string;
  t?: TensorProto;
  g?: GraphProto;
  floats: number[];
  ints: number[];
  strings: string[];
  type?: number;
}

export interface TensorProto {
  dims: number[];
  dataType?: number;
  name?: string;
  rawData?: Uint8Array;
}

export interface ValueInfoProto {
  name?: string;
  type?: TypeProto;
}

export interface TypeProto {
  tensorType?: TensorTypeProto;
}

export interface TensorTypeProto {
  elemType?: number;
  shape?: TensorShapeProto;
}

export interface TensorShapeProto {
  dim: DimensionProto[];
}

export interface DimensionProto {
  dimValue?: number;
  dimParam?: string;
}

const operatorSetIdProto = messageType<OperatorSetIdProto>({ domain: [1, 'string'], version: [2, 'int64'] });

const stringStringEntryProto = messageType<StringStringEntryProto>({
  key: [1, 'string'],
  value: [2, 'string'],
});

const dimensionProto = messageType<DimensionProto>({ dimValue: [1, 'int64'], dimParam: [2, 'string'] });

const tensorShapeProto = messageType<TensorShapeProto>({ dim: [1, () => dimensionProto, 'repeated'] });

const tensorTypeProto = messageType<TensorTypeProto>({
  elemType: [1, 'int64'],
  shape: [2, () => tensorShapeProto],
});

const typeProto = messageType<TypeProto>({ tensorType: [1, () => tensorTypeProto] });

const valueInfoProto = messageType<ValueInfoProto>({ name: [1, 'string'], type: [2, () => typeProto] });

const tensorProto = messageType<TensorProto>({
  dims: [1, 'int64', 'repeated'],
  dataType: [2, 'int64'],
  name: [8, 'string'],
  rawData: [9, 'bytes'],
});

const attributeProto: MessageType<AttributeProto> = messageType<AttributeProto>({
  name: [1, 'string'],
  f: [2, 'float'],
  i: [3, 'int64'],
  s: [4, 'string'],
  t: [5, () => tensorProto],
  g: [6, () => graphProto],
  floats: [7, 'float', 'repeated'],
  ints: [8, 'int64', 'repeated'],
  strings: [9, 'string', 'repeated'],
  type: [20, 'int64'],
});

const nodeProto = messageType<NodeProto>({
  input: [1, 'string', 'repeated'],
  output: [2, 'string', 'repeated'],
  name: [3, 'string'],
  opType: [4, 'string'],
  attribute: [5, () => attributeProto, 'repeated'],
  domain: [7, 'string'],
});

const graphProto = messageType<GraphProto>({
  node: [1, () => nodeProto, 'repeated'],
  name: [2, 'string'],
  initializer: [5, () => tensorProto, 'repeated'],
  input: [11, () => valueInfoProto, 'repeated'],
  output: [12, () => valueInfoProto, 'repeated'],
  valueInfo: [13, () => valueInfoProto, 'repeated'],
});

export const modelProto = messageType<ModelProto>({
  irVersion: [1, 'int64'],
  producerName: [2, 'string'],
  producerVersion: [3, 'string'],
  graph: [7, () => graphProto],
  opsetImport: [8, () => operatorSetIdProto, 'repeated'],
  metadataProps: [14, () => stringStringEntryProto, 'repeated'],
});

/** TensorProto.DataType: what `Cast`'s attribute `to`, a tensor and a value info call a dtype. */
export const dataTypes: Readonly<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
};

/** AttributeProto.AttributeType. */
export const attributeTypes = {
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
} as const;
