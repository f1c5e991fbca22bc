import { type OptionsOf, type OptionTable, only, optional, text } from '../core/options.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { mul } from '../ops/elementwise.ts';
import { asFloat32 } from '../ops/per-example.ts';
import { expandDims, squeeze } from '../ops/rearranging.ts';
import { reducedCount, reduceMean, reduceSum } from '../ops/reduce.ts';

/** Sums over batches and replicas, in double precision, by their names. */
export type Totals = Readonly<Record<string, Float64Array>>;

/** One metric: its options, what it sums up of a batch, and what follows from the sums of all batches. */
export interface MetricRow<T extends OptionTable> {
  readonly options: T;
  /** float32 values of known shape, which add across batches and replicas. */
  sums(
    config: OptionsOf<T>,
    targets: Value,
    predictions: Value,
    sampleWeights: Value | undefined,
  ): Readonly<Record<string, Value>>;
  /** On the host, from the sums. */
  result(config: OptionsOf<T>, totals: Totals): number | number[];
}

export const row = <T extends OptionTable>(metric: MetricRow<T>): MetricRow<T> => metric;

/** The options that every metric has. */
export const general = (name: string) => ({
  name: optional(text, name),
  dtype: optional(only('float32'), 'float32'),
});

/** a / b, and 0 where b is 0. */
export const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);
export const sumOf = (numbers: Iterable<number>): number => {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
};
export const meanOf = (numbers: ArrayLike<number>): number => sumOf(Array.from(numbers)) / numbers.length;

const axesFrom = (start: number, rank: number) => Array.from({ length: rank - start }, (_, i) => start + i);

/** Values and weights in ranks that broadcast: weights of fewer axes speak of the first ones. */
export function weightsFor(values: Value, sampleWeights: Value): Value {
  const weights = asFloat32(sampleWeights);
  if (weights.rank > values.rank && weights.shape.at(-1) === 1)
    return weightsFor(values, squeeze(weights, { axes: [-1] }));
  if (weights.rank < values.rank) return weightsFor(values, expandDims(weights, { axis: -1 }));
  return weights;
}

/** Sum and weight of values [batch, …]; an example is the mean (or `reduce`) of its own. */
export function weightedSums(
  values: Value,
  sampleWeights: Value | undefined,
  reduce = reduceMean,
): { total: Value; count: Value } {
  const perExample = (x: Value) => (x.rank > 1 ? reduce(x, { axes: axesFrom(1, x.rank) }) : x);
  if (!sampleWeights) {
    const whole = perExample(values);
    return { total: reduceSum(whole), count: reducedCount(whole, constant(0)) };
  }
  const weights = weightsFor(values, sampleWeights);
  return {
    total: reduceSum(perExample(mul(values, weights))),
    count: reduceSum(perExample(weights)),
  };
}

/** The weighted mean over all examples of values [batch, …]. */
export function meanRow<T extends OptionTable>(
  options: T,
  values: (config: OptionsOf<T>, targets: Value, predictions: Value) => Value,
  finish: (mean: number) => number = (mean) => mean,
): MetricRow<T> {
  return {
    options,
    sums: (config, targets, predictions, sampleWeights) =>
      weightedSums(values(config, targets, predictions), sampleWeights),
    result: (_, { total, count }) => finish(ratio(total![0]!, count![0]!)),
  };
}
