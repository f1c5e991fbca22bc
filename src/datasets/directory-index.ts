import type { BigIntStats, Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';

/** A file below a folder, and its class where the folders tell. */
export interface IndexedFile {
  readonly path: string;
  /** Index into the class names. */
  readonly label: number;
}

export interface FileRules {
  /** Endings of the files that count, in small letters: `.png`. */
  readonly formats: readonly string[];
  /** Whether links to folders below a class are followed. */
  readonly followLinks: boolean;
}

/** The names of the folders in a folder, sorted; hidden ones are passed over. */
export async function classFolders(directory: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(directory)) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory() || (entry.isSymbolicLink() && (await folderAt(join(directory, entry.name)))))
      names.push(entry.name);
  }
  return names.sort();
}

/** The files in the folders of the classes, class by class. */
export async function filesOfClasses(
  directory: string,
  classNames: readonly string[],
  rules: FileRules,
): Promise<IndexedFile[]> {
  const files: IndexedFile[] = [];
  for (const [label, name] of classNames.entries()) {
    for (const path of await filesBelow(join(directory, name), rules)) files.push({ path, label });
  }
  return files;
}

/**
 * The files of some formats in a folder and in those below it, in the order in which Keras has them: folders by their
 * paths, in each its files by their names, hidden ones too.
 *
 * @throws {DataError} names the folder that cannot be read
 */
export async function filesBelow(directory: string, { formats, followLinks }: FileRules): Promise<string[]> {
  const folders: { path: string; files: string[] }[] = [];
  const list = async (path: string, above: ReadonlySet<string>): Promise<void> => {
    const itself = await folderAt(path);
    if (itself !== undefined && above.has(itself)) return; // links lead in a circle
    const within = itself === undefined ? above : new Set(above).add(itself);
    const files: string[] = [];
    folders.push({ path, files });
    for (const entry of await entriesOf(path)) {
      const below = join(path, entry.name);
      const isLinked = entry.isSymbolicLink() && (await folderAt(below)) !== undefined;
      if (entry.isDirectory() || (isLinked && followLinks)) await list(below, within);
      else if (!isLinked && formats.some((ending) => entry.name.toLowerCase().endsWith(ending)))
        files.push(entry.name);
    }
  };
  await list(directory, new Set());
  return folders
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .flatMap(({ path, files }) => files.sort().map((name) => join(path, name)));
}

/** @throws {DataError} names the folder that cannot be read */
export async function entriesOf(path: string): Promise<Dirent[]> {
  try {
    return await readdir(path, { withFileTypes: true });
  } catch (error) {
    const why: Record<string, string> = {
      ENOENT: 'there is no such folder',
      ENOTDIR: 'a folder of images is expected, got a file',
      EACCES: 'there is no permission to list it',
    };
    throw new DataError(`${path}: ${why[errorCode(error) ?? ''] ?? errorMessage(error)}`, { cause: error });
  }
}

/** What tells a folder from all others; undefined where there is none. */
export async function folderAt(path: string): Promise<string | undefined> {
  const found: BigIntStats | undefined = await stat(path, { bigint: true }).catch(() => undefined);
  return found?.isDirectory() ? `${found.dev} ${found.ino}` : undefined;
}
