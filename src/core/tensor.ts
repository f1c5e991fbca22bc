import { arrayTypes, type DataOf, type DType } from './dtype.ts';
import { ShapeError } from './errors.ts';
import { formatShape } from './shape.ts';

/** A tensor in this thread's memory, in row-major order. */
export interface Tensor<D extends DType = DType> {
  readonly dtype: D;
  readonly shape: readonly number[];
  readonly data: DataOf<D>;
}

/** A tensor over `data`, which is not copied. */
export function tensor<D extends DType>(dtype: D, shape: readonly number[], data: DataOf<D>): Tensor<D> {
  const size = elementCount(shape);
  if (data.length !== size) {
    throw new ShapeError(`tensor ${dtype}${formatShape(shape)} needs ${size} elements, got ${data.length}`);
  }
  return { dtype, shape, data };
}

/** A tensor of zeros. */
export function zeros<D extends DType>(dtype: D, shape: readonly number[]): Tensor<D> {
  return tensor(dtype, shape, new arrayTypes[dtype](elementCount(shape)) as DataOf<D>);
}

/** A float32 tensor of these numbers. */
export function floats(
  values: ArrayLike<number>,
  shape: readonly number[] = [values.length],
): Tensor<'float32'> {
  return tensor('float32', shape, Float32Array.from(values));
}

export function scalar(value: number): Tensor<'float32'> {
  return floats([value], []);
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** A tensor over bytes of a file (little-endian), which are copied only where they are not aligned. */
export function tensorFromBytes<D extends DType>(
  dtype: D,
  shape: readonly number[],
  bytes: Uint8Array,
): Tensor<D> {
  const ArrayType = arrayTypes[dtype];
  const aligned = bytes.byteOffset % ArrayType.BYTES_PER_ELEMENT === 0;
  const { buffer, byteOffset, byteLength } = aligned ? bytes : new Uint8Array(bytes);
  const count = byteLength / ArrayType.BYTES_PER_ELEMENT;
  return tensor(dtype, shape, new ArrayType(buffer as ArrayBuffer, byteOffset, count) as DataOf<D>);
}

/** The tensor's bytes, without a copy. */
export function bytesOf(value: Tensor): Uint8Array {
  return new Uint8Array(value.data.buffer, value.data.byteOffset, value.data.byteLength);
}

/** Tensors one behind another along their first axis, all else of their shapes being equal; a single one is not copied. */
export function concatenateRows<D extends DType>(parts: readonly Tensor<D>[]): Tensor<D> {
  const [first] = parts;
  if (!first) throw new ShapeError('at least one tensor is needed to put rows together');
  if (parts.length === 1) return first;
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  const whole = zeros(first.dtype, [rows, ...first.shape.slice(1)]);
  let at = 0;
  for (const { data } of parts) {
    (whole.data as Float32Array).set(data as Float32Array, at);
    at += data.length;
  }
  return whole;
}

/** The same tensor in memory of its own. */
export function copyOf<D extends DType>({ dtype, shape, data }: Tensor<D>): Tensor<D> {
  return tensor(dtype, shape, data.slice() as DataOf<D>);
}

/** Some rows along the first axis, in this order, copied. */
export function rowsAt<D extends DType>(
  { dtype, shape, data }: Tensor<D>,
  indexes: ArrayLike<number>,
): Tensor<D> {
  const [count = 0, ...inner] = shape;
  const size = count === 0 ? 0 : data.length / count;
  const rows = zeros(dtype, [indexes.length, ...inner]);
  const [from, to] = [data as Float32Array, rows.data as Float32Array];
  for (let i = 0; i < indexes.length; i++) {
    const at = indexes[i]! * size;
    // A view costs more than a short row.
    if (size > 64) to.set(from.subarray(at, at + size), i * size);
    else for (let j = 0; j < size; j++) to[i * size + j] = from[at + j]!;
  }
  return rows;
}

/** The rows from `from` on, before `to`, without a copy. */
export function rowRange<D extends DType>(
  { dtype, shape, data }: Tensor<D>,
  from: number,
  to: number,
): Tensor<D> {
  const [count = 0, ...inner] = shape;
  const size = count === 0 ? 0 : data.length / count;
  const end = Math.min(to, count);
  return tensor(dtype, [end - from, ...inner], data.subarray(from * size, end * size) as DataOf<D>);
}
