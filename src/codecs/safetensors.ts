import { bytesPerElement, type DType } from '../core/dtype.ts';
import { DataError, errorMessage, UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { bytesOf, elementCount, type Tensor, tensorFromBytes } from '../core/tensor.ts';
import { atOnce, concatenated } from '../core/turns.ts';

/**
 * Files of named tensors: eight bytes with the header's length, a header in JSON, then the tensors' bytes one after
 * another, without gaps. https://github.com/huggingface/safetensors#format
 */
export interface Safetensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly metadata: Readonly<Record<string, string>>;
}

const formatNames: Readonly<Record<DType, string>> = {
  float64: 'F64',
  float32: 'F32',
  float16: 'F16',
  int64: 'I64',
  int32: 'I32',
  uint32: 'U32',
  int8: 'I8',
  uint8: 'U8',
  bool: 'BOOL',
};
const dtypes = new Map(Object.entries(formatNames).map(([dtype, name]) => [name, dtype as DType]));

const metadataName = '__metadata__';
const lengthBytes = 8;

/** A header beyond these is refused before it is parsed: no network comes near. */
const maxHeaderBytes = 16 * 2 ** 20;
const maxTensors = 100_000;

/**
 * The tensors as a file. The header is padded, and wider elements come first, so that all data is aligned and can be
 * read without a copy.
 *
 * @throws {UsageError} when a tensor has the name `__metadata__`
 *
 * @example
 * const bytes = encodeSafetensors({ 'dense/bias': floats([0, 1]) }, { licence: 'CC BY 4.0' });
 */
export function encodeSafetensors(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  return atOnce(concatenated(encodeSafetensorsPieces(tensors, metadata)));
}

/** The same as consecutive pieces of the file, for writing: the header, then each tensor's data, not copied. */
export function encodeSafetensorsPieces(
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  if (Object.hasOwn(tensors, metadataName)) {
    throw new UsageError(`a tensor cannot be called ${metadataName}: safetensors keeps the metadata there`);
  }
  const width = ([, { dtype }]: [string, Tensor]): number => bytesPerElement(dtype);
  const entries = Object.entries(tensors);
  const ordered = entries.toSorted((a, b) => width(b) - width(a));
  const begins = new Map<string, number>();
  let size = 0;
  for (const [name, { data }] of ordered) {
    begins.set(name, size);
    size += data.byteLength;
  }
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [[metadataName, metadata]] : [];
  // The names keep their order, so that weights can be taken by it.
  for (const [name, { dtype, shape, data }] of entries) {
    const begin = begins.get(name)!;
    header.push([name, { dtype: formatNames[dtype], shape, data_offsets: [begin, begin + data.byteLength] }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(header)));
  const headerLength = Math.ceil(json.length / 8) * 8;
  const head = new Uint8Array(lengthBytes + headerLength);
  new DataView(head.buffer).setBigUint64(0, BigInt(headerLength), true);
  head.set(json, lengthBytes);
  head.fill(0x20, lengthBytes + json.length);
  return [head, ...ordered.map(([, value]) => bytesOf(value))];
}

/**
 * Reads a file of tensors. They are views of `bytes` wherever their alignment allows; half-precision ones keep their
 * bits, as dtype `float16`.
 *
 * @param where what errors call the file, such as its path
 * @throws {DataError} when the bytes are no such file; found before any memory is taken
 */
export function decodeSafetensors(bytes: Uint8Array, where: string): Safetensors {
  const { [metadataName]: metadata = {}, ...header } = parseHeader(bytes, where);
  if (!isRecord(metadata) || !Object.values(metadata).every((value) => typeof value === 'string')) {
    throw new DataError(`${where}: ${metadataName} must map names to strings`);
  }
  const entries = Object.entries(header);
  if (entries.length > maxTensors) {
    throw new DataError(`${where} lists ${entries.length} tensors: at most ${maxTensors} are read`);
  }
  const start = lengthBytes + headerLengthOf(bytes);
  const places = entries.map(([name, entry]) => placeOf(entry, `${where}: tensor '${name}'`));
  refuseGaps(places, bytes.length - start, where);
  const tensors = places.map(({ dtype, shape, begin, end }) =>
    tensorFromBytes(dtype, shape, bytes.subarray(start + begin, start + end)),
  );
  return {
    tensors: Object.fromEntries(entries.map(([name], i) => [name, tensors[i]!])),
    metadata: metadata as Record<string, string>,
  };
}

function headerLengthOf(bytes: Uint8Array): number {
  return Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
}

function parseHeader(bytes: Uint8Array, where: string): Record<string, unknown> {
  if (bytes.length < lengthBytes) {
    throw new DataError(
      `${where} is no safetensors file: it has ${bytes.length} bytes, and needs at least 8`,
    );
  }
  const length = headerLengthOf(bytes);
  if (length > maxHeaderBytes) {
    throw new DataError(`${where} is no safetensors file: its header would take ${length} bytes`);
  }
  if (lengthBytes + length > bytes.length) {
    throw new DataError(`${where} was cut short: its header alone has ${length} bytes. Fetch the file again`);
  }
  let header: unknown;
  try {
    const text = new TextDecoder('utf-8', { fatal: true });
    header = JSON.parse(text.decode(bytes.subarray(lengthBytes, lengthBytes + length)));
  } catch (error) {
    throw new DataError(`${where} is no safetensors file: its header is not JSON: ${errorMessage(error)}`, {
      cause: error,
    });
  }
  if (!isRecord(header)) throw new DataError(`${where} is no safetensors file: its header is not an object`);
  return header;
}

interface Place {
  readonly what: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function placeOf(entry: unknown, what: string): Place {
  const { dtype: formatName, shape, data_offsets: offsets } = isRecord(entry) ? entry : {};
  const dtype = dtypes.get(String(formatName));
  if (dtype === undefined) {
    throw new DataError(`${what} has dtype ${formatName}: fovea reads ${[...dtypes.keys()].join(', ')}`);
  }
  if (!isSizes(shape)) throw new DataError(`${what} has no valid shape: got ${JSON.stringify(shape)}`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw new DataError(`${what} needs data_offsets [begin, end], got ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const size = elementCount(shape) * bytesPerElement(dtype);
  if (end - begin !== size) {
    throw new DataError(
      `${what} of ${dtype}${formatShape(shape)} takes ${size} bytes, but lies in [${begin}, ${end})`,
    );
  }
  return { what, dtype, shape, begin, end };
}

/** The format wants every byte to belong to one tensor, so that a file cannot hide anything. */
function refuseGaps(places: readonly Place[], size: number, where: string): void {
  let at = 0;
  for (const { what, begin, end } of places.toSorted((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (end > size) {
      throw new DataError(
        `${what} lies in [${begin}, ${end}), but the file holds ${size} bytes of data: it was cut short, or is damaged`,
      );
    }
    if (begin < at) throw new DataError(`${what} lies in [${begin}, ${end}), and overlaps the one before it`);
    if (begin > at)
      throw new DataError(`${what} starts at ${begin}: the bytes from ${at} on belong to no tensor`);
    at = end;
  }
  if (at !== size) throw new DataError(`${where}: the last ${size - at} bytes belong to no tensor`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
