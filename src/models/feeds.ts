import { arrayTypes } from '../core/dtype.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import { isTensor } from '../data/structure.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { Fed } from '../training/trainable.ts';

/**
 * What is fed to each of a model's inputs, by place or by name.
 *
 * @throws {UsageError} when the count or a name differs
 * @throws {ShapeError} names the input whose shape differs
 */
export function feedsOf(fed: Fed, inputs: readonly SymbolicTensor[]): Tensor[] {
  const names = inputs.map(({ layer }) => layer.name);
  if (typeof fed !== 'object' || fed === null)
    throw new UsageError(`the model takes tensors for its inputs (${names.join(', ')}), got ${fed}`);
  const list = isTensor(fed) ? [fed] : Array.isArray(fed) ? (fed as Tensor[]) : undefined;
  if (!list) {
    const unknown = Object.keys(fed).find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw new UsageError(`the model has no input '${unknown}'; it has ${names.join(', ')}`);
  }
  if (list && list.length !== inputs.length) {
    throw new UsageError(
      `the model has ${inputs.length} inputs (${names.join(', ')}), and was given ${list.length} tensors`,
    );
  }
  const values = inputs.map((input, i) => {
    const value = list ? list[i] : (fed as Readonly<Record<string, Tensor>>)[names[i]!];
    if (!isTensor(value))
      throw new UsageError(`the model’s input '${names[i]}' needs a tensor, got ${value}`);
    return fitting(value, input, names[i]!);
  });
  const rows = values.map(({ shape }) => shape[0]);
  if (new Set(rows).size > 1) {
    const given = rows.map((count, i) => `'${names[i]}' has ${count}`).join(', ');
    throw new ShapeError(`the model’s inputs must have the same number of examples: ${given}`);
  }
  return values;
}

/** The tensor in the input's dtype, when its shape fits. */
function fitting(value: Tensor, { shape, dtype }: SymbolicTensor, name: string): Tensor {
  const fits =
    value.shape.length === shape.length &&
    shape.every((dim, i) => typeof dim === 'string' || dim === value.shape[i]);
  if (!fits) {
    throw new ShapeError(
      `input '${name}' takes ${formatShape(shape)}, and was given ${formatShape(value.shape)}`,
    );
  }
  if (value.dtype === dtype) return value;
  if (dtype !== 'float32' || value.dtype === 'float16' || value.dtype === 'int64') {
    throw new ShapeError(`input '${name}' takes ${dtype}, and was given ${value.dtype}`);
  }
  return tensor(dtype, value.shape, arrayTypes[dtype].from(value.data as Uint8Array));
}
