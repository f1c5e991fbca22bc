import {
  finite,
  type Kind,
  type OptionsOf,
  type OptionTable,
  optional,
  real,
  required,
} from '../core/options.ts';
import type { RandomStream } from '../core/random.ts';
import { side } from './op-row.ts';
import { type PlainOp, plainOp } from './plain-ops.ts';
import { outsideOptions } from './warp.ts';

/** A random operation: what it draws are plain operations. */
export interface RandomRow<T extends OptionTable> {
  readonly options: T;
  draw(stream: RandomStream, options: OptionsOf<T>): readonly PlainOp[];
}

function row<T extends OptionTable>(random: RandomRow<T>): RandomRow<T> {
  return random;
}

export type Interval = readonly [low: number, high: number];

/** [low, high], each within bounds. */
function interval(bound: Kind<number>): Kind<Interval> {
  return {
    expected: `[low, high], each ${bound.expected}`,
    check: (value) => {
      if (!Array.isArray(value) || value.length !== 2) return undefined;
      const [low, high] = value.map(bound.check);
      return low !== undefined && high !== undefined && low <= high ? [low, high] : undefined;
    },
  };
}

const probability = real({ from: 0, to: 1 });
const positive = real({ above: 0 });
const fromZero = real({ from: 0 });

export const randomOps = {
  /** Left and right exchanged. */
  randomFlipLeftRight: row({
    options: { probability: optional(probability, 0.5) },
    draw: (stream, options) => (stream.uniform() < options.probability ? [plainOp('flipLeftRight', {})] : []),
  }),
  /** Upside down; not for what has an up and a down. */
  randomFlipUpDown: row({
    options: { probability: optional(probability, 0.5) },
    draw: (stream, options) => (stream.uniform() < options.probability ? [plainOp('flipUpDown', {})] : []),
  }),
  /** By none to three quarters of a turn, each as likely. */
  randomRot90: row({
    options: {},
    draw: (stream) => [plainOp('rot90', { k: stream.below(4) })],
  }),
  /** A crop of some size, each place as likely: `tf.image.random_crop`. */
  randomCrop: row({
    options: {
      /** In pixels. An image that is smaller is refused. */
      height: required(side),
      width: required(side),
    },
    draw: (stream, { height, width }) => [
      plainOp('cropAt', { height, width, top: stream.uniform(), left: stream.uniform() }),
    ],
  }),
  /** Turned, shifted and zoomed in one go, each number uniform in its interval. */
  randomAffine: row({
    options: {
      /** Counter-clockwise. Default none. */
      degrees: optional(interval(finite), [0, 0]),
      /** Down, in shares of the height. Default none. */
      down: optional(interval(finite), [0, 0]),
      /** To the right, in shares of the width. Default none. */
      right: optional(interval(finite), [0, 0]),
      /** How many times as large, both sides alike. Default none. */
      zoom: optional(interval(positive), [1, 1]),
      ...outsideOptions,
    },
    draw: (stream, { degrees, down, right, zoom, ...outside }) => [
      plainOp('affine', {
        degrees: stream.uniform(...degrees),
        shift: [stream.uniform(...down), stream.uniform(...right)],
        zoom: stream.uniform(...zoom),
        ...outside,
      }),
    ],
  }),
  /** `tf.image.random_brightness` */
  randomBrightness: row({
    options: {
      /** At most so much is added or taken away, as a share of white. */
      maxDelta: required(fromZero),
    },
    draw: (stream, { maxDelta }) => [
      plainOp('levels', { brightness: 255 * stream.uniform(-maxDelta, maxDelta) }),
    ],
  }),
  /** `tf.image.random_contrast` */
  randomContrast: row({
    options: {
      /** Factors of the distance from each channel's mean. */
      factor: required(interval(fromZero)),
    },
    draw: (stream, { factor }) => [plainOp('levels', { contrast: stream.uniform(...factor) })],
  }),
  /** `tf.image.random_saturation` */
  randomSaturation: row({
    options: { factor: required(interval(fromZero)) },
    draw: (stream, { factor }) => [plainOp('adjustSaturation', { factor: stream.uniform(...factor) })],
  }),
  /** `tf.image.random_hue` */
  randomHue: row({
    options: {
      /** At most so far either way, in turns. */
      maxDelta: required(real({ from: 0, to: 0.5 })),
    },
    draw: (stream, { maxDelta }) => [plainOp('adjustHue', { delta: stream.uniform(-maxDelta, maxDelta) })],
  }),
  /** Another gamma. */
  randomGamma: row({
    options: { gamma: required(interval(fromZero)) },
    draw: (stream, { gamma }) => [plainOp('adjustGamma', { gamma: stream.uniform(...gamma) })],
  }),
  /** Normally distributed noise. */
  randomNoise: row({
    options: {
      /** Standard deviations, as shares of white. */
      stddev: required(interval(fromZero)),
    },
    draw: (stream, { stddev }) => [
      plainOp('noise', { stddev: stream.uniform(...stddev), seed: stream.uint32() }),
    ],
  }),
  /** Gaussian blur. */
  randomBlur: row({
    options: {
      /** Standard deviations, in pixels. */
      sigma: required(interval(real({ above: 0, to: 1000 }))),
      probability: optional(probability, 1),
    },
    draw: (stream, options) => {
      const sigma = stream.uniform(...options.sigma);
      return stream.uniform() < options.probability ? [plainOp('blur', { sigma })] : [];
    },
  }),
  /** A box of one level over a part of the image: Zhong et al., "Random erasing data augmentation", 2017. */
  randomErasing: row({
    options: {
      probability: optional(probability, 0.5),
      /** Shares of the image. Default 0.02 to 0.33. */
      area: optional(interval(probability), [0.02, 0.33]),
      /** Heights by widths, where the image is square. Default 0.3 to 3.3. */
      aspect: optional(interval(positive), [0.3, 3.3]),
      /** A share of white. Default 0, black. */
      value: optional(probability, 0),
    },
    draw: (stream, options) => {
      const area = stream.uniform(...options.area);
      // As likely to be twice as high as twice as wide.
      const [low, high] = options.aspect;
      const aspect = Math.exp(stream.uniform(Math.log(low), Math.log(high)));
      const height = Math.min(1, Math.sqrt(area * aspect));
      const width = Math.min(1, Math.sqrt(area / aspect));
      const [top, left] = [stream.uniform(0, 1 - height), stream.uniform(0, 1 - width)];
      const { value } = options;
      return stream.uniform() < options.probability
        ? [plainOp('erase', { top, left, height, width, value })]
        : [];
    },
  }),
};

export type RandomTable = typeof randomOps;
