/** Datasets that are made as they are read: https://www.tensorflow.org/api_docs/python/tf/data/Dataset */
export { BufferPool } from '../data/buffers.ts';
export { Dataset } from '../data/dataset.ts';
export { ElementError } from '../data/errors.ts';
export type { Sliced } from '../data/slices.ts';
