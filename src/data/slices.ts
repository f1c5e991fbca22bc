import type { DataOf, DType } from '../core/dtype.ts';
import { UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { elementCount, type Tensor, tensor } from '../core/tensor.ts';

/** What a tensor, or a record of tensors, becomes when it is cut along its first axis. */
export type Sliced<S> = S extends Tensor ? Tensor<S['dtype']> : { [K in keyof S]: Sliced<S[K]> };

function rowsOf<D extends DType>(whole: Tensor<D>): Tensor<D>[] {
  const [count, ...shape] = whole.shape;
  const size = elementCount(shape);
  return Array.from({ length: count! }, (_, i) =>
    tensor(whole.dtype, shape, whole.data.subarray(i * size, (i + 1) * size) as DataOf<D>),
  );
}

/** Cuts along the first axis. The slices share the tensors' memory. */
export function sliceTensors<S extends Tensor | Readonly<Record<string, Tensor>>>(tensors: S): Sliced<S>[] {
  if (isTensor(tensors)) {
    checkAxis('the tensor', tensors);
    return rowsOf(tensors) as Sliced<S>[];
  }
  const named = Object.entries(tensors);
  const [first] = named;
  if (!first) throw new UsageError('fromTensorSlices needs at least one tensor, got none');
  for (const [name, part] of named) {
    checkAxis(name, part);
    if (part.shape[0] !== first[1].shape[0]) {
      throw new UsageError(
        `fromTensorSlices: first axes must agree, got ${first[0]} ${formatShape(first[1].shape)} and ${name} ${formatShape(part.shape)}`,
      );
    }
  }
  const columns = named.map(([name, part]) => [name, rowsOf(part)] as const);
  return Array.from(
    { length: first[1].shape[0]! },
    (_, i) => Object.fromEntries(columns.map(([name, rows]) => [name, rows[i]])) as Sliced<S>,
  );
}

function isTensor(value: Tensor | Readonly<Record<string, Tensor>>): value is Tensor {
  return ArrayBuffer.isView(value.data);
}

function checkAxis(name: string, { shape }: Tensor): void {
  if (shape.length === 0)
    throw new UsageError(`fromTensorSlices: ${name} is a scalar and has no axis to cut along`);
}
