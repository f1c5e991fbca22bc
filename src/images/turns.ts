import { integer, optional } from '../core/options.ts';
import { opRow } from './op-row.ts';
import { type Walk, walked } from './strided.ts';

/** Each counter-clockwise turn by a quarter, as a walk over an image of these sides. */
const quarters: readonly ((height: number, width: number) => Walk)[] = [
  (h, w) => ({ height: h, width: w, start: 0, down: w, right: 1 }),
  (h, w) => ({ height: w, width: h, start: w - 1, down: -1, right: w }),
  (h, w) => ({ height: h, width: w, start: h * w - 1, down: -w, right: -1 }),
  (h, w) => ({ height: w, width: h, start: (h - 1) * w, down: 1, right: -w }),
];

export const flipLeftRight = opRow({
  options: {},
  apply: (image, _, memory) => {
    const { height, width } = image;
    return walked(image, { height, width, start: width - 1, down: width, right: -1 }, memory);
  },
});

export const flipUpDown = opRow({
  options: {},
  apply: (image, _, memory) => {
    const { height, width } = image;
    return walked(image, { height, width, start: (height - 1) * width, down: -width, right: 1 }, memory);
  },
});

export const transpose = opRow({
  options: {},
  apply: (image, _, memory) => {
    const { height, width } = image;
    return walked(image, { height: width, width: height, start: 0, down: 1, right: width }, memory);
  },
});

export const rot90 = opRow({
  options: {
    /** How many quarter turns, counter-clockwise. Default 1. */
    k: optional(integer, 1),
  },
  apply: (image, { k }, memory) =>
    walked(image, quarters[((k % 4) + 4) % 4]!(image.height, image.width), memory),
});
