import { UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { Dataset } from '../data/dataset.ts';
import { isTensor } from '../data/structure.ts';
import type { Batch, Examples, Fed } from '../training/trainable.ts';

/** What a dataset gives for a step: examples with their targets and weights, as Keras takes them, or a batch. */
export type BatchElement =
  | Batch
  | readonly [x: Fed, y: Fed]
  | readonly [x: Fed, y: Fed, sampleWeight: Fed]
  | { readonly x: Fed; readonly y: Fed; readonly sampleWeight?: Fed | undefined };

/** What a dataset gives to predict from: targets and weights are passed over. A list is a tuple, its first part is read. */
export type ExamplesElement = BatchElement | Examples | readonly [x: Fed] | { readonly x: Fed } | Fed;

/**
 * The elements of a dataset as batches.
 *
 * @param where what errors call the call
 * @throws {UsageError} when it is no dataset; while reading, when an element is none of these
 */
export function batchesOf(data: Dataset<BatchElement>, where: string): Dataset<Batch> {
  return checked(data, where).map((element) => {
    if (isBatch(element)) return element;
    const [x, y, sampleWeight] = partsOf(element);
    if (!isFed(x) || !isFed(y) || (sampleWeight !== undefined && !isFed(sampleWeight))) {
      throw new UsageError(
        `${where}: the elements of the dataset must be [x, y], [x, y, sampleWeight] or { x, y } of tensors, or batches, got ${shown(element)}`,
      );
    }
    return { inputs: x, targets: y, ...(sampleWeight && { weights: sampleWeight }) };
  });
}

/** The same for what only examples are wanted of. */
export function examplesOf(data: Dataset<ExamplesElement>, where: string): Dataset<Examples> {
  return checked(data, where).map((element) => {
    if (isBatch(element)) return element;
    const [x] = partsOf(element);
    if (isFed(x)) return { inputs: x };
    if (!Array.isArray(element) && isFed(element)) return { inputs: element };
    throw new UsageError(
      `${where}: the elements of the dataset must be tensors, or tuples that begin with them, got ${shown(element)}`,
    );
  });
}

function checked<T>(data: Dataset<T>, where: string): Dataset<T> {
  if (data instanceof Dataset) return data;
  throw new UsageError(`${where}: a dataset is expected, got ${shown(data)}`);
}

function isBatch<T>(element: T): element is Extract<T, Examples> {
  return typeof element === 'object' && element !== null && 'inputs' in element;
}

function partsOf(element: unknown): readonly unknown[] {
  if (Array.isArray(element)) return element.length <= 3 ? element : [];
  if (typeof element !== 'object' || element === null) return [];
  const { x, y, sampleWeight } = element as Record<string, unknown>;
  return [x, y, sampleWeight];
}

function isFed(value: unknown): value is Fed {
  if (typeof value !== 'object' || value === null) return false;
  if (isTensor(value)) return true;
  const parts = Object.values(value);
  return parts.length > 0 && parts.every(isTensor);
}

function shown(value: unknown): string {
  if (isTensor(value)) return `${value.dtype}${formatShape(value.shape)}`;
  if (Array.isArray(value)) {
    const parts = value.slice(0, 4).map(shown);
    return `[${[...parts, ...(value.length > 4 ? ['…'] : [])].join(', ')}]`;
  }
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.keys(value).join(', ')} }`;
}
