import { randomUUID } from 'node:crypto';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { errorCode, errorMessage, SystemError } from '../core/errors.ts';

/**
 * A file that is being downloaded. It belongs to one download alone, and carries its process in its name
 * (`FILE.host.pid.uuid.partial`), so that two at once do not write into one another. Given up, it is renamed to
 * `FILE.partial`, and whoever wants FILE next goes on with it, as with one whose process has died.
 */
export class PartialFile {
  /** Where its bytes are now. */
  readonly path: string;
  readonly #target: string;
  readonly #handle: FileHandle;
  #size: number;
  #committed = false;

  private constructor(target: string, path: string, handle: FileHandle, size: number) {
    this.#target = target;
    this.path = path;
    this.#handle = handle;
    this.#size = size;
  }

  /**
   * Takes up what is left of an earlier download of `target`, or starts with nothing.
   *
   * @throws {SystemError} when the folder cannot be made or written to
   */
  static async claim(target: string): Promise<PartialFile> {
    return writing(target, async () => {
      await mkdir(dirname(target), { recursive: true });
      const path = `${target}.${hostname()}.${process.pid}.${randomUUID()}.partial`;
      let [first, ...others] = await leftovers(target);
      while (first !== undefined && !(await took(first, path))) [first, ...others] = others;
      for (const other of others) await rm(other, { force: true });
      const handle = await open(path, 'a');
      return new PartialFile(target, path, handle, (await handle.stat()).size);
    });
  }

  /** How many bytes are there. */
  get size(): number {
    return this.#size;
  }

  async append(bytes: Uint8Array): Promise<void> {
    await writing(this.#target, () => this.#handle.appendFile(bytes));
    this.#size += bytes.length;
  }

  /** Drops all bytes. */
  async restart(): Promise<void> {
    await writing(this.#target, () => this.#handle.truncate(0));
    this.#size = 0;
  }

  /** Renames the file into its place. */
  async commit(): Promise<void> {
    await writing(this.#target, async () => {
      await this.#handle.sync();
      await this.#handle.close();
      await rename(this.path, this.#target);
      this.#committed = true;
    });
  }

  /** Leaves the file to the next download. Harmless after `commit`. */
  async release(): Promise<void> {
    if (this.#committed) return;
    await this.#handle.close();
    const left =
      this.#size === 0 ? rm(this.path, { force: true }) : rename(this.path, freeName(this.#target));
    await left.catch(() => {}); // what cannot be renamed is found by its dead process
  }
}

async function writing<T>(target: string, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    throw new SystemError(
      `cannot write ${target}: ${errorMessage(error)}. Make room, or choose another folder for downloads with XDG_CACHE_HOME`,
      { cause: error },
    );
  }
}

const freeName = (target: string): string => `${target}.partial`;

/** Nobody writes to a download for so long without a byte, or waits so long for the next try. */
const abandonedAfter = 3_600_000;

/** Parts of earlier downloads that nobody writes to, the largest first. */
async function leftovers(target: string): Promise<string[]> {
  const found: { path: string; size: number }[] = [];
  for (const name of await readdir(dirname(target))) {
    const path = join(dirname(target), name);
    const owner = ownerOf(name, basename(target));
    if (path !== freeName(target) && !owner) continue;
    const { size, mtimeMs } = (await stat(path).catch(() => undefined)) ?? {};
    if (size === undefined || mtimeMs === undefined) continue; // another download took it a moment ago
    const free = !owner || Date.now() - mtimeMs > abandonedAfter || isDead(owner);
    if (free) found.push({ path, size });
  }
  return found.sort((a, b) => b.size - a.size).map(({ path }) => path);
}

interface Owner {
  readonly host: string;
  readonly pid: number;
}

function ownerOf(name: string, target: string): Owner | undefined {
  if (!name.startsWith(`${target}.`)) return undefined;
  const [, host, pid] = /^(.+)\.(\d+)\.[0-9a-f-]{36}\.partial$/.exec(name.slice(target.length + 1)) ?? [];
  return host === undefined ? undefined : { host, pid: Number(pid) };
}

function isDead({ host, pid }: Owner): boolean {
  if (host !== hostname()) return false; // it may be alive on another machine that shares this folder
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return errorCode(error) === 'ESRCH';
  }
}

/** Renaming succeeds for one download alone. */
async function took(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
