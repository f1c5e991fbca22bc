import { readFile } from 'node:fs/promises';
import { decodeSafetensors, encodeSafetensorsPieces } from '../codecs/safetensors.ts';
import { DataError, errorCode, errorMessage, UsageError } from '../core/errors.ts';
import { writeFileWhole } from '../core/files.ts';
import { type ConfigOf, flag, oneOf, optional, resolveOptions } from '../core/options.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Weight } from '../layers/layer.ts';
import type { Model } from './model.ts';

const loadOptions = {
  /**
   * 'name': each weight from the tensor of its name, others are left aside; 'order': the first weight from the first
   * tensor, and so on. Default 'name'.
   */
  by: optional(oneOf(['name', 'order']), 'name'),
  /** Leaves weights as they are whose tensor is missing or does not fit. Default false: that is an error. */
  skipMismatch: optional(flag, false),
};

export type LoadWeightsOptions = ConfigOf<typeof loadOptions>;

/**
 * The values of a model's weights by name (`dense/kernel`, `base/conv1/kernel`), in Keras' order, not copied.
 *
 * @throws {UsageError} when a weight has no value yet
 */
export function weightsOf(model: Model): Record<string, Tensor> {
  const { weightNames } = model.network;
  return Object.fromEntries(
    model.weights.map((weight) => {
      const name = weightNames.get(weight)!;
      if (weight.value) return [name, weight.value];
      throw new UsageError(
        `model '${model.name}': weight '${name}' has no value yet; call compile or initialize first`,
      );
    }),
  );
}

/**
 * Gives a model's weights the values of tensors; where one does not fit, nothing is changed.
 *
 * @param where what errors call the tensors, such as their file
 * @returns the names of the weights that were skipped
 * @throws {DataError} names the tensor that is missing or has another shape or dtype
 */
export function assignWeights(
  model: Model,
  tensors: Readonly<Record<string, Tensor>>,
  where: string,
  options: LoadWeightsOptions = {},
): string[] {
  const { by, skipMismatch } = resolveOptions(loadOptions, options, `model '${model.name}': loadWeights`);
  const { weightNames } = model.network;
  const { weights } = model;
  const inOrder = Object.keys(tensors);
  if (by === 'order' && !skipMismatch && inOrder.length !== weights.length) {
    throw new DataError(
      `${where}: holds ${inOrder.length} tensors, and model '${model.name}' has ${weights.length} weights`,
    );
  }
  const found: [Weight, Tensor][] = [];
  const skipped: string[] = [];
  weights.forEach((weight, i) => {
    const name = weightNames.get(weight)!;
    const source = by === 'name' ? name : (inOrder[i] ?? name);
    const value = Object.hasOwn(tensors, source) ? tensors[source] : undefined;
    const fault = faultOf(value, weight);
    if (!fault) found.push([weight, value!]);
    else if (skipMismatch) skipped.push(name);
    else
      throw new DataError(`${where}: tensor '${source}' ${fault}${by === 'order' ? ` (for '${name}')` : ''}`);
  });
  for (const [weight, value] of found) weight.value = value;
  return skipped;
}

function faultOf(value: Tensor | undefined, { shape }: Weight): string | undefined {
  if (!value) return 'is missing';
  if (!sameShape(value.shape, shape))
    return `should have the shape ${formatShape(shape)}, and has ${formatShape(value.shape)}`;
  if (value.dtype === 'float32' || value.dtype === 'float16') return undefined;
  return `should be float32 or float16, and is ${value.dtype}`;
}

/** The tensors of a safetensors file. */
export async function readWeights(path: string): Promise<Readonly<Record<string, Tensor>>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    const why = errorCode(error) === 'ENOENT' ? 'there is no such file' : errorMessage(error);
    throw new DataError(`cannot read the weights ${path}: ${why}`, { cause: error });
  }
  return decodeSafetensors(bytes, path).tensors;
}

export async function writeWeights(model: Model, path: string): Promise<void> {
  await writeFileWhole(path, encodeSafetensorsPieces(weightsOf(model)));
}
