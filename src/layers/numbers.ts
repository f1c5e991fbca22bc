import type { Kind } from '../core/options.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import type { Value } from '../graph/value.ts';
import { cast } from '../ops/elementwise.ts';

/** A number, or a list of numbers, or of such lists, all of one length. */
export type Numbers = number | readonly Numbers[];

/** Undefined where lists differ in length, or hold no numbers. */
export function shapeOfNumbers(numbers: unknown): number[] | undefined {
  if (typeof numbers === 'number') return Number.isFinite(numbers) ? [] : undefined;
  if (!Array.isArray(numbers) || numbers.length === 0) return undefined;
  const [first, ...others] = numbers.map(shapeOfNumbers);
  const even = first && others.every((shape) => shape && shape.join() === first.join());
  return even ? [numbers.length, ...first] : undefined;
}

/** An option that Keras takes as a number or an array, and writes as lists, or as what NumPy gave it. */
export const numbersKind: Kind<Numbers> = {
  expected: 'a finite number, or lists of them of one length',
  check: (value) => (shapeOfNumbers(value) ? (value as Numbers) : undefined),
  fromKeras: (json) => {
    const { class_name, config } = json as { class_name?: unknown; config?: { value?: unknown } };
    return class_name === '__numpy__' || class_name === '__tensor__' ? config?.value : json;
  },
};

export function tensorOfNumbers(numbers: Numbers): Tensor<'float32'> {
  return floats(inOneRow(numbers), shapeOfNumbers(numbers)!);
}

const inOneRow = (numbers: Numbers): number[] =>
  typeof numbers === 'number' ? [numbers] : numbers.flatMap(inOneRow);

/** Pixels are often bytes: what comes out of arithmetic is float32 all the same. */
export function float32Of(x: Value): Value {
  return x.dtype === 'float32' ? x : cast(x, { to: 'float32' });
}
