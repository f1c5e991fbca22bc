import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { Dataset } from '../data/dataset.ts';
import type { ImagePool } from '../images/pool.ts';
import type { Listener } from './events.ts';

/**
 * The images among files and folders, folders searched to their depth in order of names. A file that was named must be
 * one; others that cannot be read are left out, and a note says so.
 *
 * @throws {DataError} when a path is missing, a named file is no image, or there is none
 */
export async function findImages(
  paths: readonly string[],
  pool: ImagePool,
  listen: Listener,
): Promise<{ files: string[]; channels: 1 | 3 }> {
  const found: { path: string; named: boolean }[] = [];
  for (const path of paths) {
    if (await isFolder(path))
      for (const file of await filesBelow(path)) found.push({ path: file, named: false });
    else found.push({ path, named: true });
  }
  const files: string[] = [];
  let channels: 1 | 3 = 1;
  const checked = Dataset.fromArray(found).map(
    async ({ path, named }) => {
      try {
        return { path, info: await pool.check(path) };
      } catch (error) {
        if (named || !(error instanceof DataError)) throw error;
        return { path, reason: error.message };
      }
    },
    { numParallelCalls: 2 * pool.threads },
  );
  for await (const { path, info, reason } of checked) {
    if (!info) {
      listen({ event: 'note', message: `left out: ${reason}` });
      continue;
    }
    files.push(path);
    if (info.channels === 3) channels = 3;
  }
  if (files.length === 0)
    throw new DataError(`no image in ${paths.join(', ')}: JPEG, PNG, TIFF and WebP files are read`);
  return { files, channels };
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'there is no such file or folder' : errorMessage(error);
    throw new DataError(`${path}: ${why}`, { cause: error });
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}
