import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { DataError, errorCode, errorMessage, UsageError } from '../core/errors.ts';
import { asList } from '../core/lists.ts';
import { Dataset } from '../data/dataset.ts';

export interface ListFilesOptions {
  /** A new order for each epoch, by `seed`; by default files come in the order of their paths. */
  readonly shuffle?: boolean | undefined;
  /** A whole number from 0 on; needed to shuffle. */
  readonly seed?: number | undefined;
}

/**
 * The paths of files that match patterns, listed now, each once. `*` and `?` stand for characters of one name, `**` for
 * folders to any depth, `{a,b}` for either, `[ab]` for one character of several. Names that begin with a dot are matched
 * by patterns that spell the dot. Links to folders are followed, and no folder is listed twice.
 * https://www.tensorflow.org/api_docs/python/tf/data/Dataset#list_files
 *
 * @throws {DataError} when a pattern matches no file, or names the folder that cannot be read
 * @throws {UsageError} when files are to be shuffled without a seed
 * @example const files = await listFiles('OCT2017/train/CNV/*.jpeg', { shuffle: true, seed: 1 });
 */
export async function listFiles(
  patterns: string | readonly string[],
  { shuffle = false, seed }: ListFilesOptions = {},
): Promise<Dataset<string>> {
  if (shuffle && seed === undefined) {
    throw new UsageError('listFiles: to shuffle, give a seed, so that the order can be repeated');
  }
  const listed = new Set<string>();
  for (const pattern of asList(patterns)) {
    const found = await filesMatching(pattern);
    if (found.length === 0) throw new DataError(`listFiles: no file matches ${pattern}`);
    for (const path of found) listed.add(path);
  }
  const files = Dataset.fromArray([...listed].sort());
  return shuffle ? files.shuffle(listed.size, { seed: seed! }) : files;
}

async function filesMatching(pattern: string): Promise<string[]> {
  if (pattern === '') throw new UsageError('listFiles: the pattern is empty');
  const { default: picomatch } = await import('picomatch');
  const { base, glob, isGlob } = picomatch.scan(pattern);
  if (!isGlob || glob === '') return (await kindOf(pattern)) === 'file' ? [pattern] : [];
  const matches = picomatch(glob);
  const depth = glob.includes('**') ? Number.POSITIVE_INFINITY : glob.split('/').length;
  const hidden = /(^|[/{,])\./.test(glob);
  const prefix = base === '' || base.endsWith('/') ? base : `${base}/`;
  const found: string[] = [];
  const walk = new Walk(hidden, (path) => {
    if (matches(path.slice(prefix.length))) found.push(path);
  });
  await walk.below(prefix, depth);
  return found;
}

async function kindOf(path: string): Promise<{ kind: 'folder'; key: string } | 'file' | undefined> {
  try {
    const found = await stat(path, { bigint: true });
    if (found.isDirectory()) return { kind: 'folder', key: `${found.dev} ${found.ino}` };
    return found.isFile() ? 'file' : undefined;
  } catch (error) {
    // A link to nowhere or in a circle, or a file that is gone again.
    if (['ENOENT', 'ELOOP', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw new DataError(`listFiles: cannot read ${path}: ${errorMessage(error)}`, { cause: error });
  }
}

interface Folder {
  /** Ends in a slash, or is empty for the current folder. */
  readonly path: string;
  /** How many levels of names may still be listed. */
  readonly depth: number;
}

/** So many folders are listed at a time. */
const parallel = 16;

class Walk {
  readonly #hidden: boolean;
  readonly #found: (path: string) => void;
  /** Folders that were listed, by device and number. */
  readonly #listed = new Set<string>();
  #links: Folder[] = [];

  constructor(hidden: boolean, found: (path: string) => void) {
    this.#hidden = hidden;
    this.#found = found;
  }

  /** Links are followed when all else is listed, in their order, so that the folder's own path is the one that is given. */
  async below(path: string, depth: number): Promise<void> {
    await this.#all([{ path, depth }]);
    while (this.#links.length > 0) {
      const links = this.#links.sort((a, b) => (a.path < b.path ? -1 : 1));
      this.#links = [];
      for (const link of links) await this.#all([link]);
    }
  }

  async #all(folders: Folder[]): Promise<void> {
    const work = async (): Promise<void> => {
      for (let folder = folders.pop(); folder; folder = folders.pop()) {
        folders.push(...(await this.#list(folder)));
      }
    };
    while (folders.length > 0) await Promise.all(Array.from({ length: parallel }, work));
  }

  /** @returns the folders in it */
  async #list({ path, depth }: Folder): Promise<Folder[]> {
    const itself = await kindOf(path || '.');
    if (typeof itself !== 'object' || this.#listed.has(itself.key)) return [];
    this.#listed.add(itself.key);
    const inner: Folder[] = [];
    for (const entry of await entriesOf(path)) {
      if (entry.name.startsWith('.') && !this.#hidden) continue;
      const below = path + entry.name;
      const folder = { path: `${below}/`, depth: depth - 1 };
      if (entry.isFile()) this.#found(below);
      else if (entry.isDirectory()) {
        if (depth > 1) inner.push(folder);
      } else if (entry.isSymbolicLink()) {
        const target = await kindOf(below);
        if (target === 'file') this.#found(below);
        else if (target && depth > 1) this.#links.push(folder);
      }
    }
    return inner;
  }
}

async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path || '.', { withFileTypes: true });
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return []; // gone again
    const denied = ['EACCES', 'EPERM'].includes(errorCode(error) ?? '');
    const why = denied ? 'there is no permission to list it' : errorMessage(error);
    throw new DataError(`listFiles: cannot read the folder ${path || '.'}: ${why}`, { cause: error });
  }
}
