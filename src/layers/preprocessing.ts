import { type ConfigOf, oneOf, required } from '../core/options.ts';
import { floats, tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { cast, mul, sub } from '../ops/elementwise.ts';
import { gather, repeatLastAxis } from '../ops/shaping.ts';
import { Layer, type LayerConfig } from './layer.ts';

interface PixelScale {
  /** Blue, green, red instead of red, green, blue. */
  readonly reversed?: boolean;
  /** Subtracted from 0–255, a number a channel (in the order after reversing). */
  readonly mean: readonly [number, number, number];
  /** Factor after that. */
  readonly scale: readonly [number, number, number];
}

const all = (value: number) => [value, value, value] as const;
const torchDeviation = [0.229, 0.224, 0.225] as const;

/** What published weights expect of pixels, by Keras' names (keras.applications.imagenet_utils), and 0–1. */
export const pixelScales = {
  caffe: { reversed: true, mean: [103.939, 116.779, 123.68], scale: all(1) },
  tf: { mean: all(127.5), scale: all(1 / 127.5) },
  torch: {
    mean: [0.485 * 255, 0.456 * 255, 0.406 * 255],
    scale: torchDeviation.map((deviation) => 1 / (255 * deviation)) as [number, number, number],
  },
  unit: { mean: all(0), scale: all(1 / 255) },
} satisfies Record<string, PixelScale>;

export type PixelScaleName = keyof typeof pixelScales;

const preprocessingOptions = {
  /** By the family of published weights; 'unit' for 0–1. */
  mode: required(oneOf(Object.keys(pixelScales) as PixelScaleName[])),
};

export type PreprocessingConfig = ConfigOf<typeof preprocessingOptions> & LayerConfig;

/**
 * Pixels as a network expects them: uint8 or float [batch, height, width, 1 or 3], 0–255, red first → float32
 * [batch, height, width, 3]. Grey becomes three equal channels here, inside the graph.
 */
export class Preprocessing extends Layer<typeof preprocessingOptions> {
  static override readonly className: string = 'Preprocessing';
  static override readonly options = preprocessingOptions;

  call([pixels]: readonly [Value]): Value {
    const { reversed = false, mean, scale }: PixelScale = pixelScales[this.options.mode];
    let x = pixels.shape[3] === 3 ? pixels : repeatLastAxis(pixels, 3);
    if (reversed) x = gather(x, constant(tensor('int32', [3], Int32Array.of(2, 1, 0))), { axis: 3 });
    const centered = sub(cast(x, { to: 'float32' }), constant(floats(mean)));
    return scale.every((factor) => factor === 1) ? centered : mul(centered, constant(floats(scale)));
  }
}
