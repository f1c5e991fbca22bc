import { UsageError } from '../core/errors.ts';
import { integer, listOf, oneOf, optional, real, seed } from '../core/options.ts';
import type { Key } from '../core/random.ts';
import { normalizeAxis } from '../core/shape.ts';
import { elementCount, type Tensor } from '../core/tensor.ts';
import { drawn, row, truncatedNormal } from './draw.ts';

type Axes = readonly number[];

/** Which axes count as inputs and which as outputs; both or neither. */
export interface FanAxes {
  readonly inputAxes?: Axes | undefined;
  readonly outputAxes?: Axes | undefined;
}

/**
 * Inputs and outputs that meet in one weight, as Keras counts them: a kernel's field multiplies both. Where axes of
 * inputs and outputs are given, their sizes are multiplied instead.
 *
 * @throws {ShapeError} when the shape has no such axis
 * @throws {UsageError} when only one of them is given
 */
export function computeFans(
  shape: readonly number[],
  { inputAxes, outputAxes }: FanAxes = {},
): { fanIn: number; fanOut: number } {
  if (inputAxes && outputAxes) {
    const product = (axes: Axes, name: string) =>
      elementCount(axes.map((axis) => shape[normalizeAxis(axis, shape.length, name)]!));
    return { fanIn: product(inputAxes, 'inputAxes'), fanOut: product(outputAxes, 'outputAxes') };
  }
  if (inputAxes || outputAxes) {
    throw new UsageError('inputAxes and outputAxes say together how a weight’s fans are counted; give both');
  }
  if (shape.length < 2) return { fanIn: shape[0] ?? 1, fanOut: shape[0] ?? 1 };
  const field = elementCount(shape.slice(0, -2));
  return { fanIn: shape.at(-2)! * field, fanOut: shape.at(-1)! * field };
}

const modes = ['fanIn', 'fanOut', 'fanAvg'] as const;
const distributions = ['truncatedNormal', 'untruncatedNormal', 'uniform'] as const;

interface Scaling extends FanAxes {
  readonly scale: number;
  readonly mode: (typeof modes)[number];
  readonly distribution: (typeof distributions)[number];
}

/** The standard deviation of a standard normal number that is drawn again beyond ±2. */
const truncatedDeviation = 0.87962566103423978;

/** Numbers of the variance `scale` / n around zero. */
function scaled(
  { scale, mode, distribution, ...axes }: Scaling,
  shape: readonly number[],
  key: Key,
): Tensor<'float32'> {
  const { fanIn, fanOut } = computeFans(shape, axes);
  const n = Math.max(1, { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode]);
  if (distribution === 'uniform') {
    const limit = Math.sqrt((3 * scale) / n);
    return drawn(shape, key, (stream) => stream.uniform(-limit, limit));
  }
  const deviation = Math.sqrt(scale / n);
  if (distribution === 'untruncatedNormal') return drawn(shape, key, (stream) => deviation * stream.normal());
  const widened = deviation / truncatedDeviation;
  return drawn(shape, key, (stream) => widened * truncatedNormal(stream));
}

const axes = listOf(integer);
const fans = { seed: optional(seed), inputAxes: optional(axes), outputAxes: optional(axes) };

/** Any variance scaling. */
export const varianceScalingRow = row(
  {
    ...fans,
    scale: optional(real({ above: 0 }), 1),
    mode: optional(oneOf(modes), 'fanIn'),
    distribution: optional(oneOf(distributions), 'truncatedNormal'),
  },
  scaled,
);

/** One with a name of its own. */
export const scalingRow = (
  scale: number,
  mode: Scaling['mode'],
  distribution: Exclude<Scaling['distribution'], 'untruncatedNormal'>,
) => row(fans, (config, shape, key) => scaled({ ...config, scale, mode, distribution }, shape, key));
