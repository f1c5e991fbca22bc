import { type Kind, type OptionTable, optional, type Pair, seed } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, mul } from '../ops/elementwise.ts';
import { reshape, slice } from '../ops/shaping.ts';
import { randomUniform } from '../ops/threefry.ts';
import { type CallContext, Layer } from './layer.ts';
import { float32Of } from './numbers.ts';
import { checkImages, dataFormat } from './window.ts';

/** Options of every layer that changes images at random. */
export const augmentationOptions = {
  /** Default: the model's. */
  seed: optional(seed),
  ...dataFormat,
};

/**
 * A layer that changes images at random while training, and in inference makes them float32 and little else: [batch, height, width,
 * channels] of any dtype.
 */
export abstract class Augmentation<T extends OptionTable> extends Layer<T> {
  override get random(): boolean {
    return true;
  }

  /** @param images float32 */
  protected abstract augmented(images: Value, key: Value): Value;

  call([x]: readonly [Value], { training, randomKey }: CallContext): Value {
    checkImages(x.shape);
    const images = float32Of(x);
    const { seed } = this.options as { readonly seed?: number | undefined };
    return training ? this.augmented(images, randomKey(seed)) : images;
  }
}

/** For each image of a batch numbers of its own, uniform in these ranges: [batch, 1, 1, 1] each. */
export function drawn(key: Value, images: Value, ...ranges: Pair[]): Value[] {
  const batch = images.shape[0]!;
  const numbers = randomUniform(key, images, { shape: [batch, ranges.length] });
  return ranges.map(([from, to], i) => {
    const fraction = slice(numbers, { starts: [i], ends: [i + 1], axes: [1] });
    const number = add(mul(fraction, constant(to - from)), constant(from));
    return reshape(number, { shape: [batch, 1, 1, 1] });
  });
}

/** A number for −number to number, or where the range begins and ends. */
export type Factor = number | Pair;

/** Lowest and highest, from the lowest that there is. */
export function rangeOf(factor: Factor, least = -Infinity): Pair {
  if (typeof factor === 'number') return [Math.max(-Math.abs(factor), least), Math.abs(factor)];
  return factor[0] <= factor[1] ? factor : [factor[1], factor[0]];
}

const isPair = (value: unknown): value is Pair =>
  Array.isArray(value) && value.length === 2 && value.every(Number.isFinite);

/** Held and written as a range. A number lies within the bounds; a range need only meet them, as in Keras. */
export function rangeKind(least: number, most: number): Kind<Factor, Pair> {
  return {
    expected: `a number from ${least} to ${most}, or the two ends of a range that meets these`,
    check: (value) => {
      const isNumber = typeof value === 'number' && value >= least && value <= most;
      if (!isNumber && !isPair(value)) return undefined;
      const [from, to] = rangeOf(value, least);
      return from <= most && to >= least ? [from, to] : undefined;
    },
  };
}

/** Held and written as it was given; see `rangeOf`. */
export function factorKind(each: Kind<number>): Kind<Factor> {
  return {
    expected: `${each.expected}, or two of them, the ends of a range`,
    check: (value) => {
      if (!Array.isArray(value)) return each.check(value);
      const fits = value.length === 2 && value.every((end) => each.check(end) !== undefined);
      return fits ? (value as unknown as Pair) : undefined;
    },
  };
}

/** Two numbers, the lower one first. */
export const valueRangeKind: Kind<Pair> = {
  expected: 'two numbers, the lower one first',
  check: (value) => (isPair(value) && value[0] < value[1] ? value : undefined),
};
