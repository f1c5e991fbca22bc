import { DataError } from '../core/errors.ts';
import { maskedCrc32c } from './crc32c.ts';
import { type Compression, cutShort, fileChunks, regularFile } from './file-chunks.ts';

export interface TfRecordOptions {
  /** `'none'` by default. */
  readonly compression?: Compression | undefined;
  /** A longer record is refused before memory is taken. Default: 2³⁰ bytes */
  readonly maxRecordBytes?: number | undefined;
}

const lengthBytes = 8;
const checksumBytes = 4;
const headBytes = lengthBytes + checksumBytes;

/**
 * The records of a TFRecord file, one after another: for each a length of eight bytes, its masked CRC-32C, the bytes,
 * their masked CRC-32C. https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 *
 * @throws {DataError} names the file, the record and the byte where it cannot be read, is damaged, or was cut short
 */
export async function* readTfRecords(
  path: string,
  { compression = 'none', maxRecordBytes = 2 ** 30 }: TfRecordOptions = {},
): AsyncGenerator<Uint8Array> {
  const { size } = await regularFile(path);
  const queue = new ByteQueue();
  let [record, position] = [0, 0];
  let length: number | undefined;

  const fail = (why: string): DataError =>
    new DataError(`${path}: record ${record} at byte ${position}: ${why}`);

  for await (const chunk of fileChunks(path, compression)) {
    if (position === 0 && queue.length === 0) refuseCompressed(chunk, path, compression);
    queue.push(chunk);
    for (;;) {
      if (length === undefined) {
        if (queue.length < headBytes) break;
        const head = queue.take(headBytes);
        length = lengthOf(head);
        if (maskedCrc32c(head.subarray(0, lengthBytes)) !== checksumAt(head, lengthBytes)) {
          throw fail('the checksum of its length is wrong: the file is damaged, or no TFRecord file');
        }
        if (length > maxRecordBytes) {
          throw fail(`it promises ${length} bytes, and at most ${maxRecordBytes} are read`);
        }
        const left = size - position - headBytes - checksumBytes;
        if (compression === 'none' && length > left) {
          throw cutShort(
            path,
            `record ${record} at byte ${position} takes ${length} bytes, and ${Math.max(0, left)} are there`,
          );
        }
      }
      if (queue.length < length + checksumBytes) break;
      const content = queue.take(length);
      if (maskedCrc32c(content) !== checksumAt(queue.take(checksumBytes), 0)) {
        throw fail('its checksum is wrong: the file is damaged. Fetch it again');
      }
      position += headBytes + length + checksumBytes;
      record++;
      length = undefined;
      yield content;
    }
  }
  if (length !== undefined || queue.length > 0) {
    throw cutShort(path, `record ${record} at byte ${position} is not whole`);
  }
}

function refuseCompressed(start: Uint8Array, path: string, compression: Compression): void {
  const gzipped = start[0] === 0x1f && start[1] === 0x8b && start[2] === 8;
  if (compression !== 'none' || !gzipped || start.length < headBytes) return;
  if (maskedCrc32c(start.subarray(0, lengthBytes)) === checksumAt(start, lengthBytes)) return;
  throw new DataError(`${path} is gzipped: read it with compression: 'gzip'`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function lengthOf(head: Uint8Array): number {
  const view = viewOf(head);
  return view.getUint32(4, true) * 2 ** 32 + view.getUint32(0, true);
}

function checksumAt(bytes: Uint8Array, at: number): number {
  return viewOf(bytes).getUint32(at, true);
}

/** A record as it stands in a file. */
export function frameTfRecord(content: Uint8Array): Uint8Array {
  const framed = new Uint8Array(headBytes + content.length + checksumBytes);
  const view = viewOf(framed);
  view.setBigUint64(0, BigInt(content.length), true);
  view.setUint32(lengthBytes, maskedCrc32c(framed.subarray(0, lengthBytes)), true);
  framed.set(content, headBytes);
  view.setUint32(headBytes + content.length, maskedCrc32c(content), true);
  return framed;
}

/** Pieces that came, from which any number of bytes can be taken; each is copied once. */
class ByteQueue {
  readonly #pieces: Uint8Array[] = [];
  length = 0;

  push(piece: Uint8Array): void {
    this.#pieces.push(piece);
    this.length += piece.length;
  }

  /** @param count at most `length` */
  take(count: number): Uint8Array {
    const taken = new Uint8Array(count);
    let filled = 0;
    while (filled < count) {
      const piece = this.#pieces[0]!;
      const part = piece.subarray(0, count - filled);
      taken.set(part, filled);
      filled += part.length;
      if (part.length < piece.length) this.#pieces[0] = piece.subarray(part.length);
      else this.#pieces.shift();
    }
    this.length -= count;
    return taken;
  }
}
