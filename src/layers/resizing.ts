import { UsageError } from '../core/errors.ts';
import { type ConfigOf, count, finite, flag, oneOf, only, optional, required } from '../core/options.ts';
import type { Value } from '../graph/value.ts';
import { cast, clip, round } from '../ops/elementwise.ts';
import { pad, slice } from '../ops/shaping.ts';
import { knownSize, Layer, type LayerConfig } from './layer.ts';
import { float32Of } from './numbers.ts';
import { resizeImages, resizeMethods } from './resize.ts';
import { checkImages, dataFormat } from './window.ts';

type Size = readonly [height: number, width: number];

export const targetOptions = {
  /** Of the output, in pixels. */
  height: required(count),
  /** Of the output, in pixels. */
  width: required(count),
  ...dataFormat,
};

const resizingOptions = {
  ...targetOptions,
  /** Default 'bilinear'. */
  interpolation: optional(oneOf(resizeMethods), 'bilinear'),
  /** Leaves off the edges of what is too wide or too high, rather than distort. Default false. */
  cropToAspectRatio: optional(flag, false),
  /** Widens what is too narrow or too flat by `fillValue`, rather than distort. Default false. */
  padToAspectRatio: optional(flag, false),
  fillMode: optional(only('constant'), 'constant'),
  /** Default 0. */
  fillValue: optional(finite, 0),
  /** A wider kernel where images shrink, so that no pixel is passed over. Default false. */
  antialias: optional(flag, false),
};

export type ResizingConfig = ConfigOf<typeof resizingOptions> & LayerConfig;

/**
 * Images in another size, [batch, height, width, channels] → [batch, height', width', channels], of the same dtype; whole
 * numbers are rounded. https://keras.io/api/layers/preprocessing_layers/image_preprocessing/resizing/
 */
export class Resizing extends Layer<typeof resizingOptions> {
  static override readonly className: string = 'Resizing';
  static override readonly options = resizingOptions;

  /** @throws {UsageError} also for both of `cropToAspectRatio` and `padToAspectRatio` */
  constructor(config: ResizingConfig) {
    super(config);
    if (this.options.cropToAspectRatio && this.options.padToAspectRatio)
      throw new UsageError(`layer '${this.name}': one of cropToAspectRatio and padToAspectRatio can be true`);
  }

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    const { height, width, interpolation: method, antialias, fillValue, ...options } = this.options;
    const size = [height, width] as const;
    let images = float32Of(x);
    if (options.cropToAspectRatio) images = cropToRatio(images, size);
    if (options.padToAspectRatio) images = padToRatio(images, size, fillValue);
    const resized = resizeImages(images, size, { method, antialias });
    if (x.dtype === 'float32') return resized;
    return cast(x.dtype === 'uint8' ? clip(round(resized), { min: 0, max: 255 }) : resized, { to: x.dtype });
  }
}

export type CenterCropConfig = ConfigOf<typeof targetOptions> & LayerConfig;

/**
 * The middle of images, of `height` and `width`; images that are smaller than that are cropped to its proportions and
 * enlarged. float32. https://keras.io/api/layers/preprocessing_layers/image_preprocessing/center_crop/
 */
export class CenterCrop extends Layer<typeof targetOptions> {
  static override readonly className: string = 'CenterCrop';
  static override readonly options = targetOptions;

  call([x]: readonly [Value]): Value {
    const { height, width } = this.options;
    const size = [height, width] as const;
    const [top, left] = sizeOfImages(x).map((from, i) => Math.floor((from - size[i]!) / 2)) as [
      number,
      number,
    ];
    const images = float32Of(x);
    return top >= 0 && left >= 0 ? crop(images, [top, left], size) : cropAndResize(images, size);
  }
}

/** @throws {ShapeError} for what is no batch of images of known size */
export function sizeOfImages(x: Value): Size {
  checkImages(x.shape);
  const [height, width] = [1, 2].map((axis) => knownSize(x.shape, axis, 'height and width'));
  return [height!, width!];
}

/** A part of images, less where it reaches beyond them. */
export function crop(x: Value, start: Size, [height, width]: Size): Value {
  return slice(x, { starts: start, ends: [start[0] + height, start[1] + width], axes: [1, 2] });
}

interface Box {
  readonly start: Size;
  readonly size: Size;
}

/** The largest part with the proportions of `wanted`, in the middle. */
export function boxOfRatio([height, width]: Size, wanted: Size): Box {
  const least = (size: number, other: number) => Math.max(Math.min(size, other), 1);
  const size = [
    least(height, Math.trunc((width * wanted[0]) / wanted[1])),
    least(width, Math.trunc((height * wanted[1]) / wanted[0])),
  ] as const;
  return { start: [Math.trunc((height - size[0]) / 2), Math.trunc((width - size[1]) / 2)], size };
}

function cropToRatio(x: Value, wanted: Size): Value {
  const { start, size } = boxOfRatio(sizeOfImages(x), wanted);
  return crop(x, start, size);
}

function padToRatio(x: Value, wanted: Size, value: number): Value {
  const [height, width] = sizeOfImages(x);
  // As much on both sides, so that an odd pixel is left out.
  const margin = (size: number, other: number) => Math.trunc((Math.max(size, Math.trunc(other)) - size) / 2);
  const around = [
    0,
    margin(height, (width * wanted[0]) / wanted[1]),
    margin(width, (height * wanted[1]) / wanted[0]),
    0,
  ];
  return pad(x, { before: around, after: around, value });
}

/** Without distortion, as Keras' `smart_resize`. */
function cropAndResize(x: Value, size: Size): Value {
  return resizeImages(cropToRatio(x, size), size, { method: 'bilinear' });
}
