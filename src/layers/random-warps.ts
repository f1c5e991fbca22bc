import { type ConfigOf, finite, type OptionTable, oneOf, optional, real, required } from '../core/options.ts';
import { floats } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, cos, mul, sin, sub } from '../ops/elementwise.ts';
import { Augmentation, augmentationOptions, drawn, factorKind, rangeKind, rangeOf } from './augmentation.ts';
import type { LayerConfig } from './layer.ts';
import { sizeOfImages } from './resizing.ts';
import { fillModes, interpolations, type Places, type WarpOptions, warp } from './warp.ts';

const warpOptions = {
  ...augmentationOptions,
  /**
   * What comes in from beyond an image a b c d: 'reflect' d c b a, 'wrap' a b c d again, 'nearest' d d d d, 'constant' the
   * `fillValue`. Default 'reflect'.
   */
  fillMode: optional(oneOf(fillModes), 'reflect'),
  /** Default 'bilinear'. */
  interpolation: optional(oneOf(interpolations), 'bilinear'),
  /** For the mode 'constant'. Default 0. */
  fillValue: optional(finite, 0),
};

abstract class RandomWarp<T extends OptionTable> extends Augmentation<T> {
  protected abstract places(images: Value, key: Value): Places;

  protected augmented(images: Value, key: Value): Value {
    return warp(images, this.places(images, key), this.options as unknown as WarpOptions);
  }
}

/** Row and column of each pixel, and the middle between the first and the last of them. */
function grid(images: Value) {
  const [height, width] = sizeOfImages(images);
  const numbers = (length: number) => Array.from({ length }, (_, i) => i);
  return {
    height,
    width,
    row: constant(floats(numbers(height), [1, height, 1, 1])),
    column: constant(floats(numbers(width), [1, 1, width, 1])),
    middleRow: constant((height - 1) / 2),
    middleColumn: constant((width - 1) / 2),
  };
}

const rotationOptions = {
  /** In full turns, counterclockwise: 0.1 for −36° to 36°, or the ends of a range. */
  factor: required(rangeKind(-1, 1)),
  ...warpOptions,
};

export type RandomRotationConfig = ConfigOf<typeof rotationOptions> & LayerConfig;

/**
 * While training, each image turned about its middle by an angle of its own. float32.
 * https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_rotation/
 */
export class RandomRotation extends RandomWarp<typeof rotationOptions> {
  static override readonly className: string = 'RandomRotation';
  static override readonly options = rotationOptions;

  protected places(images: Value, key: Value): Places {
    const { row, column, middleRow, middleColumn } = grid(images);
    const [from, to] = this.options.factor;
    const [angle] = drawn(key, images, [2 * Math.PI * from, 2 * Math.PI * to]) as [Value];
    const [cosine, sine] = [cos(angle), sin(angle)];
    const [across, down] = [sub(column, middleColumn), sub(row, middleRow)];
    return {
      x: add(middleColumn, sub(mul(cosine, across), mul(sine, down))),
      y: add(middleRow, add(mul(sine, across), mul(cosine, down))),
    };
  }
}

const shiftKind = factorKind(real({ from: -1, to: 1 }));

const translationOptions = {
  /** In heights, downwards: 0.1 for a tenth up to a tenth down, or the ends of a range. */
  heightFactor: required(shiftKind),
  /** In widths, to the right. */
  widthFactor: required(shiftKind),
  ...warpOptions,
};

export type RandomTranslationConfig = ConfigOf<typeof translationOptions> & LayerConfig;

/**
 * While training, each image shifted by a distance of its own. float32.
 * https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_translation/
 */
export class RandomTranslation extends RandomWarp<typeof translationOptions> {
  static override readonly className: string = 'RandomTranslation';
  static override readonly options = translationOptions;

  protected places(images: Value, key: Value): Places {
    const { height, width, row, column } = grid(images);
    const { heightFactor, widthFactor } = this.options;
    const [down, right] = drawn(key, images, rangeOf(heightFactor), rangeOf(widthFactor)) as [Value, Value];
    return {
      x: sub(column, mul(right, constant(width))),
      y: sub(row, mul(down, constant(height))),
    };
  }
}

const zoomKind = factorKind(real({ above: -1, to: 1 }));

const zoomOptions = {
  /** How much more is seen: 0.2 for a fifth less to a fifth more, or the ends of a range. Below 0 things grow. */
  heightFactor: required(zoomKind),
  /** Default: each image's zoom of the height, so that it keeps its proportions. */
  widthFactor: optional(zoomKind),
  ...warpOptions,
};

export type RandomZoomConfig = ConfigOf<typeof zoomOptions> & LayerConfig;

/**
 * While training, each image enlarged or reduced about its middle by a factor of its own. float32.
 * https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_zoom/
 */
export class RandomZoom extends RandomWarp<typeof zoomOptions> {
  static override readonly className: string = 'RandomZoom';
  static override readonly options = zoomOptions;

  protected places(images: Value, key: Value): Places {
    const { row, column, middleRow, middleColumn } = grid(images);
    const { heightFactor, widthFactor } = this.options;
    const factors = widthFactor === undefined ? [heightFactor] : [heightFactor, widthFactor];
    const [tall, wide = tall] = drawn(key, images, ...factors.map((factor) => rangeOf(factor))) as [
      Value,
      Value?,
    ];
    const about = (place: Value, middle: Value, more: Value) =>
      add(middle, mul(add(constant(1), more), sub(place, middle)));
    return { x: about(column, middleColumn, wide), y: about(row, middleRow, tall) };
  }
}
