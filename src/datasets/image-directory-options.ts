import { UsageError } from '../core/errors.ts';
import {
  count,
  either,
  flag,
  integer,
  type Kind,
  listOf,
  type OptionsOf,
  oneOf,
  optional,
  pairOf,
  real,
  resolveOptions,
  seed,
  text,
} from '../core/options.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Dataset } from '../data/dataset.ts';
import { ImagePool } from '../images/pool.ts';
import { type Interpolation, interpolations } from '../images/spans.ts';

export interface ImageDirectoryOptions {
  /**
   * 'inferred': by the folder that an image is in. A list: a whole number for each file, in the order of `filePaths`
   * without a shuffle. null: no labels. Default 'inferred'.
   */
  readonly labels?: 'inferred' | readonly number[] | null | undefined;
  /**
   * 'int': int32 [n]. 'binary', of two classes: float32 [n, 1] of 0 and 1. 'categorical': float32 [n, classes], one-hot.
   * null: no labels. Default 'int'.
   */
  readonly labelMode?: 'int' | 'binary' | 'categorical' | null | undefined;
  /** The folders that are read, in the order of their labels. Default: all but hidden ones, sorted. */
  readonly classNames?: readonly string[] | undefined;
  /** 1, 3 or 4 channels. Default 'rgb'. */
  readonly colorMode?: 'grayscale' | 'rgb' | 'rgba' | undefined;
  /** null: single images, without the axis in front. Default 32. */
  readonly batchSize?: number | null | undefined;
  /** In pixels, [height, width] or one for both. Default [256, 256]. */
  readonly imageSize?: number | readonly [height: number, width: number] | undefined;
  /** Another order in each epoch, and a split at random. Default true; false: classes and paths are in order. */
  readonly shuffle?: boolean | undefined;
  /** Of the split and of the orders, so that both are the same in each run. Default 0. */
  readonly seed?: number | undefined;
  /** The share of the files that is kept to test on; `subset` says which part is wanted. */
  readonly validationSplit?: number | undefined;
  /** 'both': a list of two datasets, of which the second is not shuffled. */
  readonly subset?: 'training' | 'validation' | 'both' | undefined;
  /** How images become that size, without antialiasing. Default 'bilinear'. */
  readonly interpolation?: Interpolation | undefined;
  /** Follow links to folders within the classes' own. Default false. */
  readonly followLinks?: boolean | undefined;
  /** Fill the size with the image's middle, its aspect kept. Default false: images are stretched. */
  readonly cropToAspectRatio?: boolean | undefined;
  /** Show the whole image, its aspect kept, on black. Default false. */
  readonly padToAspectRatio?: boolean | undefined;
  /** Whose threads decode. Default: one that all such datasets share. */
  readonly pool?: ImagePool | undefined;
}

type Given<O, Name extends keyof ImageDirectoryOptions> = Name extends keyof O ? O[Name] : undefined;
type Mode<O> =
  null extends Given<O, 'labels'>
    ? [Given<O, 'labels'>] extends [null]
      ? null
      : Given<O, 'labelMode'> | null
    : Given<O, 'labelMode'>;
type OfMode<M> = M extends null
  ? Tensor<'float32'>
  : [images: Tensor<'float32'>, labels: Tensor<M extends 'binary' | 'categorical' ? 'float32' : 'int32'>];

/** A dataset of images in a folder, and what it found there. What is made of it by further steps has no such names. */
export type ImageDirectory<Element> = Dataset<Element> & {
  /** By the labels' numbers; undefined without labels. */
  readonly classNames: readonly string[] | undefined;
  /** Of all images, before they are shuffled for an epoch. */
  readonly filePaths: readonly string[];
};

/** What the options ask for: images, or tuples of images and labels; two datasets of them for `subset: 'both'`. */
export type ImageDirectoryOf<O> =
  'both' extends Given<O, 'subset'>
    ? [training: ImageDirectory<OfMode<Mode<O>>>, validation: ImageDirectory<OfMode<Mode<O>>>]
    : ImageDirectory<OfMode<Mode<O>>>;

export const channelsOf = { grayscale: 1, rgb: 3, rgba: 4 } as const;
type ColorMode = keyof typeof channelsOf;

const poolKind: Kind<ImagePool> = {
  expected: 'an ImagePool',
  check: (value) => (value instanceof ImagePool ? value : undefined),
};

const table = {
  labels: optional(either(oneOf(['inferred']), listOf(integer)), 'inferred'),
  labelMode: optional(oneOf(['int', 'binary', 'categorical']), 'int'),
  classNames: optional(listOf(text)),
  colorMode: optional(oneOf(Object.keys(channelsOf) as ColorMode[]), 'rgb'),
  batchSize: optional(count, 32),
  imageSize: optional(pairOf(count), 256),
  shuffle: optional(flag, true),
  seed: optional(seed, 0),
  validationSplit: optional(real({ above: 0, below: 1 })),
  subset: optional(oneOf(['training', 'validation', 'both'])),
  interpolation: optional(oneOf(interpolations), 'bilinear'),
  followLinks: optional(flag, false),
  cropToAspectRatio: optional(flag, false),
  padToAspectRatio: optional(flag, false),
  pool: optional(poolKind),
};

type Table = OptionsOf<typeof table>;

/** What was asked for, checked; null is what it is in the options. */
export type Settings = Omit<Table, 'labels' | 'labelMode' | 'batchSize'> & {
  readonly labels: Table['labels'] | null;
  readonly labelMode: Table['labelMode'] | null;
  readonly batchSize: Table['batchSize'] | null;
};

/** @throws {UsageError} names the options that are wrong, or do not go together */
export function settingsOf(options: ImageDirectoryOptions, where: string): Settings {
  const settings = resolveOptions(table, options, where);
  const unlabelled = options.labels === null || options.labelMode === null;
  const conflict = conflictOf(settings, unlabelled);
  if (conflict) throw new UsageError(`${where}: ${conflict}`);
  return {
    ...settings,
    ...(unlabelled && { labels: null, labelMode: null }),
    ...(options.batchSize === null && { batchSize: null }),
  };
}

function conflictOf(settings: Table, unlabelled: boolean): string | undefined {
  const { labels, classNames, validationSplit, subset, cropToAspectRatio, padToAspectRatio } = settings;
  if (classNames && (unlabelled || labels !== 'inferred'))
    return "classNames are for labels that are 'inferred' from folders; leave them out";
  if (classNames && new Set(classNames).size < classNames.length)
    return `classNames must differ, got ${classNames.join(', ')}`;
  if (validationSplit !== undefined && subset === undefined)
    return "validationSplit divides the files: say by subset which part, 'training', 'validation' or 'both'";
  if (validationSplit === undefined && subset !== undefined)
    return `subset '${subset}' is a part of what validationSplit divides: give a share`;
  if (cropToAspectRatio && padToAspectRatio)
    return 'cropToAspectRatio and padToAspectRatio exclude each other';
  return undefined;
}
