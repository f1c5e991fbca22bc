import { type Kind, type OptionsOf, type OptionTable, real } from '../core/options.ts';
import type { Levels } from './levels.ts';
import type { Memory } from './memory.ts';

/** One operation on images: its options, and what it does with them. */
export interface OpRow<T extends OptionTable> {
  readonly options: T;
  /** Never changes what it is given. Throws a DataError where an image does not allow it. */
  apply(image: Levels, options: OptionsOf<T>, memory: Memory): Levels;
  /** Why options do not go together. */
  conflict?(options: OptionsOf<T>): string | undefined;
}

export function opRow<T extends OptionTable>(row: OpRow<T>): OpRow<T> {
  return row;
}

/** A side in pixels. */
export const side: Kind<number> = {
  expected: 'a whole number from 1 to 65,535',
  check: (value) =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 65_535 ? Number(value) : undefined,
};

export const share = real({ from: 0, to: 1 });

export const sizeOf = ({ height, width }: { height: number; width: number }): string => `${height}×${width}`;

/** A result beyond this is a mistake among the options. */
const mostPixels = 100_000_000;

/** Why no image can have this size. */
export function tooLarge(size: { height: number; width: number }): string | undefined {
  return size.height * size.width > mostPixels
    ? `${sizeOf(size)} are more than 100 million pixels`
    : undefined;
}
