import { DataError } from '../core/errors.ts';
import { optional, real, required, wholeNumber } from '../core/options.ts';
import { opRow, share, side, sizeOf, tooLarge } from './op-row.ts';
import { cropped, padded } from './strided.ts';

const sizeOptions = {
  /** Of the result, in pixels. */
  height: required(side),
  width: required(side),
};
const boxOptions = {
  /** Pixels above. */
  top: required(wholeNumber),
  /** Pixels to the left. */
  left: required(wholeNumber),
  ...sizeOptions,
};
export const fillOption = {
  /** What lies outside the image, as a share of white. Default 0, black. */
  fillValue: optional(share, 0),
};

export const centralCrop = opRow({
  options: {
    /** The share of both sides that is kept. */
    fraction: required(real({ above: 0, to: 1 })),
  },
  apply: (image, { fraction }, memory) => {
    const margin = (length: number): number => Math.trunc((length - length * fraction) / 2);
    const [top, left] = [margin(image.height), margin(image.width)];
    const [height, width] = [image.height - 2 * top, image.width - 2 * left];
    return cropped(image, { top, left, height, width }, memory);
  },
});

export const cropToBoundingBox = opRow({
  options: boxOptions,
  apply: (image, box, memory) => {
    const { top, left, height, width } = box;
    if (top + height > image.height || left + width > image.width) {
      throw new DataError(
        `a box of ${sizeOf(box)} pixels at (${top}, ${left}) does not fit into the image of ${sizeOf(image)}`,
      );
    }
    return cropped(image, box, memory);
  },
});

export const padToBoundingBox = opRow({
  options: { ...boxOptions, ...fillOption },
  conflict: tooLarge,
  apply: (image, box, memory) => {
    const { top, left, height, width, fillValue } = box;
    if (top + image.height > height || left + image.width > width) {
      throw new DataError(
        `the image of ${sizeOf(image)} pixels does not fit into a box of ${sizeOf(box)} at (${top}, ${left})`,
      );
    }
    return padded(image, box, fillValue * image.white, memory);
  },
});

/** A crop of some size, where `top` and `left` say how much of what is left over lies above and to the left. */
export const cropAt = opRow({
  options: {
    ...sizeOptions,
    /** From 0, at the upper edge, to 1, at the lower. Default 0.5. */
    top: optional(share, 0.5),
    /** From 0, at the left edge, to 1, at the right. Default 0.5. */
    left: optional(share, 0.5),
  },
  apply: (image, { height, width, top, left }, memory) => {
    if (height > image.height || width > image.width) {
      throw new DataError(
        `a crop of ${sizeOf({ height, width })} pixels does not fit into the image of ${sizeOf(image)}`,
      );
    }
    // Each place is as likely as the others where the share is uniform.
    const place = (rest: number, at: number): number => Math.min(rest, Math.floor(at * (rest + 1)));
    const box = { top: place(image.height - height, top), left: place(image.width - width, left) };
    return cropped(image, { ...box, height, width }, memory);
  },
});

/** Crops or pads each side about the middle. */
export const cropOrPad = opRow({
  options: { ...sizeOptions, ...fillOption },
  conflict: tooLarge,
  apply: (image, { height, width, fillValue }, memory) => {
    const half = (rest: number): number => Math.max(0, Math.floor(rest / 2));
    const middle = cropped(
      image,
      {
        top: half(image.height - height),
        left: half(image.width - width),
        height: Math.min(height, image.height),
        width: Math.min(width, image.width),
      },
      memory,
    );
    const box = { top: half(height - middle.height), left: half(width - middle.width), height, width };
    return padded(middle, box, fillValue * image.white, memory);
  },
});

/** Rows and columns of one side are white margin as long as nearly all of their pixels are nearly white. */
export const trimMargins = opRow({
  options: {
    /** The share of white from which a level counts as white. Default 0.98. */
    white: optional(share, 0.98),
    /** The share of a row or column that must be white. Default 0.99. */
    share: optional(real({ above: 0, to: 1 }), 0.99),
  },
  apply: (image, options, memory) => {
    const { data, height, width, channels } = image;
    const least = options.white * image.white;
    const colours = Math.min(channels, 3);
    const isWhite = (y: number, x: number): boolean => {
      const at = (y * width + x) * channels;
      for (let c = 0; c < colours; c++) if (data[at + c]! < least) return false;
      return true;
    };
    const margin = (count: number, length: number, pixel: (i: number, along: number) => boolean): number => {
      for (let i = 0; i < count; i++) {
        let found = 0;
        for (let along = 0; along < length; along++) if (pixel(i, along)) found++;
        if (found < options.share * length) return i;
      }
      return count;
    };
    const top = margin(height, width, isWhite);
    if (top === height) return image; // white all over: no margin is more of one than the rest
    const bottom = margin(height, width, (y, x) => isWhite(height - 1 - y, x));
    const rows = height - top - bottom;
    const left = margin(width, rows, (x, y) => isWhite(top + y, x));
    const right = margin(width, rows, (x, y) => isWhite(top + y, width - 1 - x));
    return cropped(image, { top, left, height: rows, width: width - left - right }, memory);
  },
});
