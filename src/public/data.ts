/** Datasets that are made as they are read: https://www.tensorflow.org/api_docs/python/tf/data */
export type { Compression } from '../codecs/file-chunks.ts';
export {
  type ExampleOf,
  type FeatureSpec,
  type FeatureSpecs,
  type FeatureType,
  parseExample,
} from '../codecs/tf-example.ts';
export { BufferPool } from '../data/buffers.ts';
export { Dataset } from '../data/dataset.ts';
export type {
  InterleaveOptions,
  ParallelInterleaveOptions,
  SampleOptions,
  ShuffleOptions,
} from '../data/dataset-options.ts';
export type { ElementSpec } from '../data/element-spec.ts';
export { ElementError, IgnoredErrors } from '../data/errors.ts';
export type { DatasetIterator, IteratorState } from '../data/iterator.ts';
export { labelFromPath, oneHot, type StringLookupOptions, stringLookup } from '../data/labels.ts';
export { type Amount, AUTOTUNE } from '../data/limits.ts';
export type { ParallelOptions } from '../data/map.ts';
export type { IteratorOptions } from '../data/readable.ts';
export type { State } from '../data/state.ts';
export type { Batched, Sliced } from '../data/structure.ts';
export {
  type ColumnSpec,
  type ColumnSpecs,
  type ColumnType,
  type CsvOptions,
  csv,
  type RowOf,
} from '../datasets/csv.ts';
export { idx } from '../datasets/idx.ts';
export { type ListFilesOptions, listFiles } from '../datasets/list-files.ts';
export { type TfRecordDatasetOptions, tfRecord } from '../datasets/tf-record.ts';
