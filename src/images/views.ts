import { deriveKey, RandomStream } from '../core/random.ts';

/**
 * One way to look at an image in training. The image is turned about its center, cropped, resized, mirrored, and then
 * its grey levels are changed. It is never put upside down.
 */
export interface View {
  /** Mirrored left to right. */
  readonly flip: boolean;
  /** Degrees counter-clockwise; what comes from outside the image is black. */
  readonly rotation: number;
  /** The part that is kept: `size` as a share of both sides, `top` and `left` as shares of height and width. */
  readonly crop: { readonly top: number; readonly left: number; readonly size: number };
  /** Factor of the distance from each channel's mean, as in `tf.image.adjust_contrast`. */
  readonly contrast: number;
  /** Grey levels (of 255) that are added. */
  readonly brightness: number;
}

export type Range = readonly [low: number, high: number];

/** What random views are drawn from; each number uniformly from its range. */
export interface ViewRanges {
  /** The probability of a mirrored view. At 0 there is none at all. */
  readonly flip: number;
  readonly rotation: Range;
  /** Share of the side that is kept, within (0, 1]. */
  readonly crop: Range;
  readonly contrast: Range;
  readonly brightness: Range;
}

/** Rotation ±10°, a crop of 0.8 to 1 of the side, contrast 0.8 to 1.2, brightness ±15, mirrored every other time. */
export const defaultViewRanges: ViewRanges = {
  flip: 0.5,
  rotation: [-10, 10],
  crop: [0.8, 1],
  contrast: [0.8, 1.2],
  brightness: [-15, 15],
};

/** The image as it is. */
export const plainView: View = {
  flip: false,
  rotation: 0,
  crop: { top: 0, left: 0, size: 1 },
  contrast: 1,
  brightness: 0,
};

/** Draws a view; always takes the same count of numbers from the stream. */
export function drawView(stream: RandomStream, ranges: ViewRanges = defaultViewRanges): View {
  const flip = stream.uniform() < ranges.flip;
  const rotation = stream.uniform(...ranges.rotation);
  const size = stream.uniform(...ranges.crop);
  const top = stream.uniform(0, 1 - size);
  const left = stream.uniform(0, 1 - size);
  const contrast = stream.uniform(...ranges.contrast);
  const brightness = stream.uniform(...ranges.brightness);
  return { flip, rotation, crop: { top, left, size }, contrast, brightness };
}

/**
 * The views of one image: number 0 is plain, number 1 is mirrored (where `ranges` allow that), and the others are drawn
 * from the image's own random numbers, so neither the order of images nor that of threads changes them.
 *
 * @param name of the image's file
 * @param index which view, from 0
 * @example viewOf(7, 'CNV/CNV-1016042-1.jpeg', 2)
 */
export function viewOf(
  seed: number,
  name: string,
  index: number,
  ranges: ViewRanges = defaultViewRanges,
): View {
  if (index === 0) return plainView;
  if (index === 1 && ranges.flip > 0) return { ...plainView, flip: true };
  return drawView(new RandomStream(deriveKey(seed, 'view', name, index)), ranges);
}
