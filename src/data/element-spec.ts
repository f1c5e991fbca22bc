import type { DType } from '../core/dtype.ts';
import type { Shape } from '../core/shape.ts';
import { hasTensor, isTensor, partsOf, together } from './structure.ts';

/** What elements are like: a tensor's dtype and shape, parts by name, or the name of a plain type. */
export type ElementSpec =
  | { readonly dtype: DType; readonly shape: Shape }
  | string
  | readonly ElementSpec[]
  | { readonly [name: string]: ElementSpec };

export function specOf(element: unknown): ElementSpec {
  if (isTensor(element)) return { dtype: element.dtype, shape: [...element.shape] };
  if (Array.isArray(element) && !hasTensor(element)) {
    const kinds = [...new Set(element.map((part) => JSON.stringify(specOf(part))))];
    if (kinds.length === 1 && element.length > 0 && typeof specOf(element[0]) === 'string') {
      return `${specOf(element[0])}[]`;
    }
    return kinds.length === 0 ? '[]' : element.map(specOf);
  }
  const parts = partsOf(element);
  if (parts) {
    const specs = parts.map(([name, part]) => [name, specOf(part)] as const);
    return together(element, specs) as ElementSpec;
  }
  if (element === null || typeof element !== 'object') return element === null ? 'null' : typeof element;
  return element.constructor.name;
}

/** The spec of batches, from that of their elements. */
export function batchedSpec(spec: ElementSpec, size: number | 'batch'): ElementSpec {
  if (isTensorSpec(spec)) return { dtype: spec.dtype, shape: [size, ...spec.shape] };
  if (!specHasTensor(spec)) return typeof spec === 'string' ? `${spec}[]` : [spec];
  if (Array.isArray(spec)) return spec.map((part) => batchedSpec(part, size));
  return Object.fromEntries(Object.entries(spec).map(([name, part]) => [name, batchedSpec(part, size)]));
}

type TensorSpec = Extract<ElementSpec, { dtype: DType; shape: Shape }>;

function isTensorSpec(spec: ElementSpec): spec is TensorSpec {
  if (typeof spec !== 'object' || Array.isArray(spec)) return false;
  const { dtype, shape } = spec as Partial<TensorSpec>;
  return typeof dtype === 'string' && Array.isArray(shape);
}

function specHasTensor(spec: ElementSpec): boolean {
  if (typeof spec === 'string') return false;
  return isTensorSpec(spec) || Object.values(spec).some(specHasTensor);
}
