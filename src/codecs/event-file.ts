import type * as Wire from '@bufbuild/protobuf/wire';
import { DataError, errorMessage } from '../core/errors.ts';
import { lazily } from '../core/lazy.ts';
import { maskedCrc32c } from './crc32c.ts';
import { frameTfRecord } from './tfrecord.ts';

const wireFormat = lazily<typeof Wire>('@bufbuild/protobuf/wire');

// https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/util/event.proto, summary.proto beside it, and
// tensor.proto: what a plugin of TensorBoard shows is a tensor, with the plugin's name.

/** A value by its tag, as the plugin of TensorBoard of that name takes it. */
export type SummaryValue =
  /** Stored in float32, as TensorFlow does. */
  | { readonly plugin: 'scalars'; readonly tag: string; readonly value: number }
  /** [buckets, 3]: left edge, right edge, count. */
  | { readonly plugin: 'histograms'; readonly tag: string; readonly buckets: Float64Array }
  /** Images of one size, each as a PNG file. */
  | {
      readonly plugin: 'images';
      readonly tag: string;
      readonly width: number;
      readonly height: number;
      readonly pngs: readonly Uint8Array[];
    }
  | { readonly plugin: 'text'; readonly tag: string; readonly markdown: string };

export interface SummaryEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  readonly values: readonly SummaryValue[];
}

/** What is read of an event. */
export interface StoredEvent {
  /** Seconds since 1970. */
  readonly wallTime: number;
  readonly step: number;
  /** In a file's first event, which has nothing else. */
  readonly fileVersion?: string;
  /** Its scalars; values of other kinds are passed over. */
  readonly scalars: readonly { readonly tag: string; readonly value: number }[];
}

const eventFields = { wallTime: 1, step: 2, fileVersion: 3, summary: 5 };
const valueFields = { tag: 1, simpleValue: 2, tensor: 8, metadata: 9 };
const tensorFields = { dtype: 1, shape: 2, content: 4, strings: 8 };
const shapeFields = { dimension: 2 };
/** The number of what is alone in its message: a summary's values, a dimension's size, a plugin and its name. */
const inner = 1;
const dtypes = { float32: 1, float64: 2, string: 7 };

/** The first event of every file, as it stands there. */
export function fileVersionRecord(wallTime: number): Uint8Array {
  return eventRecord(wallTime, (writer, { LengthDelimited }) =>
    writer.tag(eventFields.fileVersion, LengthDelimited).string('brain.Event:2'),
  );
}

/** An event as it stands in a file. */
export function summaryRecord({ wallTime, step, values }: SummaryEvent): Uint8Array {
  return eventRecord(wallTime, (writer, { Varint, LengthDelimited }) => {
    if (step !== 0) writer.tag(eventFields.step, Varint).int64(step);
    writer.tag(eventFields.summary, LengthDelimited).fork();
    for (const value of values) writeValue(writer, value);
    writer.join();
  });
}

function eventRecord(
  wallTime: number,
  write: (writer: Wire.BinaryWriter, types: typeof Wire.WireType) => void,
): Uint8Array {
  const { BinaryWriter, WireType } = wireFormat();
  const writer = new BinaryWriter();
  writer.tag(eventFields.wallTime, WireType.Bit64).double(wallTime);
  write(writer, WireType);
  return frameTfRecord(writer.finish());
}

function writeValue(writer: Wire.BinaryWriter, value: SummaryValue): void {
  const { LengthDelimited } = wireFormat().WireType;
  writer.tag(inner, LengthDelimited).fork();
  writer.tag(valueFields.tag, LengthDelimited).string(value.tag);
  writer.tag(valueFields.tensor, LengthDelimited).fork();
  switch (value.plugin) {
    case 'scalars':
      writeTensor(writer, 'float32', [], Float32Array.of(value.value));
      break;
    case 'histograms':
      writeTensor(writer, 'float64', [value.buckets.length / 3, 3], value.buckets);
      break;
    case 'images': {
      const { width, height, pngs } = value;
      writeStrings(writer, [pngs.length + 2], [utf8(String(width)), utf8(String(height)), ...pngs]);
      break;
    }
    case 'text':
      writeStrings(writer, [], [utf8(value.markdown)]);
  }
  writer.join();
  writer.tag(valueFields.metadata, LengthDelimited).fork();
  writer.tag(inner, LengthDelimited).fork();
  writer.tag(inner, LengthDelimited).string(value.plugin);
  writer.join().join().join();
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

function writeTensor(
  writer: Wire.BinaryWriter,
  dtype: 'float32' | 'float64',
  shape: readonly number[],
  { buffer, byteOffset, byteLength }: Float32Array | Float64Array,
): void {
  writeHead(writer, dtype, shape);
  const { LengthDelimited } = wireFormat().WireType;
  writer.tag(tensorFields.content, LengthDelimited).bytes(new Uint8Array(buffer, byteOffset, byteLength));
}

function writeStrings(
  writer: Wire.BinaryWriter,
  shape: readonly number[],
  strings: readonly Uint8Array[],
): void {
  writeHead(writer, 'string', shape);
  const { LengthDelimited } = wireFormat().WireType;
  for (const string of strings) writer.tag(tensorFields.strings, LengthDelimited).bytes(string);
}

function writeHead(writer: Wire.BinaryWriter, dtype: keyof typeof dtypes, shape: readonly number[]): void {
  const { Varint, LengthDelimited } = wireFormat().WireType;
  writer.tag(tensorFields.dtype, Varint).int32(dtypes[dtype]);
  writer.tag(tensorFields.shape, LengthDelimited).fork();
  for (const size of shape) {
    writer.tag(shapeFields.dimension, LengthDelimited).fork().tag(inner, Varint).int64(size).join();
  }
  writer.join();
}

/** A record of a file: the event, and the bytes that it takes there. */
export interface EventRecord {
  readonly event: StoredEvent;
  readonly bytes: Uint8Array;
}

export interface EventFile {
  readonly records: readonly EventRecord[];
  /** Where the last whole record ends: before the file's end if a writer was stopped in the middle of one. */
  readonly wholeBytes: number;
}

/**
 * Reads the bytes of an event file. A last record that is not whole is no error: writers are stopped at any time.
 *
 * @param name what errors call the file
 * @throws {DataError} names the file and the byte where it is damaged
 */
export function readEventFile(name: string, bytes: Uint8Array): EventFile {
  const records: EventRecord[] = [];
  let at = 0;
  try {
    for (;;) {
      const content = contentAt(bytes, at);
      if (!content) return { records, wholeBytes: at };
      const end = at + headBytes + content.length + checksumBytes;
      records.push({ event: parseEvent(content), bytes: bytes.subarray(at, end) });
      at = end;
    }
  } catch (error) {
    throw new DataError(
      `${name}: event ${records.length} at byte ${at}: ${errorMessage(error)}; move the file away`,
      { cause: error },
    );
  }
}

const checksumBytes = 4;
/** The length and its checksum. */
const headBytes = 8 + checksumBytes;

/** What the record at this byte holds; undefined where the file ends before the record does. */
function contentAt(bytes: Uint8Array, at: number): Uint8Array | undefined {
  const rest = bytes.subarray(at);
  if (rest.length < headBytes) return undefined;
  const view = new DataView(rest.buffer, rest.byteOffset, rest.length);
  if (maskedCrc32c(rest.subarray(0, 8)) !== view.getUint32(8, true)) {
    if (isZero(rest.subarray(headBytes))) return undefined;
    throw new Error('the checksum of its length is wrong: the file is damaged, or no event file');
  }
  const contentEnd = headBytes + Number(view.getBigUint64(0, true));
  const end = contentEnd + checksumBytes;
  if (end > rest.length) return undefined;
  const content = rest.subarray(headBytes, contentEnd);
  if (maskedCrc32c(content) === view.getUint32(contentEnd, true)) return content;
  if (isZero(rest.subarray(end))) return undefined;
  throw new Error('its checksum is wrong: the file is damaged');
}

/** Whether there is nothing but zeros, which some file systems leave at a file's end where power failed. */
const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

function parseEvent(content: Uint8Array): StoredEvent {
  let [wallTime, step] = [0, 0];
  let fileVersion: string | undefined;
  const scalars: { tag: string; value: number }[] = [];
  for (const [no, value] of fieldsOf(content)) {
    if (typeof value === 'number') {
      if (no === eventFields.wallTime) wallTime = value;
      else if (no === eventFields.step) step = value;
    } else if (no === eventFields.fileVersion) fileVersion = textOf(value);
    else if (no === eventFields.summary) {
      for (const [, given] of fieldsOf(value))
        if (typeof given === 'object') scalars.push(...scalarsIn(given));
    }
  }
  return { wallTime, step, ...(fileVersion === undefined ? {} : { fileVersion }), scalars };
}

/** A scalar as TensorFlow 2 writes it, or, in a field of its own, TensorFlow 1 and PyTorch; none of another kind. */
function scalarsIn(summaryValue: Uint8Array): { tag: string; value: number }[] {
  let tag = '';
  let plugin = '';
  let simple: number | undefined;
  let tensor: Uint8Array | undefined;
  for (const [no, value] of fieldsOf(summaryValue)) {
    if (typeof value === 'number') {
      if (no === valueFields.simpleValue) simple = value;
    } else if (no === valueFields.tag) tag = textOf(value);
    else if (no === valueFields.tensor) tensor = value;
    else if (no === valueFields.metadata) plugin = pluginIn(value);
  }
  if (simple === undefined && tensor && plugin === 'scalars') simple = floatIn(tensor);
  return simple === undefined ? [] : [{ tag, value: simple }];
}

function pluginIn(metadata: Uint8Array): string {
  for (const [no, plugin] of fieldsOf(metadata)) {
    if (no !== inner || typeof plugin === 'number') continue;
    for (const [no, name] of fieldsOf(plugin))
      if (no === inner && typeof name === 'object') return textOf(name);
  }
  return '';
}

function floatIn(tensor: Uint8Array): number | undefined {
  let float32 = false;
  let content: Uint8Array | undefined;
  for (const [no, value] of fieldsOf(tensor)) {
    if (typeof value === 'number') {
      if (no === tensorFields.dtype) float32 = value === dtypes.float32;
    } else if (no === tensorFields.content) content = value;
  }
  if (!float32 || content?.length !== 4) return undefined;
  return new DataView(content.buffer, content.byteOffset, 4).getFloat32(0, true);
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** A message's fields, by number: numbers, or the bytes of text, bytes and messages. */
function* fieldsOf(message: Uint8Array): Generator<[no: number, value: number | Uint8Array]> {
  const { BinaryReader, WireType } = wireFormat();
  const reader = new BinaryReader(message);
  while (reader.pos < reader.len) {
    const [no, wire] = reader.tag();
    if (wire === WireType.LengthDelimited) yield [no, reader.bytes()];
    else if (wire === WireType.Varint) yield [no, Number(reader.int64())];
    else if (wire === WireType.Bit64) yield [no, reader.double()];
    else if (wire === WireType.Bit32) yield [no, reader.float()];
    else reader.skip(wire, no);
  }
}
