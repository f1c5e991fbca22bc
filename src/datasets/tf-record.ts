import { type Compression, compressions } from '../codecs/file-chunks.ts';
import { type ExampleOf, type FeatureSpecs, parseExample } from '../codecs/tf-example.ts';
import { readTfRecords } from '../codecs/tfrecord.ts';
import { UsageError } from '../core/errors.ts';
import { Dataset } from '../data/dataset.ts';

export interface TfRecordDatasetOptions {
  /** `'none'` by default. */
  readonly compression?: Compression | undefined;
  /** How many files are read in turn, each in its own time; 1 by default: one file after another. */
  readonly numParallelReads?: number | undefined;
  /** A longer record is refused before memory is taken. Default: 2³⁰ bytes */
  readonly maxRecordBytes?: number | undefined;
}

interface FoundRecord {
  readonly path: string;
  readonly number: number;
  readonly content: Uint8Array;
}

/**
 * The records of TFRecord files, their checksums checked. With `features` each is read as a `tf.train.Example`.
 * https://www.tensorflow.org/api_docs/python/tf/data/TFRecordDataset
 *
 * @param files one, several in their order, or a dataset of them, such as `listFiles` gives
 * @throws {DataError} while reading; it names the file and the record that is damaged, cut short, or no such Example
 * @example tfRecord('train.tfrecord', { features: { image: 'bytes', label: 'int64' } })
 */
export function tfRecord(
  files: string | readonly string[] | Dataset<string>,
  options?: TfRecordDatasetOptions,
): Dataset<Uint8Array>;
export function tfRecord<const S extends FeatureSpecs>(
  files: string | readonly string[] | Dataset<string>,
  options: TfRecordDatasetOptions & { readonly features: S },
): Dataset<ExampleOf<S>>;
export function tfRecord(
  files: string | readonly string[] | Dataset<string>,
  options: TfRecordDatasetOptions & { readonly features?: FeatureSpecs } = {},
): Dataset<unknown> {
  const { compression = 'none', numParallelReads = 1, maxRecordBytes, features } = options;
  if (!compressions.includes(compression)) {
    throw new UsageError(
      `tfRecord: compression must be one of ${compressions.join(', ')}, got ${compression}`,
    );
  }
  const paths =
    files instanceof Dataset ? files : Dataset.fromArray(typeof files === 'string' ? [files] : files);
  const records = paths.interleave((path) => recordsOf(path, { compression, maxRecordBytes }), {
    cycleLength: numParallelReads,
    numParallelCalls: numParallelReads,
  });
  if (!features) return records.map(({ content }) => content);
  return records.map(({ path, number, content }) =>
    parseExample(content, features, `${path}: record ${number}`),
  );
}

function recordsOf(
  path: string,
  options: { compression: Compression; maxRecordBytes: number | undefined },
): Dataset<FoundRecord> {
  return Dataset.fromGenerator(async function* () {
    let number = 0;
    for await (const content of readTfRecords(path, options)) yield { path, number: number++, content };
  });
}
