import type { DType } from '../core/dtype.ts';
import type { Shape } from '../core/shape.ts';
import { scalar, type Tensor, zeros } from '../core/tensor.ts';
import { defineOp } from './define-op.ts';
import type { Value } from './value.ts';

const inputOp = defineOp<[], { name: string; shape: Shape; dtype: DType }>({
  opType: 'Input',
  inputs: [],
  infer: (_, { shape, dtype }) => ({ shape, dtype }),
});

const constantOp = defineOp<[], { value: Tensor; name?: string }>({
  opType: 'Constant',
  inputs: [],
  infer: (_, { value }) => value,
});

/** A value that is fed when the graph runs. Names are unique within a graph; dimensions may be symbols (`'batch'`). */
export function input(name: string, shape: Shape, dtype: DType = 'float32'): Value {
  return inputOp({ name, shape, dtype });
}

/** A value that never changes: a tensor, or a float32 scalar. */
export function constant(value: Tensor | number, name?: string): Value {
  const tensor = typeof value === 'number' ? scalar(value) : value;
  return constantOp(name === undefined ? { value: tensor } : { value: tensor, name });
}

/** A number as a scalar of a dtype; whole for whole-number types. float16 has none: cast to it. */
export function scalarOf(value: number, dtype: DType): Tensor {
  const result = zeros(dtype, []);
  if (dtype === 'int64') (result.data as BigInt64Array)[0] = BigInt(value);
  else (result.data as Float32Array)[0] = value;
  return result;
}

export function isInput(value: Value): boolean {
  return value.op === inputOp.op;
}

export function isConstant(value: Value): boolean {
  return value.op === constantOp.op;
}

/** The name under which an input is fed. */
export function inputName(value: Value): string {
  return value.attributes.name as string;
}

/** The tensor of a constant. */
export function constantTensor(value: Value): Tensor {
  return value.attributes.value as Tensor;
}
