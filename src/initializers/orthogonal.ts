import { ShapeError } from '../core/errors.ts';
import { type Key, RandomStream } from '../core/random.ts';
import { formatShape } from '../core/shape.ts';
import { elementCount, type Tensor, zeros } from '../core/tensor.ts';

/**
 * Vectors of standard normal numbers, made orthonormal by Gram and Schmidt: each orthogonal matrix is as likely as any
 * other. Half of double precision is left where their condition is 10⁸, which float32 does not see.
 */
function orthonormalVectors(count: number, length: number, key: Key): Float64Array[] {
  const stream = new RandomStream(key);
  const vectors = Array.from({ length: count }, () => Float64Array.from({ length }, () => stream.normal()));
  vectors.forEach((vector, i) => {
    const norm = Math.sqrt(dot(vector, vector));
    for (let k = 0; k < length; k++) vector[k]! /= norm;
    for (const later of vectors.slice(i + 1)) {
      const along = dot(vector, later);
      for (let k = 0; k < length; k++) later[k]! -= along * vector[k]!;
    }
  });
  return vectors;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k]! * b[k]!;
  return sum;
}

/**
 * A weight that is an orthogonal matrix times `gain` once all axes but the last are made one: its columns, or its rows
 * where those are fewer, are orthogonal to one another.
 */
export function orthogonalMatrix(gain: number, shape: readonly number[], key: Key): Tensor<'float32'> {
  if (shape.length < 2) {
    throw new ShapeError(
      `initializer Orthogonal: a weight of two axes or more is needed, got ${formatShape(shape)}`,
    );
  }
  const columns = shape.at(-1)!;
  const rows = elementCount(shape.slice(0, -1));
  const vectors = orthonormalVectors(Math.min(rows, columns), Math.max(rows, columns), key);
  const [vectorStep, elementStep] = rows < columns ? [columns, 1] : [1, columns];
  const result = zeros('float32', shape);
  vectors.forEach((vector, i) => {
    for (let k = 0; k < vector.length; k++) result.data[i * vectorStep + k * elementStep] = gain * vector[k]!;
  });
  return result;
}
