import { readFile } from 'node:fs/promises';
import { decodeSafetensors } from '../codecs/safetensors.ts';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { formatShape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Weight } from '../layers/layer.ts';

/**
 * Gives weights the values of a safetensors file, by name; the file may hold others too.
 *
 * @throws {DataError} names the file and the tensor that is missing or has another shape or dtype; nothing is changed
 */
export function assignWeights(
  weights: readonly Weight[],
  tensors: Readonly<Record<string, Tensor>>,
  where: string,
): void {
  for (const { path, shape } of weights) {
    const value = tensors[path];
    if (!value) throw new DataError(`${where}: tensor '${path}' is missing`);
    if (value.shape.length !== shape.length || value.shape.some((dim, i) => dim !== shape[i])) {
      throw new DataError(
        `${where}: tensor '${path}' should have the shape ${formatShape(shape)}, and has ${formatShape(value.shape)}`,
      );
    }
    if (value.dtype !== 'float32' && value.dtype !== 'float16') {
      throw new DataError(`${where}: tensor '${path}' should be float32 or float16, and is ${value.dtype}`);
    }
  }
  for (const weight of weights) weight.value = tensors[weight.path];
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
