import { type ConfigOf, oneOf, optional, required } from '../core/options.ts';
import { floats, tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, cast, clip, floor, less, mul, sub, where } from '../ops/elementwise.ts';
import { flip } from '../ops/rearranging.ts';
import { reduceMean } from '../ops/reduce.ts';
import { gather, slice } from '../ops/shaping.ts';
import { randomUniform } from '../ops/threefry.ts';
import { Augmentation, augmentationOptions, drawn, rangeKind, valueRangeKind } from './augmentation.ts';
import type { CallContext, LayerConfig } from './layer.ts';
import { float32Of } from './numbers.ts';
import { resizeImages } from './resize.ts';
import { boxOfRatio, crop, sizeOfImages, targetOptions } from './resizing.ts';

const flipOptions = {
  /** 'horizontal' exchanges left and right. Default both at once, which turns an image upside down. */
  mode: optional(oneOf(['horizontal', 'vertical', 'horizontalAndVertical']), 'horizontalAndVertical'),
  ...augmentationOptions,
};

export type RandomFlipConfig = ConfigOf<typeof flipOptions> & LayerConfig;

/**
 * While training, every other image by chance flipped. float32.
 * https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_flip/
 */
export class RandomFlip extends Augmentation<typeof flipOptions> {
  static override readonly className: string = 'RandomFlip';
  static override readonly options = flipOptions;

  protected augmented(images: Value, key: Value): Value {
    const axes = { horizontal: [2], vertical: [1], horizontalAndVertical: [1, 2] }[this.options.mode];
    const [chance] = drawn(key, images, [0, 1]) as [Value];
    return where(less(chance, constant(0.5)), flip(images, { axes }), images);
  }
}

const cropOptions = { ...targetOptions, ...augmentationOptions };

export type RandomCropConfig = ConfigOf<typeof cropOptions> & LayerConfig;

/**
 * While training, a part of `height` and `width` at a place of its own for each batch; from images that are not larger than
 * that both ways, the middle, resized. In inference the largest part in the middle that has the proportions of `height` and
 * `width`, resized to them: what Keras documents, where its code leaves images in their size. float32.
 * https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_crop/
 */
export class RandomCrop extends Augmentation<typeof cropOptions> {
  static override readonly className: string = 'RandomCrop';
  static override readonly options = cropOptions;

  override call(inputs: readonly [Value], context: CallContext): Value {
    return context.training ? super.call(inputs, context) : this.#window(inputs[0]);
  }

  /** The largest part with the proportions of the target, in the middle. */
  #window(x: Value): Value {
    const size = this.#size;
    const window = boxOfRatio(sizeOfImages(x), size);
    return resizeImages(crop(float32Of(x), window.start, window.size), size, { method: 'bilinear' });
  }

  get #size() {
    return [this.options.height, this.options.width] as const;
  }

  protected augmented(images: Value, key: Value): Value {
    const size = this.#size;
    const from = sizeOfImages(images);
    const room = from.map((pixels, i) => pixels - size[i]!);
    // As Keras: it begins where the largest part of these proportions does, but is of the target's size.
    if (room.some((pixels) => pixels <= 0))
      return resizeImages(crop(images, boxOfRatio(from, size).start, size), size, { method: 'bilinear' });
    const places = room.map((pixels) => pixels + 1);
    const starts = floor(mul(randomUniform(key, images, { shape: [2] }), constant(floats(places))));
    return size.reduce<Value>((part, length, i) => {
      const start = slice(cast(starts, { to: 'int64' }), { starts: [i], ends: [i + 1] });
      const steps = BigInt64Array.from({ length }, (_, step) => BigInt(step));
      return gather(part, add(start, constant(tensor('int64', [length], steps))), { axis: i + 1 });
    }, images);
  }
}

const contrastOptions = {
  /** 0.2 for a contrast of 1 to 1.2 times what it was; [a, b] for 1 − a to 1 + b times. */
  factor: required(rangeKind(0, 1)),
  /** What pixels are clipped to. Default [0, 255]. */
  valueRange: optional(valueRangeKind, [0, 255]),
  ...augmentationOptions,
};

export type RandomContrastConfig = ConfigOf<typeof contrastOptions> & LayerConfig;

/**
 * While training, (x − mean) · factor + mean, the mean of each channel of an image, and a factor of its own for each image.
 * float32. https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_contrast/
 */
export class RandomContrast extends Augmentation<typeof contrastOptions> {
  static override readonly className: string = 'RandomContrast';
  static override readonly options = contrastOptions;

  protected augmented(images: Value, key: Value): Value {
    const { factor, valueRange } = this.options;
    const [contrast] = drawn(key, images, [1 - factor[0], 1 + factor[1]]) as [Value];
    const mean = reduceMean(images, { axes: [1, 2], keepDims: true });
    const changed = add(mul(sub(images, mean), contrast), mean);
    return clip(changed, { min: valueRange[0], max: valueRange[1] });
  }
}

const brightnessOptions = {
  /** In spans of `valueRange`: 0.2 for a fifth darker to a fifth brighter, or the ends of a range. */
  factor: required(rangeKind(-1, 1)),
  /** What black and white are; pixels are clipped to it. Default [0, 255]. */
  valueRange: optional(valueRangeKind, [0, 255]),
  ...augmentationOptions,
};

export type RandomBrightnessConfig = ConfigOf<typeof brightnessOptions> & LayerConfig;

/**
 * While training, a number added to all pixels, one for each image. float32.
 * https://keras.io/api/layers/preprocessing_layers/image_augmentation/random_brightness/
 */
export class RandomBrightness extends Augmentation<typeof brightnessOptions> {
  static override readonly className: string = 'RandomBrightness';
  static override readonly options = brightnessOptions;

  protected augmented(images: Value, key: Value): Value {
    const { factor, valueRange } = this.options;
    const [black, white] = valueRange;
    const [more] = drawn(key, images, factor.map((share) => share * (white - black)) as [number, number]) as [
      Value,
    ];
    return clip(add(images, more), { min: black, max: white });
  }
}
