import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorCode, errorMessage, SystemError, UsageError } from './errors.ts';

/** What a file is to hold: text, bytes, or bytes in consecutive pieces, which need not be put together first. */
export type FileContent = string | Uint8Array | readonly Uint8Array[];

/** Why the system refused to write, in words that say what to do. */
const advice: Record<string, string> = {
  ENOSPC: 'the disk is full: free some space, or choose another place',
  EDQUOT: 'the disk quota is used up: free some space, or choose another place',
  EACCES: 'no permission to write there: choose another place, or change its permissions',
  EPERM: 'no permission to write there: choose another place, or change its permissions',
  EROFS: 'that file system is read-only: choose another place',
  EIO: 'the disk did not take it: look after its health, or choose another place',
  ENOTDIR: 'a part of that path is a file, not a folder: choose another place',
};

/** The error for what the system refused to write, or to remove, at a path. */
export function writeFailed(path: string, error: unknown): SystemError {
  const why = advice[errorCode(error) ?? ''] ?? errorMessage(error);
  return new SystemError(`cannot write ${path}: ${why}`, { cause: error });
}

/** Asks the disk to keep a file, or a folder's names. */
export async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeAndSync(path: string, content: FileContent): Promise<void> {
  const handle = await open(path, 'w');
  try {
    await writeFile(handle, content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface WholeOptions {
  /** Is waited for when all bytes are on the disk, before the file appears; what it throws keeps the file away. */
  readonly beforeCommit?: (() => Promise<void>) | undefined;
}

/** Writes a file whole: beside its place first, then renamed into it, so that a half-written one is never seen. */
export async function writeFileWhole(
  path: string,
  content: FileContent,
  { beforeCommit }: WholeOptions = {},
): Promise<void> {
  const beside = `${path}.${randomUUID()}.partial`;
  const orSay = (error: unknown): never => {
    throw writeFailed(path, error);
  };
  try {
    await writeAndSync(beside, content).catch(orSay);
    await beforeCommit?.();
    await rename(beside, path).catch(orSay);
    await sync(dirname(path)).catch(orSay);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw error;
  }
}

const leftover = /\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.partial$/;

/** Removes what `writeFileWhole` left in a folder when its process was killed. Nothing may be written there meanwhile. */
export async function removePartialFiles(folder: string): Promise<void> {
  try {
    for (const name of await readdir(folder)) {
      if (leftover.test(name)) await rm(join(folder, name), { force: true });
    }
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw new SystemError(`cannot tidy up ${folder}: ${errorMessage(error)}`, { cause: error });
  }
}

/**
 * Creates a file, which stays open. Of several who try at once, one succeeds.
 *
 * @returns undefined when there is such a file already
 * @throws {SystemError} when the system refuses
 */
export async function createFile(path: string, content: string): Promise<FileHandle | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'wx');
    await writeFile(handle, content);
    return handle;
  } catch (error) {
    if (!handle && errorCode(error) === 'EEXIST') return undefined;
    await handle?.close().catch(() => {});
    if (handle) await rm(path, { force: true }).catch(() => {});
    throw writeFailed(path, error);
  }
}

/**
 * Makes a folder, and those that it stands in; harmless where it is.
 *
 * @throws {SystemError} when the system refuses
 */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw writeFailed(path, error);
  }
}

/**
 * Makes the folder that a file is to stand in.
 *
 * @throws {SystemError} when the system refuses
 */
export async function makeParentFolder(path: string): Promise<void> {
  const folder = dirname(path);
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new SystemError(`cannot make the folder ${folder}: ${errorMessage(error)}`, { cause: error });
  }
}

/** A folder that is being written, and appears under its own name only when it is complete. */
export interface FolderWriter {
  /** Where the folder will appear. */
  readonly path: string;
  /** Writes one file of the folder. */
  write(name: string, content: FileContent): Promise<void>;
  /** Renames the folder into place. */
  commit(): Promise<void>;
  /** Removes what was written. Harmless after `commit`. */
  discard(): Promise<void>;
}

export interface FolderOptions {
  /** A file by which a folder of the same kind is known, which the new one may replace. */
  readonly replaces?: string;
}

/**
 * Starts a folder beside its place. Fails at once, before any work is lost, where it could not be written.
 *
 * @throws {UsageError} when `path` exists and is not an empty folder, nor one that may be replaced
 * @throws {SystemError} when the system refuses
 */
export async function createFolderWhole(
  path: string,
  { replaces }: FolderOptions = {},
): Promise<FolderWriter> {
  const isReplaced = (names: readonly string[]) => replaces !== undefined && names.includes(replaces);
  await refuseOccupied(path, isReplaced);
  const beside = join(dirname(path), `.${randomUUID()}.partial`);
  try {
    await mkdir(beside, { recursive: true });
  } catch (error) {
    throw writeFailed(path, error);
  }
  return {
    path,
    async write(name, content) {
      try {
        await writeAndSync(join(beside, name), content);
      } catch (error) {
        throw writeFailed(join(path, name), error);
      }
    },
    async commit() {
      const occupied = await refuseOccupied(path, isReplaced);
      try {
        await sync(beside);
        const old = `${beside}.old`;
        if (occupied) await rename(path, old);
        try {
          await rename(beside, path); // replaces an empty folder
        } catch (error) {
          if (occupied) await rename(old, path);
          throw error;
        }
        await sync(dirname(path));
        if (occupied) await rm(old, { recursive: true, force: true });
      } catch (error) {
        throw writeFailed(path, error);
      }
    },
    async discard() {
      await rm(beside, { recursive: true, force: true });
    },
  };
}

/**
 * Makes sure that nothing of another kind is in the place of a folder.
 *
 * @param isOwn whether a folder with these names in it is of the caller's kind
 * @returns whether there is such a folder, not an empty one
 * @throws {UsageError} when there is a file, or a folder of another kind
 */
export async function refuseOccupied(
  path: string,
  isOwn: (names: readonly string[]) => boolean,
): Promise<boolean> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    if (errorCode(error) === 'ENOTDIR') throw new UsageError(`${path} is a file: choose another folder`);
    throw writeFailed(path, error);
  }
  if (names.length === 0) return false;
  if (isOwn(names)) return true;
  throw new UsageError(`${path} exists and is not empty: choose another folder, or remove it`);
}
