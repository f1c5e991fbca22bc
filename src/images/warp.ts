import { finite, oneOf, optional, pairOf, real } from '../core/options.ts';
import { fillOption } from './crops.ts';
import { arrayLike, type Levels } from './levels.ts';
import type { Memory } from './memory.ts';
import { opRow } from './op-row.ts';
import type { Region } from './resize.ts';

export const fillModes = ['constant', 'nearest', 'reflect', 'wrap'] as const;
export type FillMode = (typeof fillModes)[number];

/** Where an output pixel is read: source − center = (a b; c d) · (output − center − shift). */
interface Affine {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly shiftRight: number;
  readonly shiftDown: number;
}

interface Outside {
  readonly interpolation: 'bilinear' | 'nearest';
  readonly fillMode: FillMode;
  /** The level that 'constant' fills with. */
  readonly fill: number;
}

function rotation(degrees: number): Affine {
  const cos = Math.cos((degrees * Math.PI) / 180);
  const sin = Math.sin((degrees * Math.PI) / 180);
  return { a: cos, b: -sin, c: sin, d: cos, shiftRight: 0, shiftDown: 0 };
}

/**
 * Turns an image about its center, by bilinear interpolation; what comes from outside is black.
 *
 * @param degrees counter-clockwise
 * @param region the whole pixels of the turned image that are wanted
 */
export function turnedPart(image: Levels, degrees: number, region: Region, memory: Memory): Levels {
  const outside = { interpolation: 'bilinear', fillMode: 'constant', fill: 0 } as const;
  return warped(image, rotation(degrees), region, outside, memory);
}

/**
 * A place on an axis of `size` pixels, moved into the image. Beyond an image a b c d lie, by mode: `nearest` d d d d,
 * `reflect` d c b a, `wrap` a b c d, where TensorFlow steps by `size` as often as `size − 1` fits in.
 */
function within(place: number, size: number, mode: FillMode): number {
  if (place >= 0 && place <= size - 1) return place;
  let moved = place;
  if (mode === 'reflect') {
    const inFirst = place - 2 * size * Math.floor(place / (2 * size));
    moved = Math.min(inFirst, 2 * size - 1 - inFirst);
  } else if (mode === 'wrap' && size > 1) {
    const times = place < 0 ? Math.trunc(-place / (size - 1)) + 1 : -Math.trunc(place / (size - 1));
    moved = place + size * times;
  }
  return Math.max(0, Math.min(size - 1, moved));
}

function warped(image: Levels, affine: Affine, region: Region, outside: Outside, memory: Memory): Levels {
  const { data, width, height, channels } = image;
  const { a, b, c, d, shiftRight, shiftDown } = affine;
  const { interpolation, fillMode, fill } = outside;
  const result = arrayLike(image, region.width * region.height * channels, memory);
  // Bytes are rounded to the nearest level.
  const half = data instanceof Uint8Array && interpolation === 'bilinear' ? 0.5 : 0;
  const centerX = (width - 1) / 2;
  const centerY = (height - 1) / 2;
  const stride = width * channels;

  /** The level of one channel of one pixel, which may lie outside. */
  const at = (x: number, y: number, channel: number): number =>
    x >= 0 && y >= 0 && x < width && y < height ? data[y * stride + x * channels + channel]! : fill;

  let to = 0;
  for (let y = 0; y < region.height; y++) {
    // Where the first pixel of this row came from; each further one came from (a, c) beyond.
    const dx = region.left - centerX - shiftRight;
    const dy = region.top + y - centerY - shiftDown;
    const rowX = centerX + a * dx + b * dy;
    const rowY = centerY + c * dx + d * dy;
    for (let x = 0; x < region.width; x++) {
      let sourceX = rowX + a * x;
      let sourceY = rowY + c * x;
      if (fillMode !== 'constant') {
        sourceX = within(sourceX, width, fillMode);
        sourceY = within(sourceY, height, fillMode);
      }
      if (interpolation === 'nearest') {
        // Halves away from zero, as C rounds.
        const nearX = Math.sign(sourceX) * Math.floor(Math.abs(sourceX) + 0.5);
        const nearY = Math.sign(sourceY) * Math.floor(Math.abs(sourceY) + 0.5);
        for (let channel = 0; channel < channels; channel++) result[to++] = at(nearX, nearY, channel);
        continue;
      }
      const x0 = Math.floor(sourceX);
      const y0 = Math.floor(sourceY);
      const right = sourceX - x0;
      const below = sourceY - y0;
      const inside = x0 >= 0 && y0 >= 0 && x0 < width - 1 && y0 < height - 1;
      for (let channel = 0; channel < channels; channel++) {
        let upperLeft: number;
        let upperRight: number;
        let lowerLeft: number;
        let lowerRight: number;
        if (inside) {
          const from = y0 * stride + x0 * channels + channel;
          upperLeft = data[from]!;
          upperRight = data[from + channels]!;
          lowerLeft = data[from + stride]!;
          lowerRight = data[from + stride + channels]!;
        } else {
          upperLeft = at(x0, y0, channel);
          upperRight = at(x0 + 1, y0, channel);
          lowerLeft = at(x0, y0 + 1, channel);
          lowerRight = at(x0 + 1, y0 + 1, channel);
        }
        const upper = upperLeft + (upperRight - upperLeft) * right;
        const lower = lowerLeft + (lowerRight - lowerLeft) * right;
        result[to++] = upper + (lower - upper) * below + half;
      }
    }
  }
  return { ...image, data: result, width: region.width, height: region.height };
}

export const outsideOptions = {
  /** Default 'bilinear'. */
  interpolation: optional(oneOf(['bilinear', 'nearest']), 'bilinear'),
  /** What lies beyond an image a b c d: 'constant' `fillValue`, 'nearest' d d d d, 'reflect' d c b a, 'wrap' a b c d. Default 'constant'. */
  fillMode: optional(oneOf(fillModes), 'constant'),
  ...fillOption,
};

/** Zoomed, turned and shifted, about the center. */
export const affine = opRow({
  options: {
    /** Counter-clockwise. Default 0. */
    degrees: optional(finite, 0),
    /** How far it is moved down and to the right, in shares of height and width. Default 0. */
    shift: optional(pairOf(finite), 0),
    /** How many times as high and as wide it becomes, in the frame that it had. Default 1. */
    zoom: optional(pairOf(real({ above: 0 })), 1),
    ...outsideOptions,
  },
  apply: (image, { degrees, shift, zoom, interpolation, fillMode, fillValue }, memory) => {
    const { height, width, white } = image;
    const { a, b, c, d } = rotation(degrees);
    const [down, across] = zoom;
    const matrix = {
      a: a / across,
      b: b / across,
      c: c / down,
      d: d / down,
      shiftRight: shift[1] * width,
      shiftDown: shift[0] * height,
    };
    const whole = { left: 0, top: 0, width, height };
    const fill = fillMode === 'constant' ? fillValue * white : 0;
    return warped(image, matrix, whole, { interpolation, fillMode, fill }, memory);
  },
});
