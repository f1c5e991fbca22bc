import { UsageError } from '../core/errors.ts';
import { type ConfigOf, type OptionsOf, type OptionTable, resolveOptions } from '../core/options.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import { decodeOptions } from './decode-options.ts';
import type { OpRow } from './op-row.ts';
import { type PlainOp, plainOps } from './plain-ops.ts';
import { type RandomRow, randomOps } from './random-ops.ts';
import type { outsideOptions } from './warp.ts';

const table = {
  /** How a file is decoded; the first operation, where it is not by default. */
  decodeImage: { options: decodeOptions },
  ...plainOps,
  ...randomOps,
};
type Table = typeof table;
export type OpName = keyof Table;

/** An operation as data; options that are left out have their defaults. */
export type ImageOp = {
  readonly [K in OpName]: { readonly op: K } & ConfigOf<Table[K]['options']>;
}[OpName];

/** The same, checked, every option filled in. */
export type CheckedOp = {
  readonly [K in OpName]: { readonly op: K } & OptionsOf<Table[K]['options']>;
}[OpName];

/** Where an image's random numbers come from: the same seed and element draw the same, whatever the thread or order. */
export interface Draw {
  /** A whole number from 0 on. */
  readonly seed: number;
  /** What tells this image and this look at it from all others, such as its name and the epoch. */
  readonly element: string | number | readonly (string | number)[];
}

const isRandom = (op: OpName): boolean => Object.hasOwn(randomOps, op);

/** @throws {UsageError} names the operation by place, and the option */
export function checkOps(ops: readonly ImageOp[], draw: Draw | undefined): CheckedOp[] {
  if (!Array.isArray(ops)) throw new UsageError(`operations must be a list, got ${JSON.stringify(ops)}`);
  return ops.map((given: ImageOp, i) => {
    const { op, ...config } = given ?? {};
    const where = `operation ${i}, ${op}`;
    if (typeof op !== 'string' || !Object.hasOwn(table, op)) {
      throw new UsageError(`operation ${i}: there is no '${op}'; there are ${Object.keys(table).join(', ')}`);
    }
    if (op === 'decodeImage' && i > 0) throw new UsageError(`${where}: only the first operation decodes`);
    if (isRandom(op) && !draw) {
      throw new UsageError(`${where}: it is random: say by which seed and for which element it draws`);
    }
    const row: { options: OptionTable } & Partial<Pick<OpRow<OptionTable>, 'conflict'>> = table[op];
    const options = resolveOptions(row.options, config, where);
    const conflict = row.conflict?.(options);
    if (conflict) throw new UsageError(`${where}: ${conflict}`);
    return { op, ...options } as unknown as CheckedOp;
  });
}

/** What random operations draw for one image, between the plain ones. */
export function drawOps(ops: readonly CheckedOp[], draw: Draw | undefined): PlainOp[] {
  return ops.flatMap((op, i): readonly PlainOp[] => {
    if (op.op === 'decodeImage') return [];
    if (!isRandom(op.op)) return [op as PlainOp];
    const { seed, element } = draw!;
    const path = Array.isArray(element) ? (element as (string | number)[]) : [element as string | number];
    const stream = new RandomStream(deriveKey(seed, 'image', ...path, i, op.op));
    const { op: name, ...options } = op;
    return (randomOps[name as keyof typeof randomOps] as RandomRow<OptionTable>).draw(stream, options);
  });
}

type Builders = {
  readonly [K in OpName]: (
    ...config: Record<never, never> extends ConfigOf<Table[K]['options']>
      ? [config?: ConfigOf<Table[K]['options']>]
      : [config: ConfigOf<Table[K]['options']>]
  ) => Extract<ImageOp, { readonly op: K }>;
};

const builders = Object.fromEntries(
  (Object.keys(table) as OpName[]).map((op) => [
    op,
    (config: object = {}) => {
      const { options, conflict } = table[op] as { options: OptionTable; conflict?: (o: object) => string };
      const checked = resolveOptions(options, config, op);
      const why = conflict?.(checked);
      if (why) throw new UsageError(`${op}: ${why}`);
      return Object.freeze({ op, ...config });
    },
  ]),
) as unknown as Builders;

type Outside = ConfigOf<typeof outsideOptions>;
type Range = readonly [low: number, high: number];

/**
 * Operations on images, as data: each is `{ op, …options }`, plain JSON that a run can record and a worker can do.
 *
 * @throws {UsageError} names the operation and the option that makes no sense
 * @example
 * const looks = [ops.decodeImage({ channels: 1 }), ops.randomFlipLeftRight(), ops.resize({ height: 224, width: 224, antialias: true })];
 * const pixels = await pool.run('a.jpeg', looks, { seed: 1, element: ['a.jpeg', epoch] });
 */
export const ops = {
  ...builders,
  /** Adds a share of white: `tf.image.adjust_brightness`. */
  adjustBrightness: ({ delta }: { readonly delta: number }) => builders.levels({ brightness: 255 * delta }),
  /** Factor of the distance from each channel's mean: `tf.image.adjust_contrast`. */
  adjustContrast: ({ factor }: { readonly factor: number }) => builders.levels({ contrast: factor }),
  /** Turns about the center, counter-clockwise. */
  rotate: ({ degrees, ...outside }: { readonly degrees: number } & Outside) =>
    builders.affine({ degrees, ...outside }),
  /** Moves down and to the right, in shares of height and width. */
  translate: ({
    down = 0,
    right = 0,
    ...outside
  }: { readonly down?: number; readonly right?: number } & Outside) =>
    builders.affine({ shift: [down, right], ...outside }),
  /** Enlarges about the center, in the same frame; below 1 it reduces. */
  zoom: ({ factor, ...outside }: { readonly factor: number } & Outside) =>
    builders.affine({ zoom: factor, ...outside }),
  /** Turns by an angle of the interval. */
  randomRotate: ({ degrees, ...outside }: { readonly degrees: Range } & Outside) =>
    builders.randomAffine({ degrees, ...outside }),
  /** Moves by shares of the intervals. */
  randomTranslate: (intervals: { readonly down?: Range; readonly right?: Range } & Outside) =>
    builders.randomAffine(intervals),
  /** Enlarges by a factor of the interval. */
  randomZoom: ({ factor, ...outside }: { readonly factor: Range } & Outside) =>
    builders.randomAffine({ zoom: factor, ...outside }),
};
