import { flag, type Kind, oneOf, optional, required } from '../core/options.ts';
import { fillOption } from './crops.ts';
import type { Levels } from './levels.ts';
import type { Memory } from './memory.ts';
import { opRow, side, tooLarge } from './op-row.ts';
import { type ResizeTarget, resizeLevels } from './resize.ts';
import { interpolations } from './spans.ts';
import { cropped, padded } from './strided.ts';
import { turnedPart } from './warp.ts';

/** The part of an image that is to fill the result. */
export interface Part {
  /** By how many degrees the image is turned about its center before, counter-clockwise; what comes from outside is black. */
  readonly rotation: number;
  /** Shares of height and width; fractions of pixels are meant. */
  readonly top: number;
  readonly left: number;
  /** The share of both sides. */
  readonly size: number;
}

const partKind: Kind<Part> = {
  expected: '{ rotation, top, left, size }: degrees, and shares of the sides that stay within the image',
  check: (value) => {
    const { rotation, top, left, size } = (value ?? {}) as Partial<Part>;
    if (typeof rotation !== 'number' || !Number.isFinite(rotation)) return undefined;
    if (!(top! >= 0 && left! >= 0 && size! > 0 && Math.max(top!, left!) + size! <= 1 + 1e-9))
      return undefined;
    return { rotation, top: top!, left: left!, size: size! };
  },
};

export const resize = opRow({
  options: {
    /** Of the result, in pixels. */
    height: required(side),
    width: required(side),
    /** Default 'bilinear'. 'bilinear-tf1' is TensorFlow 1's, without half-pixel centers. */
    method: optional(oneOf(interpolations), 'bilinear'),
    /** A wider kernel where the image shrinks, so that no pixel is passed over. Default false, as in TensorFlow. */
    antialias: optional(flag, false),
    /**
     * 'stretch' ignores the aspect; 'pad' keeps it within the result, as `tf.image.resize_with_pad`; 'crop' keeps it and
     * fills the result with the image's middle, as Keras' `smart_resize`. Default 'stretch'.
     */
    fit: optional(oneOf(['stretch', 'pad', 'crop']), 'stretch'),
    /** A part of the image instead of the whole. */
    part: optional(partKind),
    ...fillOption,
  },
  conflict: ({ fit, part, ...target }) =>
    part && fit !== 'stretch' ? `a part is stretched, fit must not be '${fit}'` : tooLarge(target),
  apply: (image, { fit, part, fillValue, ...target }, memory) => {
    if (part) return resizedPart(image, part, target, memory);
    if (fit === 'crop') return resizedMiddle(image, target, memory);
    if (fit === 'pad') return resizedWithin(image, target, fillValue * image.white, memory);
    return resizeLevels(image, target, memory);
  },
});

/** The turned image, as much of it as the part needs, and the part within it. */
function resizedPart(image: Levels, part: Part, target: ResizeTarget, memory: Memory): Levels {
  const region = {
    left: part.left * image.width,
    top: part.top * image.height,
    width: part.size * image.width,
    height: part.size * image.height,
  };
  if (part.rotation === 0) return resizeLevels(image, target, memory, region);
  const left = Math.floor(region.left);
  const top = Math.floor(region.top);
  const whole = {
    left,
    top,
    width: Math.min(image.width, Math.ceil(region.left + region.width)) - left,
    height: Math.min(image.height, Math.ceil(region.top + region.height)) - top,
  };
  const turned = turnedPart(image, part.rotation, whole, memory);
  const within = { ...region, left: region.left - left, top: region.top - top };
  const result = resizeLevels(turned, target, memory, within);
  memory.free(turned.data);
  return result;
}

/** The largest middle of the result's aspect. */
function resizedMiddle(image: Levels, target: ResizeTarget, memory: Memory): Levels {
  const whole = (numerator: number, divisor: number): number =>
    Math.max(1, Math.trunc(Math.fround(Math.fround(numerator) / Math.fround(divisor))));
  const height = Math.min(image.height, whole(image.width * target.height, target.width));
  const width = Math.min(image.width, whole(image.height * target.width, target.height));
  const top = Math.trunc((image.height - height) / 2);
  const left = Math.trunc((image.width - width) / 2);
  return resizeLevels(cropped(image, { top, left, height, width }, memory), target, memory);
}

function resizedWithin(image: Levels, target: ResizeTarget, fill: number, memory: Memory): Levels {
  const ratio = Math.max(image.width / target.width, image.height / target.height);
  const [exactHeight, exactWidth] = [image.height / ratio, image.width / ratio];
  const height = Math.max(1, Math.floor(exactHeight));
  const width = Math.max(1, Math.floor(exactWidth));
  const top = Math.max(0, Math.floor((target.height - exactHeight) / 2));
  const left = Math.max(0, Math.floor((target.width - exactWidth) / 2));
  const within = resizeLevels(image, { ...target, height, width }, memory);
  return padded(within, { top, left, height: target.height, width: target.width }, fill, memory);
}
