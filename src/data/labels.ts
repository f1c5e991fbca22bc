import { DataError, UsageError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { tensor } from '../core/tensor.ts';
import { type Labels, toCategorical } from './to-categorical.ts';

export interface StringLookupOptions {
  /** The words, each once. */
  readonly vocabulary: readonly string[];
  /**
   * 1 (the default): index 0 stands for words that are not in the vocabulary, whose own begin at 1. 0: the vocabulary's
   * indices begin at 0, and another word is an error.
   */
  readonly numOovIndices?: 0 | 1;
}

/**
 * A function from words to numbers, by their place in a vocabulary.
 * https://keras.io/api/layers/preprocessing_layers/categorical/string_lookup/
 *
 * @throws {UsageError} when the vocabulary is empty or holds a word twice; {DataError} later, for a word that is not in
 *   it, where `numOovIndices` is 0
 * @example
 * const label = stringLookup({ vocabulary: ['CNV', 'DME', 'DRUSEN', 'NORMAL'], numOovIndices: 0 });
 * files.map((path) => ({ path, label: label(labelFromPath(path)) }));
 */
export function stringLookup({
  vocabulary,
  numOovIndices = 1,
}: StringLookupOptions): (word: string) => number {
  if (numOovIndices !== 0 && numOovIndices !== 1) {
    throw new UsageError(`stringLookup: numOovIndices must be 0 or 1, got ${numOovIndices}`);
  }
  if (vocabulary.length === 0) throw new UsageError('stringLookup: the vocabulary is empty');
  const indices = new Map(vocabulary.map((word, i) => [word, i + numOovIndices]));
  if (indices.size < vocabulary.length) {
    const twice = vocabulary.find((word, i) => vocabulary.indexOf(word) !== i);
    throw new UsageError(`stringLookup: '${twice}' is in the vocabulary twice`);
  }
  return (word) => {
    const index = indices.get(word) ?? (numOovIndices === 1 ? 0 : undefined);
    if (index !== undefined) return index;
    const shown = vocabulary.length > 20 ? `${vocabulary.length} words` : vocabulary.join(', ');
    throw new DataError(`stringLookup: '${word}' is not in the vocabulary: ${shown}`);
  };
}

/**
 * The name of the folder that a file is in, which is its class in folders of classes.
 *
 * @param level 1: the folder itself, 2: the one around it, …
 * @throws {DataError} when the path has no such folder
 * @example labelFromPath('OCT2017/train/CNV/CNV-1016042-1.jpeg') // 'CNV'
 */
export function labelFromPath(path: string, level = 1): string {
  if (!Number.isSafeInteger(level) || level < 1) {
    throw new UsageError(`labelFromPath: level must be a whole number from 1 on, got ${level}`);
  }
  const name = path.split(/[/\\]+/).at(-1 - level);
  if (name) return name;
  throw new DataError(`labelFromPath: ${path} has no folder ${level} above the file`);
}

/**
 * A 1 at the class and 0 elsewhere: [depth] of one label, [n, depth] of several.
 *
 * @throws {DataError} when a label is no whole number from 0 to depth − 1
 * @example oneHot(2, 4).data // [0, 0, 1, 0]
 */
export function oneHot(labels: number | Labels, depth: number): Tensor<'float32'> {
  if (typeof labels !== 'number') return toCategorical(labels, depth);
  return tensor('float32', [depth], toCategorical([labels], depth).data);
}
