import { type ReadIdxOptions, readIdx } from '../codecs/idx.ts';
import type { Tensor } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import type { Sliced } from '../data/structure.ts';

/**
 * The rows of IDX files, read now: of one file, or of several under names, such as images and their labels.
 *
 * @throws {DataError} when a file cannot be read, or is not what `options` ask for
 * @throws {UsageError} when the files' first axes differ
 * @example await idx({ image: 'train-images-idx3-ubyte.gz', label: 'train-labels-idx1-ubyte.gz' }) // { image: [28, 28], label: [] }
 */
export function idx(file: string, options?: ReadIdxOptions): Promise<Dataset<Tensor>>;
export function idx<const F extends Readonly<Record<string, string>>>(
  files: F,
  options?: ReadIdxOptions,
): Promise<Dataset<{ -readonly [K in keyof F]: Tensor }>>;
export async function idx(
  files: string | Readonly<Record<string, string>>,
  options: ReadIdxOptions = {},
): Promise<Dataset<Sliced<object>>> {
  if (typeof files === 'string') return Dataset.fromTensorSlices(await readIdx(files, options));
  const entries = Object.entries(files).map(
    async ([name, path]) => [name, await readIdx(path, options)] as const,
  );
  return Dataset.fromTensorSlices(Object.fromEntries(await Promise.all(entries)));
}
