import { existsSync, readFileSync } from 'node:fs';
import { decodeSafetensors } from '../../src/codecs/safetensors.ts';
import type { Tensor } from '../../src/core/tensor.ts';

const folder = new URL('../goldens/', import.meta.url);

/** Values that a script beside them made in the reference; a whole path names files of another folder. */
export function goldenTensors(name: string): Record<string, Tensor> {
  const path = new URL(`${name}.safetensors`, folder);
  return decodeSafetensors(readFileSync(path), path.pathname).tensors;
}

export function goldenJson<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8')) as T;
}

/** ‖actual − expected‖ / ‖expected‖, in double precision; the plain norm where the expected one is zero. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [difference, norm] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    difference += (actual[i]! - expected[i]!) ** 2;
    norm += expected[i]! ** 2;
  }
  return Math.sqrt(norm === 0 ? difference : difference / norm);
}

/** A folder of ../shared/data, present in development alone; `undefined` elsewhere. */
export function sharedData(name: string): string | undefined {
  const path = new URL(`../../../shared/data/${name}`, import.meta.url).pathname;
  return existsSync(path) ? path : undefined;
}
