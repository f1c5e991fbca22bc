import type { DType } from '../core/dtype.ts';
import { DataError, UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { elementCount, type Tensor, zeros } from '../core/tensor.ts';

/** Labels as a list or as a tensor; `float16` is left out, as its elements are raw bits. */
export type Labels = ArrayLike<number> | Tensor<Exclude<DType, 'float16'>>;

/** A result beyond this is a mistake among the labels: 4 GiB. */
const maxElements = 2 ** 30;

/**
 * Class numbers as rows with a 1 at the class and 0 elsewhere, which is what categorical cross-entropy compares with.
 * As in Keras, a last axis of 1 is dropped: labels of shape [n] or [n, 1] give [n, classes].
 * https://keras.io/api/utils/python_utils/#tocategorical-function
 *
 * @param labels whole numbers from 0 on, of any shape
 * @param numClasses default: the largest label + 1
 * @throws {DataError} when a label is no whole number, below 0, or not below `numClasses`
 * @throws {UsageError} when `numClasses` is no whole number above 0, or is left out where there are no labels
 * @example toCategorical([0, 2, 1]).data // [1, 0, 0,  0, 0, 1,  0, 1, 0], of shape [3, 3]
 */
export function toCategorical(labels: Labels, numClasses?: number): Tensor<'float32'> {
  const given = 'shape' in labels;
  const values: ArrayLike<number | bigint> = given ? labels.data : labels;
  const shape = given ? labels.shape : [values.length];
  const classes = numClasses ?? classesOf(values);
  if (!Number.isInteger(classes) || classes < 1) {
    throw new UsageError(`toCategorical: numClasses must be a whole number above 0, got ${numClasses}`);
  }
  const rows = shape.length > 1 && shape.at(-1) === 1 ? shape.slice(0, -1) : shape;
  if (elementCount(rows) * classes > maxElements) {
    throw new DataError(
      `toCategorical: ${classes} classes of labels of shape ${formatShape(rows)} are more than ${maxElements} numbers: is a label wrong?`,
    );
  }
  const result = zeros('float32', [...rows, classes]);
  for (let i = 0; i < values.length; i++) result.data[i * classes + checked(values, i, classes)] = 1;
  return result;
}

function classesOf(values: ArrayLike<number | bigint>): number {
  if (values.length === 0) {
    throw new UsageError('toCategorical: there are no labels to tell the number of classes: give numClasses');
  }
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, checked(values, i, Number.POSITIVE_INFINITY));
  return most + 1;
}

function checked(values: ArrayLike<number | bigint>, i: number, classes: number): number {
  const label = Number(values[i]);
  if (Number.isInteger(label) && label >= 0 && label < classes) return label;
  const below = classes === Number.POSITIVE_INFINITY ? 'on' : `to ${classes - 1}`;
  throw new DataError(`toCategorical: label ${i} must be a whole number from 0 ${below}, got ${values[i]}`);
}
