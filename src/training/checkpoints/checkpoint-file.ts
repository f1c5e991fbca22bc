import { type FileHandle, open } from 'node:fs/promises';
import { decodeSafetensors, encodeSafetensorsPieces, type Safetensors } from '../../codecs/safetensors.ts';
import { DataError, errorCode, errorMessage, UsageError } from '../../core/errors.ts';
import { bytesOf, type Tensor, tensor } from '../../core/tensor.ts';
import { type JsonValue, parseExactJson, toExactJson } from './exact-json.ts';

/** All that a training goes on from. */
export interface Checkpoint {
  /** Steps of the whole training so far. */
  readonly step: number;
  /** All of its state but tensors; NaN, Infinity and -0 come back as they are. */
  readonly values: JsonValue;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** A checkpoint that is not as it was written: cut short, or altered. */
export class DamagedCheckpoint extends DataError {}

const format = 'fovea checkpoint';
const version = '1';
/** The tensor that stands last in the file, and says what the header was. */
const headerChecksum = 'header.sha256';
/** What is hashed at once is copied first, on the main thread: this takes milliseconds. */
const blockBytes = 8 * 2 ** 20;
/** As `decodeSafetensors` reads. */
const maxHeaderBytes = 16 * 2 ** 20;
const readAtOnce = 64 * 2 ** 20;

/**
 * A checkpoint as the consecutive pieces of a safetensors file (docs/checkpoints.md). Every byte of it is covered by a
 * SHA-256, computed off the main thread.
 *
 * @returns the tensors' own memory among other pieces, not copied: nothing may change it until it is written
 * @throws {UsageError} when `values` is no plain JSON or takes more than 16 MiB, or a tensor has the name of the checksum
 */
export async function encodeCheckpoint(checkpoint: Checkpoint): Promise<readonly Uint8Array[]> {
  const { step, values, tensors } = checkpoint;
  if (Object.hasOwn(tensors, headerChecksum)) {
    throw new UsageError(`a tensor of a checkpoint cannot be called ${headerChecksum}: its checksum is`);
  }
  const metadata = { format, version, step: String(step), values: toExactJson(values, 'checkpoint: values') };
  const sums: [string, string[]][] = [];
  for (const [name, value] of Object.entries(tensors)) sums.push([name, await blockSums(bytesOf(value))]);
  const checksum = new Uint8Array(32);
  const [header, ...data] = encodeSafetensorsPieces(
    { ...tensors, [headerChecksum]: tensor('uint8', [checksum.length], checksum) },
    { ...metadata, sha256: JSON.stringify(Object.fromEntries(sums)) },
  );
  if (header!.length > maxHeaderBytes) {
    throw new UsageError(
      `the checkpoint of step ${step} has ${header!.length} bytes of values and names, and at most ${maxHeaderBytes} are kept: put large state into tensors`,
    );
  }
  checksum.set(Buffer.from(await sha256(header!), 'hex')); // the last piece is this memory
  return [header!, ...data];
}

/**
 * Reads a checkpoint and checks every byte of it. Its tensors are views of one buffer.
 *
 * @throws {DamagedCheckpoint} names the file and what is damaged
 * @throws {DataError} when it cannot be read, or was written by a newer fovea
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const bytes = await bytesOfFile(path);
  const { tensors: all, metadata } = decoded(bytes, path);
  const { [headerChecksum]: checksum, ...tensors } = all;
  if (!checksum && metadata.format !== format) throw damaged(`${path} is no checkpoint that fovea wrote`);
  const headerBytes = 8 + Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  const header = await sha256(bytes.subarray(0, headerBytes));
  if (!checksum || header !== Buffer.from(bytesOf(checksum)).toString('hex')) {
    throw damaged(`${path} is damaged: the SHA-256 of its header differs`);
  }
  if (metadata.version !== version) {
    throw new DataError(
      `${path} was written by a newer fovea: it has version ${metadata.version} of the format, and this one reads ${version}; update fovea`,
    );
  }
  const sums = JSON.parse(metadata.sha256!) as Record<string, string[]>;
  for (const [name, value] of Object.entries(tensors)) {
    const found = await blockSums(bytesOf(value));
    if (found.some((sum, i) => sum !== sums[name]?.[i])) {
      throw damaged(`${path} is damaged: the SHA-256 of tensor '${name}' differs`);
    }
  }
  return { step: Number(metadata.step), values: parseExactJson(metadata.values!), tensors };
}

function damaged(what: string, options?: ErrorOptions): DamagedCheckpoint {
  return new DamagedCheckpoint(`${what}; go on from an older checkpoint`, options);
}

function decoded(bytes: Uint8Array, path: string): Safetensors {
  try {
    return decodeSafetensors(bytes, path);
  } catch (error) {
    throw damaged(errorMessage(error), { cause: error });
  }
}

/** The file's bytes; `readFile` takes 2 GiB at most. */
async function bytesOfFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r');
    const bytes = new Uint8Array((await handle.stat()).size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at, Math.min(readAtOnce, bytes.length - at), at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EIO') throw damaged(`${path} cannot be read: the disk failed`, { cause: error });
    const why = code === 'ENOENT' ? 'there is no such file' : errorMessage(error);
    throw new DataError(`cannot read the checkpoint ${path}: ${why}`, { cause: error });
  } finally {
    await handle?.close();
  }
}

/** The SHA-256 of each block of the bytes. */
async function blockSums(bytes: Uint8Array): Promise<string[]> {
  const sums: string[] = [];
  for (let at = 0; at < bytes.length; at += blockBytes) {
    sums.push(await sha256(bytes.subarray(at, at + blockBytes)));
  }
  return sums;
}

async function sha256(bytes: Uint8Array): Promise<string> {
  // Web crypto takes no shared memory.
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : bytes.slice();
  return Buffer.from(await crypto.subtle.digest('SHA-256', own)).toString('hex');
}
