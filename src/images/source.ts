import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';

/** An encoded image: the path of a file, or its bytes. */
export type ImageSource = string | Uint8Array;

/** What errors call an image. */
export function nameOf(source: ImageSource): string {
  return typeof source === 'string' ? source : `image of ${source.length} bytes`;
}

export function refused(name: string, why: string, cause?: unknown): DataError {
  return new DataError(`${name}: ${why}`, cause === undefined ? {} : { cause });
}

const readAdvice: Record<string, string> = {
  ENOENT: 'there is no such file',
  EACCES: 'no permission to read it',
  EPERM: 'no permission to read it',
  ELOOP: 'its symbolic links lead in a circle',
  EISDIR: 'not a file',
  ENXIO: 'not a file',
};

/** So that opening a pipe does not wait for its writer; Windows, which lacks the flag, has no such files. */
const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);

/**
 * The bytes of an image, or the first `length` of them. Never waits on a pipe or a device.
 *
 * @throws {DataError} names the file, and says why it cannot be read
 */
export async function readSource(source: ImageSource, length = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const name = nameOf(source);
  if (typeof source !== 'string') {
    if (source.length === 0) throw refused(name, 'there are no bytes');
    return Buffer.from(source.buffer, source.byteOffset, Math.min(source.length, length));
  }
  let handle: FileHandle | undefined;
  try {
    handle = await open(source, flags);
    const found = await handle.stat();
    if (!found.isFile()) throw refused(name, 'not a file');
    if (found.size === 0) throw refused(name, 'the file is empty (0 bytes)');
    const bytes = Buffer.allocUnsafeSlow(Math.min(found.size, length));
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await handle.read(bytes, at, bytes.length - at, at);
      if (bytesRead === 0) break; // it became shorter meanwhile
      at += bytesRead;
    }
    return bytes.subarray(0, at);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw refused(name, readAdvice[errorCode(error) ?? ''] ?? errorMessage(error), error);
  } finally {
    await handle?.close();
  }
}
