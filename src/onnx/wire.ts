import type * as Wire from '@bufbuild/protobuf/wire';
import { lazily } from '../core/lazy.ts';

const wireFormat = lazily<typeof Wire>('@bufbuild/protobuf/wire');

/**
 * Protobuf messages without generated code: a message is a table of its fields, and one function writes, one reads
 * whatever a table describes. Wire format: https://protobuf.dev/programming-guides/encoding/
 */
type KindOf<T> = T extends number
  ? 'int64' | 'float'
  : T extends string
    ? 'string'
    : T extends Uint8Array
      ? 'bytes'
      : T extends object
        ? () => MessageType<T> // lazy, as messages contain one another
        : never;

type FieldOf<T> = T extends readonly (infer E)[]
  ? readonly [no: number, kind: KindOf<E>, repeated: 'repeated']
  : readonly [no: number, kind: KindOf<T>];

/** What a message's fields are called, and their numbers and kinds on the wire. */
export type FieldTable<M> = { readonly [K in keyof M]-?: FieldOf<NonNullable<M[K]>> };

type Kind = 'int64' | 'float' | 'string' | 'bytes' | (() => MessageType);
interface Field {
  readonly name: string;
  readonly no: number;
  readonly kind: Kind;
  readonly repeated: boolean;
}

/** A message's fields, in the order in which they are written. `M` is its type in TypeScript. */
export interface MessageType<M extends object = object> {
  readonly fields: ReadonlyMap<number, Field>;
  /** Never there: it ties `M` to the table. */
  readonly message?: M;
}

export function messageType<M extends object>(table: FieldTable<M>): MessageType<M> {
  const fields = new Map<number, Field>();
  const rows = Object.entries<readonly [number, Kind, 'repeated'?]>(table);
  for (const [name, [no, kind, repeated]] of rows) {
    fields.set(no, { name, no, kind, repeated: repeated !== undefined });
  }
  return { fields };
}

/** From this size on, bytes are passed on as they are, and copied once, into the finished file. */
const largeBytes = 4096;

/** The message as consecutive pieces. Large `bytes` fields are pieces of their own, not copied. */
export function encodeMessage<M extends object>(type: MessageType<M>, message: M): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const { BinaryWriter, WireType } = wireFormat();
  const writer = new BinaryWriter();
  const put = (piece: Uint8Array): void => {
    if (piece.length < largeBytes) writer.raw(piece);
    else pieces.push(writer.finish(), piece);
  };
  const write = ({ no, kind }: Field, value: unknown): void => {
    if (kind === 'int64') writer.tag(no, WireType.Varint).int64(value as number);
    else if (kind === 'float') writer.tag(no, WireType.Bit32).float(value as number);
    else {
      writer.tag(no, WireType.LengthDelimited);
      if (kind === 'string') writer.string(value as string);
      else {
        const content = kind === 'bytes' ? [value as Uint8Array] : encodeMessage(kind(), value as object);
        writer.uint32(byteLength(content));
        content.forEach(put);
      }
    }
  };
  for (const field of type.fields.values()) {
    const value = message[field.name as keyof M];
    if (field.repeated) for (const element of value as unknown[]) write(field, element);
    else if (value !== undefined) write(field, value);
  }
  pieces.push(writer.finish());
  return pieces;
}

export function byteLength(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.length, 0);
}

/**
 * Reads a message. Repeated fields that are absent become `[]`, other ones stay undefined, unknown ones are skipped;
 * `bytes` are views of `bytes`.
 *
 * @throws {Error} when the bytes are no such message
 */
export function decodeMessage<M extends object>(type: MessageType<M>, bytes: Uint8Array): M {
  const message: Record<string, unknown> = {};
  for (const { name, repeated } of type.fields.values()) if (repeated) message[name] = [];
  const { BinaryReader } = wireFormat();
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    const field = type.fields.get(no);
    if (field === undefined) reader.skip(wire, no);
    else if (!field.repeated) message[field.name] = readValue(reader, field, wire);
    else readRepeated(reader, field, wire, message[field.name] as unknown[]);
  }
  return message as M;
}

/** One element, or numbers packed into one field: proto2 writes the former, and every reader takes both. */
function readRepeated(
  reader: Wire.BinaryReader,
  field: Field,
  wire: Wire.WireType,
  elements: unknown[],
): void {
  const { BinaryReader, WireType } = wireFormat();
  if (wire !== wireOf(field.kind) && wire === WireType.LengthDelimited) {
    const packed = new BinaryReader(reader.bytes());
    while (packed.pos < packed.len) elements.push(readValue(packed, field, wireOf(field.kind)));
  } else elements.push(readValue(reader, field, wire));
}

function readValue(reader: Wire.BinaryReader, { name, kind }: Field, wire: Wire.WireType): unknown {
  if (wire !== wireOf(kind)) throw new Error(`field ${name} has wire type ${wire}, not ${wireOf(kind)}`);
  if (kind === 'string') return reader.string(true);
  if (kind === 'float') return reader.float();
  if (kind === 'bytes') return reader.bytes();
  if (kind !== 'int64') return decodeMessage(kind(), reader.bytes());
  const value = Number(reader.int64());
  if (!Number.isSafeInteger(value)) throw new Error(`field ${name} holds ${value}, beyond 2^53`);
  return value;
}

function wireOf(kind: Kind): Wire.WireType {
  const { WireType } = wireFormat();
  if (kind === 'int64') return WireType.Varint;
  return kind === 'float' ? WireType.Bit32 : WireType.LengthDelimited;
}
