import { type FileHandle, open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { createGunzip } from 'node:zlib';
import { bytesPerElement, type DType } from '../core/dtype.ts';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { formatShape, type Shape } from '../core/shape.ts';
import { type Tensor, tensorFromBytes } from '../core/tensor.ts';
import { cutShort, regularFile, unreadable } from './file-chunks.ts';

/** The element types of IDX that fovea has, by their code in the file. */
const dtypes = {
  8: 'uint8',
  9: 'int8',
  12: 'int32',
  13: 'float32',
  14: 'float64',
} as const satisfies Record<number, DType>;

export type IdxDType = (typeof dtypes)[keyof typeof dtypes];

export interface ReadIdxOptions<D extends IdxDType = IdxDType> {
  /** The dtype that the file must have. Default: any. */
  readonly dtype?: D;
  /** The shape that the tensor must have; a symbol stands for any size: `['images', 28, 28]`. Default: any. */
  readonly shape?: Shape;
  /** The most that the tensor may take, in bytes. Default: 2³⁰. */
  readonly maxBytes?: number;
  /** Ends the reading with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Deflate makes no more than 258 bytes of two bits (RFC 1951), so that a gzipped file cannot hold more than this times its size. */
const maxExpansion = 1032;

/**
 * Reads a file in the IDX format of the MNIST data sets, gzipped or plain (its bytes tell which): two bytes of 0, the
 * code of the dtype, the number of dimensions, the dimensions as big-endian uint32, then the elements, big-endian.
 * http://yann.lecun.com/exdb/mnist/
 *
 * @throws {DataError} when there is no such file, or it is none of IDX, damaged, cut short, followed by other bytes,
 *   or not what `dtype` and `shape` ask for. A header that promises too much is refused before memory is taken
 * @example const images = await readIdx('train-images-idx3-ubyte.gz', { dtype: 'uint8', shape: ['images', 28, 28] });
 */
export async function readIdx<D extends IdxDType = IdxDType>(
  path: string,
  options: ReadIdxOptions<D> = {},
): Promise<Tensor<D>> {
  const { size } = await regularFile(path);
  const handle = await open(path).catch((error) => {
    throw unreadable(path, error);
  });
  try {
    const gzipped = await isGzipped(handle);
    const bytes = gzipped ? inflated(handle, size, path) : plain(handle, path);
    return (await collect(bytes, { path, size, gzipped, ...options })) as Tensor<D>;
  } finally {
    await handle.close();
  }
}

async function isGzipped(handle: FileHandle): Promise<boolean> {
  const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
  return buffer.readUInt16BE() === 0x1f8b;
}

const readStream = (handle: FileHandle) =>
  handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 2 ** 18 });

async function* plain(handle: FileHandle, path: string): AsyncGenerator<Uint8Array> {
  try {
    yield* readStream(handle);
  } catch (error) {
    throw unreadable(path, error);
  }
}

async function* inflated(handle: FileHandle, size: number, path: string): AsyncGenerator<Uint8Array> {
  const source = readStream(handle);
  const gunzip = createGunzip({ chunkSize: 2 ** 18 });
  source.on('error', (error) => gunzip.destroy(error));
  try {
    yield* source.pipe(gunzip);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'Z_BUF_ERROR') throw cutShort(path, 'its gzip stream has no end');
    if (!code?.startsWith('Z_')) throw unreadable(path, error);
    throw new DataError(
      `${path}: its gzip stream is damaged (${errorMessage(error)}). Fetch the file again`,
      {
        cause: error,
      },
    );
  } finally {
    source.destroy();
  }
  if (gunzip.bytesWritten < size) {
    throw new DataError(`${path} has ${size - gunzip.bytesWritten} bytes behind its gzip stream`);
  }
}

interface Source extends ReadIdxOptions {
  readonly path: string;
  /** Of the file, in bytes. */
  readonly size: number;
  readonly gzipped: boolean;
}

async function collect(chunks: AsyncIterable<Uint8Array>, source: Source): Promise<Tensor> {
  const { path, signal } = source;
  let head: Uint8Array = new Uint8Array(0);
  let header: Header | undefined;
  let data: Uint8Array<ArrayBuffer> | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    let rest = chunk;
    if (!data) {
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
      header = parseHeader(head, path);
      if (!header) continue;
      data = new Uint8Array(checkedSize(header, source));
      rest = head.subarray(header.length);
    }
    if (filled + rest.length > data.length) {
      throw new DataError(
        `${path} goes on behind its ${data.length} bytes of ${described(header!)}: it is damaged, or another file is appended`,
      );
    }
    data.set(rest, filled);
    filled += rest.length;
  }
  signal?.throwIfAborted();
  if (!header || !data) throw cutShort(path, `${head.length} bytes are less than a header`);
  if (filled < data.length) {
    throw cutShort(path, `its ${described(header)} takes ${data.length} bytes, and ${filled} are there`);
  }
  toNativeOrder(data, bytesPerElement(header.dtype));
  return tensorFromBytes(header.dtype, header.shape, data);
}

interface Header {
  readonly dtype: IdxDType;
  readonly shape: readonly number[];
  /** In bytes. */
  readonly length: number;
}

const described = ({ dtype, shape }: Header): string => `${dtype}${formatShape(shape)}`;

/** `undefined` where `head` does not hold all of it yet. */
function parseHeader(head: Uint8Array, path: string): Header | undefined {
  if (head.length < 4) return undefined;
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const code = view.getUint8(2);
  if (view.getUint16(0) !== 0) {
    const magic = view.getUint32(0).toString(16).padStart(8, '0');
    throw new DataError(
      `${path} is no IDX file: it must start with the bytes 0000, and starts with ${magic}`,
    );
  }
  if (!(code in dtypes)) {
    const known = Object.entries(dtypes).map(([known, dtype]) => `${known} (${dtype})`);
    throw new DataError(`${path}: IDX dtype ${code} is unknown: fovea reads ${known.join(', ')}`);
  }
  const dtype = dtypes[code as keyof typeof dtypes];
  const rank = view.getUint8(3);
  const length = 4 + 4 * rank;
  if (head.length < length) return undefined;
  return { dtype, shape: Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i)), length };
}

/** How many bytes the elements take, once it is known that they may, and that the file can hold them. */
function checkedSize(header: Header, { path, size, gzipped, maxBytes = 2 ** 30, ...asked }: Source): number {
  const { dtype, shape, length } = header;
  if (asked.dtype && dtype !== asked.dtype) {
    throw new DataError(`${path} holds ${described(header)}, but ${asked.dtype} is expected`);
  }
  if (asked.shape && !fits(shape, asked.shape)) {
    throw new DataError(
      `${path} holds ${described(header)}, but the shape ${formatShape(asked.shape)} is expected`,
    );
  }
  const bytes = shape.reduce((product, dim) => product * dim, bytesPerElement(dtype));
  if (!(bytes <= maxBytes)) {
    throw new DataError(`${path} promises ${described(header)}, which is more than ${maxBytes} bytes`);
  }
  const most = gzipped ? size * maxExpansion : size - length;
  if (bytes > most) {
    const there = gzipped ? `${size} gzipped bytes cannot hold them` : `${most} are there`;
    throw cutShort(path, `its ${described(header)} takes ${bytes} bytes, and ${there}`);
  }
  return bytes;
}

function fits(shape: readonly number[], asked: Shape): boolean {
  return (
    shape.length === asked.length && asked.every((dim, i) => typeof dim === 'string' || dim === shape[i])
  );
}

function toNativeOrder(data: Uint8Array<ArrayBuffer>, width: number): void {
  if (endianness() === 'BE') return;
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  if (width === 4) bytes.swap32();
  if (width === 8) bytes.swap64();
}
