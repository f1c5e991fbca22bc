import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { deserialize, serialize } from 'node:v8';
import { crc32 } from 'node:zlib';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { createFolderWhole } from '../core/files.ts';
import type { Reader, Store, Writer } from './cache.ts';
import { ElementError } from './errors.ts';

const indexName = 'cache.json';
const version = 1;

/** Files of about this size are written, and one of them is in memory at a time. */
const fileBytes = 16 * 2 ** 20;

interface Part {
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
  readonly crc32: number;
}

interface Index {
  readonly format: 'fovea cache';
  readonly version: number;
  readonly parts: readonly Part[];
}

/**
 * Elements in a folder: files of elements, each as a length of four bytes and what `v8.serialize` makes of it, and an
 * index with the files' checksums. The folder appears when it is complete.
 */
export class FolderStore<T> implements Store<T> {
  readonly #path: string;
  readonly #expected: number | undefined;
  readonly #fileBytes: number;

  /** @param expected how many elements there must be, where that is known */
  constructor(path: string, expected: number | undefined, bytes = fileBytes) {
    this.#path = path;
    this.#expected = expected;
    this.#fileBytes = bytes;
  }

  async read(): Promise<Reader<T> | undefined> {
    const index = await this.#index();
    if (!index) return undefined;
    const { parts } = index;
    const length = parts.reduce((sum, { elements }) => sum + elements, 0);
    if (this.#expected !== undefined && length !== this.#expected) {
      throw this.#unusable(`it holds ${length} elements, and the dataset has ${this.#expected}`);
    }
    let first = 0;
    let open: { readonly first: number; readonly elements: readonly T[] } = { first: 0, elements: [] };
    const starts = parts.map(({ elements }) => {
      first += elements;
      return first - elements;
    });
    const at = (i: number): T | Promise<T> => {
      const place = i - open.first;
      if (place >= 0 && place < open.elements.length) return open.elements[place]!;
      const part = starts.findLastIndex((start) => start <= i);
      return this.#elements(parts[part]!).then((elements) => {
        open = { first: starts[part]!, elements };
        return elements[i - open.first]!;
      });
    };
    return { length, at };
  }

  async #index(): Promise<Index | undefined> {
    let text: string;
    try {
      text = await readFile(join(this.#path, indexName), 'utf8');
    } catch (error) {
      // Where there can be no such folder, writing one tells why.
      if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(errorCode(error) ?? '')) return undefined;
      throw this.#unusable(errorMessage(error), error);
    }
    const index = parsed(text);
    if (index) return index;
    throw this.#unusable(`${indexName} is damaged, or of another version`);
  }

  async #elements({ name, elements, bytes, crc32: sum }: Part): Promise<T[]> {
    let file: Buffer;
    try {
      file = await readFile(join(this.#path, name));
    } catch (error) {
      throw this.#unusable(`${name}: ${errorMessage(error)}`, error);
    }
    if (file.length !== bytes || crc32(file) !== sum) throw this.#unusable(`${name} is damaged`);
    const found: T[] = [];
    for (let at = 0; at < file.length; ) {
      const end = at + 4 + file.readUInt32LE(at);
      found.push(deserialize(file.subarray(at + 4, end)) as T);
      at = end;
    }
    if (found.length !== elements) throw this.#unusable(`${name} is damaged`);
    return found;
  }

  #unusable(why: string, cause?: unknown): DataError {
    return new DataError(
      `cannot use the cache ${this.#path}: ${why}. Remove the folder, and it will be made anew`,
      { cause },
    );
  }

  async write(): Promise<Writer<T>> {
    const folder = await createFolderWhole(this.#path, { replaces: indexName });
    const parts: Part[] = [];
    let pieces: Buffer[] = [];
    let [elements, bytes] = [0, 0];

    const flush = async (): Promise<void> => {
      if (elements === 0) return;
      const name = `elements-${String(parts.length).padStart(6, '0')}.bin`;
      const sum = pieces.reduce((value, piece) => crc32(piece, value), 0);
      parts.push({ name, elements, bytes, crc32: sum });
      const content = pieces;
      [pieces, elements, bytes] = [[], 0, 0];
      await folder.write(name, content);
    };

    return {
      add: (element, index) => {
        const content = serialized(element, index);
        const length = Buffer.alloc(4);
        length.writeUInt32LE(content.length);
        pieces.push(length, content);
        elements++;
        bytes += 4 + content.length;
        return bytes >= this.#fileBytes ? flush() : undefined;
      },
      finish: async () => {
        await flush();
        const index: Index = { format: 'fovea cache', version, parts };
        await folder.write(indexName, JSON.stringify(index));
        await folder.commit();
      },
      discard: () => folder.discard(),
    };
  }
}

function serialized(element: unknown, index: number): Buffer {
  try {
    return serialize(element);
  } catch (error) {
    throw new ElementError('cache', index, error, element);
  }
}

function parsed(text: string): Index | undefined {
  try {
    const index = JSON.parse(text) as Index;
    const usable =
      index.format === 'fovea cache' &&
      index.version === version &&
      index.parts.every(
        ({ name, elements, bytes, crc32 }) =>
          /^elements-\d+\.bin$/.test(name) && [elements, bytes, crc32].every(Number.isSafeInteger),
      );
    return usable ? index : undefined;
  } catch {
    return undefined;
  }
}
