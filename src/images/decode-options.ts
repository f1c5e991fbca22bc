import {
  type ConfigOf,
  count,
  type Kind,
  type OptionsOf,
  oneOf,
  optional,
  resolveOptions,
} from '../core/options.ts';
import type { DecodeScale } from './jpeg.ts';
import type { Channels } from './pixels.ts';

/** One of some numbers. */
export function among<const N extends number>(numbers: readonly N[]): Kind<N> {
  return {
    expected: `one of ${numbers.join(', ')}`,
    check: (value) => (numbers.includes(value as N) ? (value as N) : undefined),
  };
}

export const maxPixels = 100_000_000;

export const decodeOptions = {
  /** 1 grey (luma), 3 RGB, 4 RGB and opacity. Default: what the file holds, without opacity. */
  channels: optional(among<Channels>([1, 3, 4])),
  /** Levels of 8 bits, or of 16, which PNG and TIFF may have. Default 8: of 16 bits the upper ones. */
  dtype: optional(oneOf(['uint8', 'uint16']), 'uint8'),
  /** A JPEG's inverse transform. Default 'integerFast', as TensorFlow has it. */
  dctMethod: optional(oneOf(['integerFast', 'integerAccurate']), 'integerFast'),
  /**
   * JPEGs are decoded at this fraction of their sides, 1/1 to 1/8, which saves time on large photographs and loses
   * detail; a remainder is cut off. Always with the accurate transform. Other formats have no such thing and come whole.
   * Default 1.
   */
  decodeScale: optional(among<DecodeScale>([1, 2, 4, 8]), 1),
  /** 'upright' turns the pixels as a camera's EXIF entry says; 'asStored' does not, like TensorFlow. */
  orientation: optional(oneOf(['upright', 'asStored']), 'upright'),
  /** A file that declares more pixels is refused before it is decoded. Default 100 million. */
  maxPixels: optional(count, maxPixels),
};

export type DecodeConfig = ConfigOf<typeof decodeOptions>;
export type DecodeOptions = OptionsOf<typeof decodeOptions>;

/** @throws {UsageError} names the option */
export function checkDecodeOptions(config: DecodeConfig, where: string): DecodeOptions {
  return resolveOptions(decodeOptions, config, where);
}
