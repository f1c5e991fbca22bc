import { ShapeError } from '../core/errors.ts';
import { type ConfigOf, optional, required } from '../core/options.ts';
import { broadcastShapes, type Shape, sameShape } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, mul } from '../ops/elementwise.ts';
import { Layer, type LayerConfig } from './layer.ts';
import { float32Of, numbersKind, shapeOfNumbers, tensorOfNumbers } from './numbers.ts';

const rescalingOptions = {
  /** The factor: a number, or one a channel. */
  scale: required(numbersKind),
  /** Added after that: a number, or one a channel. Default 0. */
  offset: optional(numbersKind, 0),
};

export type RescalingConfig = ConfigOf<typeof rescalingOptions> & LayerConfig;

/**
 * x · scale + offset, float32 of any dtype: pixels to 0–1 by `{ scale: 1 / 255 }`, to −1–1 by
 * `{ scale: 1 / 127.5, offset: -1 }`. https://keras.io/api/layers/preprocessing_layers/image_preprocessing/rescaling/
 */
export class Rescaling extends Layer<typeof rescalingOptions> {
  static override readonly className: string = 'Rescaling';
  static override readonly options = rescalingOptions;

  override build([shape]: readonly Shape[]): void {
    for (const name of ['scale', 'offset'] as const) {
      const sizes = shapeOfNumbers(this.options[name])!;
      const broadcast = broadcastShapes(shape!, sizes);
      if (!broadcast || !sameShape(broadcast, shape!))
        throw new ShapeError(`${name} has the shape [${sizes}], which does not fit`);
    }
  }

  call([x]: readonly [Value]): Value {
    const [scale, offset] = [this.options.scale, this.options.offset].map((numbers) =>
      constant(tensorOfNumbers(numbers)),
    ) as [Value, Value];
    return add(mul(float32Of(x), scale), offset);
  }
}
