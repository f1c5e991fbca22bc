import { createReadStream, type Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createGunzip, createInflate, type Gunzip, type Inflate } from 'node:zlib';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';

export const compressions = ['none', 'gzip', 'zlib'] as const;
export type Compression = (typeof compressions)[number];

const chunkBytes = 2 ** 18;

/** How a stream is made plain; `undefined` where it is. */
const decompressors: Readonly<Record<Compression, (() => Gunzip | Inflate) | undefined>> = {
  none: undefined,
  gzip: () => createGunzip({ chunkSize: chunkBytes }),
  zlib: () => createInflate({ chunkSize: chunkBytes }),
};

/** @throws {DataError} when there is no such file; opening what is none might wait for ever */
export async function regularFile(path: string): Promise<Stats> {
  const found = await stat(path).catch((error) => {
    throw unreadable(path, error);
  });
  if (found.isFile()) return found;
  throw new DataError(`${path}: a file is expected, got ${found.isDirectory() ? 'a folder' : 'a device'}`);
}

export function unreadable(path: string, error: unknown): DataError {
  const why = errorCode(error) === 'ENOENT' ? 'there is no such file' : errorMessage(error);
  return new DataError(`cannot read ${path}: ${why}`, { cause: error });
}

/**
 * A file's bytes, piece by piece. Whoever stops early closes the file.
 *
 * @throws {DataError} when it cannot be read, or its compression is damaged
 */
export async function* fileChunks(path: string, compression: Compression): AsyncGenerator<Uint8Array> {
  const source = createReadStream(path, { highWaterMark: chunkBytes });
  const decompressor = decompressors[compression]?.();
  if (decompressor) source.on('error', (error) => decompressor.destroy(error));
  try {
    yield* decompressor ? source.pipe(decompressor) : source;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'Z_BUF_ERROR') throw cutShort(path, `its ${compression} stream has no end`);
    if (!code?.startsWith('Z_')) throw unreadable(path, error);
    throw new DataError(`${path}: its ${compression} stream is damaged (${errorMessage(error)})`, {
      cause: error,
    });
  } finally {
    source.destroy();
    decompressor?.destroy();
  }
}

export function cutShort(path: string, why: string): DataError {
  return new DataError(`${path} was cut short: ${why}. Fetch the file again`);
}
