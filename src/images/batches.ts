import { UsageError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import { formatShape } from '../core/shape.ts';
import { type Tensor, tensor } from '../core/tensor.ts';
import type { Draw } from './ops.ts';

/** A batch as it is trained on. */
export interface LabelledBatch<D extends 'uint8' | 'float32' = 'uint8' | 'float32'> {
  /** [n, height, width, channels] */
  readonly images: Tensor<D>;
  /** [n, classes], one-hot or shares that sum to 1 */
  readonly labels: Tensor<'float32'>;
}

export interface MixOptions extends Draw {
  /** Of the Beta(α, α) that shares are drawn from: the larger, the nearer to halves. */
  readonly alpha?: number;
}

function start(what: string, batch: LabelledBatch, options: MixOptions, alpha: number): RandomStream {
  const { images, labels } = batch;
  if (images.shape.length !== 4 || labels.shape.length !== 2 || images.shape[0] !== labels.shape[0]) {
    throw new UsageError(
      `${what}: images must be [n, height, width, channels] and labels [n, classes], got ${formatShape(images.shape)} and ${formatShape(labels.shape)}`,
    );
  }
  if (!(alpha > 0 && alpha < Infinity)) {
    throw new UsageError(`${what}: alpha must be a finite number above 0, got ${alpha}`);
  }
  if (!Number.isSafeInteger(options.seed) || options.seed < 0) {
    throw new UsageError(`${what}: seed must be a whole number from 0 on, got ${options.seed}`);
  }
  const path = [options.element].flat() as (string | number)[];
  return new RandomStream(deriveKey(options.seed, what, ...path));
}

/** Gamma(α, 1): G. Marsaglia and W. Tsang, "A simple method for generating gamma variables", 2000. */
function gamma(stream: RandomStream, alpha: number): number {
  if (alpha < 1) return gamma(stream, alpha + 1) * (1 - stream.uniform()) ** (1 / alpha);
  const d = alpha - 1 / 3;
  for (;;) {
    const x = stream.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - stream.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}

/** Beta(α, α). Where both gammas are too small for a number, one of the ends. */
function beta(stream: RandomStream, alpha: number): number {
  const [a, b] = [gamma(stream, alpha), gamma(stream, alpha)];
  return a + b > 0 ? a / (a + b) : Math.round(stream.uniform());
}

function mixedLabels(
  { labels }: LabelledBatch,
  partners: Uint32Array,
  shares: ArrayLike<number>,
): Tensor<'float32'> {
  const classes = labels.shape[1]!;
  const data = labels.data.map((value, i) => {
    const row = Math.floor(i / classes);
    const other = labels.data[partners[row]! * classes + (i % classes)]!;
    return shares[row]! * value + (1 - shares[row]!) * other;
  });
  return tensor('float32', labels.shape, data);
}

/**
 * Each image and its labels mixed with another of the batch, by a share from Beta(α, α): H. Zhang et al., "mixup:
 * Beyond empirical risk minimization", 2017; https://keras.io/api/layers/preprocessing_layers/image_augmentation/mix_up/
 *
 * @param options.alpha 0.2 by default
 * @returns a batch in memory of its own; bytes are rounded to the nearest level
 * @throws {UsageError} when shapes or options make no sense
 * @example const mixed = mixup({ images, labels }, { seed: 1, element: [epoch, step] });
 */
export function mixup<D extends 'uint8' | 'float32'>(
  batch: LabelledBatch<D>,
  options: MixOptions,
): LabelledBatch<D> {
  const { alpha = 0.2 } = options;
  const stream = start('mixup', batch, options, alpha);
  const { images } = batch;
  const n = images.shape[0]!;
  const partners = stream.permutation(n);
  const shares = Float64Array.from({ length: n }, () => beta(stream, alpha));
  const size = images.data.length / n;
  const half = images.dtype === 'uint8' ? 0.5 : 0;
  const data = images.data.slice() as Float32Array<ArrayBuffer>;
  for (let i = 0; i < n; i++) {
    const share = shares[i]!;
    for (let k = 0; k < size; k++) {
      data[i * size + k] =
        share * images.data[i * size + k]! + (1 - share) * images.data[partners[i]! * size + k]! + half;
    }
  }
  const mixed = tensor(images.dtype as 'float32', images.shape, data) as unknown as Tensor<D>;
  return { images: mixed, labels: mixedLabels(batch, partners, shares) };
}

/**
 * Each image gets a box from another of the batch, and as much of its labels: S. Yun et al., "CutMix", 2019;
 * https://keras.io/api/layers/preprocessing_layers/image_augmentation/cut_mix/
 *
 * @param options.alpha 1 by default, every size of box as likely
 * @returns a batch in memory of its own
 * @throws {UsageError} when shapes or options make no sense
 */
export function cutmix<D extends 'uint8' | 'float32'>(
  batch: LabelledBatch<D>,
  options: MixOptions,
): LabelledBatch<D> {
  const { alpha = 1 } = options;
  const stream = start('cutmix', batch, options, alpha);
  const { images } = batch;
  const [n, height, width, channels] = images.shape as [number, number, number, number];
  const partners = stream.permutation(n);
  const size = height * width * channels;
  const data = images.data.slice() as Float32Array<ArrayBuffer>;
  const shares = Float64Array.from({ length: n }, (_, i) => {
    const side = Math.sqrt(1 - beta(stream, alpha));
    const span = (length: number): [number, number] => {
      const middle = stream.uniform(0, length);
      const reach = (side * length) / 2;
      return [Math.max(0, Math.round(middle - reach)), Math.min(length, Math.round(middle + reach))];
    };
    const [top, bottom] = span(height);
    const [left, right] = span(width);
    for (let y = top; y < bottom; y++) {
      const [from, to] = [(y * width + left) * channels, (y * width + right) * channels];
      const other = partners[i]! * size;
      data.set(images.data.subarray(other + from, other + to) as Float32Array, i * size + from);
    }
    return 1 - ((bottom - top) * (right - left)) / (height * width);
  });
  const mixed = tensor(images.dtype as 'float32', images.shape, data) as unknown as Tensor<D>;
  return { images: mixed, labels: mixedLabels(batch, partners, shares) };
}
