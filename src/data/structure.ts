import { arrayTypes, type DataOf, type DType } from '../core/dtype.ts';
import { UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { elementCount, type Tensor, tensor } from '../core/tensor.ts';

// Elements are tensors, tuples and records of them, or anything else. What holds no tensor is plain: a number, a text,
// a list of labels. https://www.tensorflow.org/guide/data#dataset_structure

type Opaque = ((...args: never[]) => unknown) | ArrayBufferView | ArrayBuffer | Date;

/** Whether elements of this type hold a tensor; `boolean` where only the element tells. */
export type HasTensor<T> = T extends Tensor
  ? true
  : T extends Opaque
    ? false
    : T extends readonly unknown[]
      ? HasTensor<T[number]>
      : T extends object
        ? { [K in keyof T]-?: HasTensor<T[K]> }[keyof T]
        : false;

/** What elements become together: a tensor gets an axis in front, tuples and records of tensors keep their form, all else becomes a list. */
export type Batched<T> = [T] extends [Tensor<infer D>]
  ? Tensor<D>
  : true extends HasTensor<T>
    ? { -readonly [K in keyof T]: Batched<T[K]> }
    : T[];

/** What is cut along its first axis: tensors into their rows, lists into what they hold, records and tuples of these part by part. */
export type Sliced<S> =
  S extends Tensor<infer D>
    ? Tensor<D>
    : S extends readonly (infer E)[]
      ? true extends HasTensor<S>
        ? { -readonly [K in keyof S]: Sliced<S[K]> }
        : E
      : { -readonly [K in keyof S]: Sliced<S[K]> };

export function isTensor(value: unknown): value is Tensor {
  if (typeof value !== 'object' || value === null) return false;
  const { dtype, shape, data } = value as Partial<Tensor>;
  return typeof dtype === 'string' && dtype in arrayTypes && Array.isArray(shape) && ArrayBuffer.isView(data);
}

/** A tuple's or a record's parts by name, where the value is one. */
export function partsOf(value: unknown): [string, unknown][] | undefined {
  if (Array.isArray(value)) return [...value.entries()].map(([i, part]) => [String(i), part]);
  if (typeof value !== 'object' || value === null) return undefined;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.entries(value) : undefined;
}

export function hasTensor(value: unknown): boolean {
  if (isTensor(value)) return true;
  if (Array.isArray(value)) return value.some(hasTensor);
  return partsOf(value)?.some(([, part]) => hasTensor(part)) ?? false;
}

/** Parts put together as the tuple or record that they are of. */
export function together(like: unknown, parts: readonly (readonly [string, unknown])[]): unknown {
  return Array.isArray(like) ? parts.map(([, part]) => part) : Object.fromEntries(parts);
}

const described = (value: unknown): string =>
  isTensor(value)
    ? `${value.dtype}${formatShape(value.shape)}`
    : value === null
      ? 'null'
      : Array.isArray(value)
        ? `a list of ${value.length}`
        : typeof value === 'object'
          ? `a record of ${Object.keys(value).join(', ') || 'nothing'}`
          : typeof value;

/** An element that does not fit those before it in its batch. */
export class Misfit extends Error {
  /** Its place in the batch. */
  readonly place: number;

  constructor(place: number, message: string) {
    super(message);
    this.place = place;
  }
}

/**
 * Elements as one, after the form of the first.
 *
 * @throws {Misfit} names the first element of another form, shape or dtype
 */
export function stack<T>(elements: readonly T[]): Batched<T> {
  return stackAt(elements, '') as Batched<T>;
}

function stackAt(elements: readonly unknown[], where: string): unknown {
  const [first] = elements;
  if (isTensor(first)) return stackTensors(first, elements, where);
  if (!hasTensor(first)) return [...elements];
  const parts = partsOf(first)!;
  const columns = parts.map(([name]) => [name, new Array<unknown>(elements.length)] as const);
  for (const [place, element] of elements.entries()) {
    const own = partsOf(element);
    if (
      isTensor(element) ||
      own?.length !== parts.length ||
      Array.isArray(element) !== Array.isArray(first)
    ) {
      throw misfit(place, where, element, first);
    }
    for (const [name, column] of columns) {
      if (!Object.hasOwn(element as object, name)) throw misfit(place, where, element, first);
      column[place] = (element as Record<string, unknown>)[name];
    }
  }
  return together(
    first,
    columns.map(([name, column]) => [name, stackAt(column, `${where}${where && '.'}${name}`)]),
  );
}

function stackTensors(first: Tensor, elements: readonly unknown[], where: string): Tensor {
  const { dtype, shape } = first;
  const size = elementCount(shape);
  const data = new arrayTypes[dtype](elements.length * size) as Float32Array;
  for (const [place, element] of elements.entries()) {
    const fits =
      isTensor(element) &&
      element.dtype === dtype &&
      element.shape.length === shape.length &&
      element.shape.every((dim, i) => dim === shape[i]);
    if (!fits) throw misfit(place, where, element, first);
    data.set(element.data as Float32Array, place * size);
  }
  return tensor(dtype, [elements.length, ...shape], data as DataOf<DType>);
}

function misfit(place: number, where: string, element: unknown, first: unknown): Misfit {
  const what = where === '' ? 'it' : where;
  return new Misfit(
    place,
    `${what} is ${described(element)}, and the first of its batch is ${described(first)}`,
  );
}

/** What is cut along its first axis, and the place where a cut is made. */
export interface Rows<T> {
  readonly length: number;
  readonly at: (index: number) => T;
}

/**
 * The rows of a tensor, of a list, or of tuples and records of these. Rows of tensors share their memory.
 *
 * @param what what errors call it: `fromTensorSlices`
 * @throws {UsageError} when a tensor has no axis, first axes differ, or there is nothing to cut
 */
export function rowsOf<S>(what: string, whole: S): Rows<Sliced<S>> {
  return rowsAt(what, whole, 'the tensor') as Rows<Sliced<S>>;
}

function rowsAt(what: string, whole: unknown, name: string): Rows<unknown> {
  if (isTensor(whole)) return tensorRows(what, whole, name);
  if (Array.isArray(whole) && !hasTensor(whole)) return { length: whole.length, at: (i) => whole[i] };
  const parts = partsOf(whole);
  if (!parts) throw new UsageError(`${what}: ${name} is ${described(whole)}: tensors and lists can be cut`);
  const columns = parts.map(([name, part]) => [name, rowsAt(what, part, name)] as const);
  const [first] = columns;
  if (!first) throw new UsageError(`${what} needs at least one tensor, got none`);
  for (const [name, { length }] of columns) {
    if (length === first[1].length) continue;
    const axes = [first[0], name].map(
      (name) => `${name} ${extent((whole as Record<string, unknown>)[name])}`,
    );
    throw new UsageError(`${what}: first axes must agree, got ${axes.join(' and ')}`);
  }
  const at = (i: number): unknown =>
    together(
      whole,
      columns.map(([name, rows]) => [name, rows.at(i)]),
    );
  return { length: first[1].length, at };
}

const extent = (part: unknown): string => (isTensor(part) ? formatShape(part.shape) : described(part));

function tensorRows(what: string, { dtype, shape, data }: Tensor, name: string): Rows<Tensor> {
  const [length, ...inner] = shape;
  if (length === undefined) throw new UsageError(`${what}: ${name} is a scalar and has no axis to cut along`);
  const size = elementCount(inner);
  return {
    length,
    at: (i) => tensor(dtype, inner, data.subarray(i * size, (i + 1) * size) as DataOf<DType>),
  };
}
