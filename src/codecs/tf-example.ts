import type * as Wire from '@bufbuild/protobuf/wire';
import { DataError, errorMessage, FoveaError } from '../core/errors.ts';
import { lazily } from '../core/lazy.ts';
import { formatShape } from '../core/shape.ts';
import { elementCount, type Tensor, tensor } from '../core/tensor.ts';

const wireFormat = lazily<typeof Wire>('@bufbuild/protobuf/wire');

// https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/example/feature.proto

/** What one feature holds: text is UTF-8, bytes are as they are. */
export type FeatureType = 'int64' | 'float32' | 'string' | 'bytes';

/** A single value of each type. */
interface ValueOf {
  readonly int64: number;
  readonly float32: number;
  readonly string: string;
  readonly bytes: Uint8Array;
}

/** Several values of each type. */
interface ListOf {
  readonly int64: Tensor<'int64'>;
  readonly float32: Tensor<'float32'>;
  readonly string: readonly string[];
  readonly bytes: readonly Uint8Array[];
}

/** How a feature is read: its type alone where it is one value. */
export type FeatureSpec =
  | FeatureType
  | {
      readonly type: FeatureType;
      /** Of a list of fixed length. Without it, and without `variable`: one value. */
      readonly shape?: readonly number[];
      /** A list of any length. */
      readonly variable?: true;
      /** Stands for one value where the feature is missing; without it that is an error. */
      readonly default?: number | string | Uint8Array;
    };

export type FeatureSpecs = Readonly<Record<string, FeatureSpec>>;

type FeatureOf<S> = S extends FeatureType
  ? ValueOf[S]
  : S extends { readonly type: infer Type extends FeatureType }
    ? S extends { readonly shape: readonly number[] } | { readonly variable: true }
      ? ListOf[Type]
      : ValueOf[Type]
    : never;

/** What a `tf.train.Example` becomes. */
export type ExampleOf<S extends FeatureSpecs> = { -readonly [K in keyof S]: FeatureOf<S[K]> };

/** The list that a feature keeps its values in, by the list's field number. */
const listFields = { 1: 'bytes', 2: 'float32', 3: 'int64' } as const;
type Stored = (typeof listFields)[keyof typeof listFields];
type Values = (number | bigint | Uint8Array)[];

/**
 * Reads a serialized `tf.train.Example`: one value of each feature, or a list where a shape or `variable` says so.
 * Features that are not asked for are passed over. https://www.tensorflow.org/api_docs/python/tf/io/parse_single_example
 *
 * @param where what errors call it
 * @throws {DataError} names the feature that is missing, of another type or length; or says that the bytes are no Example
 * @example parseExample(record, { image: 'bytes', label: 'int64', box: { type: 'float32', shape: [4] } })
 */
export function parseExample<const S extends FeatureSpecs>(
  record: Uint8Array,
  specs: S,
  where = 'tf.train.Example',
): ExampleOf<S> {
  let features: Map<string, Uint8Array>;
  try {
    features = featuresOf(record);
  } catch (error) {
    throw new DataError(`${where}: the bytes are no tf.train.Example: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  const entries = Object.entries(specs).map(([name, spec]) => {
    const options = typeof spec === 'string' ? { type: spec } : spec;
    const bytes = features.get(name);
    try {
      return [name, featureOf(bytes, options)] as const;
    } catch (error) {
      if (error instanceof FoveaError) throw error;
      const missing = bytes ? '' : `; it has ${[...features.keys()].join(', ') || 'none'}`;
      throw new DataError(`${where}: feature '${name}' ${errorMessage(error)}${missing}`, { cause: error });
    }
  });
  return Object.fromEntries(entries) as ExampleOf<S>;
}

/** Calls a function with the bytes of each field of this number; the others are passed over. */
function eachField(bytes: Uint8Array, wanted: number, use: (content: Uint8Array) => void): void {
  const { BinaryReader, WireType } = wireFormat();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    if (no === wanted && wire === WireType.LengthDelimited) use(reader.bytes());
    else reader.skip(wire, no);
  }
}

function featuresOf(record: Uint8Array): Map<string, Uint8Array> {
  const { BinaryReader, WireType } = wireFormat();
  const features = new Map<string, Uint8Array>();
  eachField(record, 1, (map) =>
    eachField(map, 1, (entry) => {
      let name = '';
      let feature: Uint8Array = new Uint8Array(0);
      const reader = new BinaryReader(entry);
      while (reader.pos < reader.len) {
        const [no, wire] = reader.tag();
        if (no === 1 && wire === WireType.LengthDelimited) name = reader.string();
        else if (no === 2 && wire === WireType.LengthDelimited) feature = reader.bytes();
        else reader.skip(wire, no);
      }
      features.set(name, feature);
    }),
  );
  return features;
}

type Options = Exclude<FeatureSpec, string>;

function featureOf(
  bytes: Uint8Array | undefined,
  { type, shape, variable, default: standIn }: Options,
): unknown {
  const { stored, values } = bytes ? listOf(bytes) : { stored: undefined, values: [] };
  const wanted = type === 'string' ? 'bytes' : type;
  if (stored !== undefined && stored !== wanted && values.length > 0) {
    throw new Error(`holds ${stored}, and ${type} is expected`);
  }
  if (variable) return together(type, [values.length], values);
  const given = values.length > 0;
  if (!shape) {
    if (!given && standIn !== undefined) return standIn;
    if (!given) throw new Error(bytes ? 'is empty' : 'is missing');
    if (values.length > 1)
      throw new Error(`has ${values.length} values, and one is expected: give a shape, or variable`);
    return one(type, values[0]!);
  }
  const count = elementCount(shape);
  if (!given && standIn !== undefined)
    return together(type, shape, new Array(count).fill(stand(type, standIn)));
  if (!bytes) throw new Error('is missing');
  if (values.length !== count) {
    throw new Error(
      `has ${values.length} values, and ${count} are expected for the shape ${formatShape(shape)}`,
    );
  }
  return together(type, shape, values);
}

const stand = (type: FeatureType, value: number | string | Uint8Array): number | bigint | Uint8Array =>
  type === 'int64'
    ? BigInt(value as number)
    : typeof value === 'string'
      ? new TextEncoder().encode(value)
      : value;

function listOf(feature: Uint8Array): { stored: Stored | undefined; values: Values } {
  const { BinaryReader, WireType } = wireFormat();
  let stored: Stored | undefined;
  let values: Values = [];
  const reader = new BinaryReader(feature);
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    if (!(no in listFields) || wire !== WireType.LengthDelimited) {
      reader.skip(wire, no);
      continue;
    }
    const kind = listFields[no as keyof typeof listFields];
    if (kind !== stored) values = [];
    stored = kind;
    readValues(reader.bytes(), kind, values);
  }
  return { stored, values };
}

/** One value, or numbers packed into one field: both are written. */
function readValues(list: Uint8Array, kind: Stored, values: Values): void {
  const { BinaryReader, WireType } = wireFormat();
  const reader = new BinaryReader(list);
  const number = (from: Wire.BinaryReader) =>
    values.push(kind === 'float32' ? from.float() : BigInt(from.int64()));
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    if (no !== 1) reader.skip(wire, no);
    else if (wire !== WireType.LengthDelimited) {
      if (wire !== (kind === 'float32' ? WireType.Bit32 : WireType.Varint) || kind === 'bytes') {
        throw new Error(`has a value of wire type ${wire}`);
      }
      number(reader);
    } else if (kind === 'bytes') values.push(reader.bytes());
    else {
      const packed = new BinaryReader(reader.bytes());
      while (packed.pos < packed.len) number(packed);
    }
  }
}

function one(type: FeatureType, value: number | bigint | Uint8Array): unknown {
  if (type === 'float32' || type === 'bytes') return value;
  if (type === 'string') return text(value as Uint8Array);
  const whole = Number(value);
  if (Number.isSafeInteger(whole)) return whole;
  throw new Error(`is ${value}, beyond 2⁵³: read it as a list, with variable or a shape`);
}

function text(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error("is no UTF-8 text: read it as 'bytes'");
  }
}

function together(type: FeatureType, shape: readonly number[], values: Values): unknown {
  if (type === 'int64') return tensor('int64', shape, BigInt64Array.from(values as bigint[]));
  if (type === 'float32') return tensor('float32', shape, Float32Array.from(values as number[]));
  return type === 'string' ? (values as Uint8Array[]).map(text) : values;
}
