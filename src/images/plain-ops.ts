import { type ConfigOf, type OptionsOf, resolveOptions } from '../core/options.ts';
import * as colors from './colors.ts';
import * as crops from './crops.ts';
import type { Levels } from './levels.ts';
import type { Memory } from './memory.ts';
import type { OpRow } from './op-row.ts';
import { resize } from './resizing.ts';
import * as tones from './tones.ts';
import * as turns from './turns.ts';
import { affine } from './warp.ts';

/** What can be done with an image, each by its numbers alone. */
export const plainOps = {
  /** Another size: `tf.image.resize`, https://www.tensorflow.org/api_docs/python/tf/image/resize */
  resize,
  /** The middle of the image: `tf.image.central_crop`. */
  centralCrop: crops.centralCrop,
  /** A box of pixels: `tf.image.crop_to_bounding_box`. An image that is too small for it is refused. */
  cropToBoundingBox: crops.cropToBoundingBox,
  /** The image in a larger box: `tf.image.pad_to_bounding_box`. An image that is too large for it is refused. */
  padToBoundingBox: crops.padToBoundingBox,
  /** A crop of some size at a place that is given as a share of what is left over. */
  cropAt: crops.cropAt,
  /** The middle, cropped or padded: `tf.image.resize_with_crop_or_pad`. */
  cropOrPad: crops.cropOrPad,
  /** Without the white margins that OCT exports have. */
  trimMargins: crops.trimMargins,
  /** Left and right exchanged. */
  flipLeftRight: turns.flipLeftRight,
  /** Upside down. */
  flipUpDown: turns.flipUpDown,
  /** Rows become columns. */
  transpose: turns.transpose,
  /** Quarter turns counter-clockwise: `tf.image.rot90`. */
  rot90: turns.rot90,
  /** Zoomed, turned and shifted in one go, about the center. Images of 8 bits are rounded. */
  affine,
  /** Contrast about each channel's mean, then brightness. */
  levels: tones.levels,
  /** `tf.image.adjust_gamma` */
  adjustGamma: tones.adjustGamma,
  /** `tf.image.adjust_saturation` */
  adjustSaturation: colors.adjustSaturation,
  /** `tf.image.adjust_hue` */
  adjustHue: colors.adjustHue,
  /** `tf.image.per_image_standardization` */
  perImageStandardization: tones.perImageStandardization,
  /** Normally distributed noise. */
  noise: tones.noise,
  /** Gaussian blur. */
  blur: tones.blur,
  /** A box of one level over the image. */
  erase: tones.erase,
  /** `tf.image.rgb_to_grayscale` */
  rgbToGrayscale: colors.rgbToGrayscale,
  /** `tf.image.grayscale_to_rgb` */
  grayscaleToRgb: colors.grayscaleToRgb,
  /** Other numbers for the same shares of white: `tf.image.convert_image_dtype` with `saturate=True`. */
  convertImageDtype: colors.convertImageDtype,
  /** `tf.cast(image, tf.float32)`: the same levels, which are rounded no more. */
  toFloats: colors.toFloats,
};

export type PlainTable = typeof plainOps;

/** An operation as data, every option filled in. */
export type PlainOp = {
  readonly [K in keyof PlainTable]: { readonly op: K } & OptionsOf<PlainTable[K]['options']>;
}[keyof PlainTable];

/** @throws {UsageError} names the operation and the option */
export function plainOp<K extends keyof PlainTable>(
  op: K,
  config: ConfigOf<PlainTable[K]['options']>,
): PlainOp {
  return { op, ...resolveOptions(plainOps[op].options, config, op) } as PlainOp;
}

/** One operation; never changes what it is given, which may be what it gives back. */
export function applyOp(image: Levels, op: PlainOp, memory: Memory): Levels {
  return (plainOps[op.op] as OpRow<Record<string, never>>).apply(image, op as never, memory);
}

/** Whether levels are numbers of any size behind it, and rounded no more. */
export function makesFloats(op: PlainOp): boolean {
  if (op.op === 'convertImageDtype') return op.dtype === 'float32';
  return op.op === 'toFloats' || op.op === 'perImageStandardization';
}
