import { UsageError } from '../core/errors.ts';
import {
  count,
  flag,
  integer,
  listOf,
  type OptionsOf,
  type OptionTable,
  oneOf,
  optional,
  real,
  required,
  text,
  wholeNumber,
} from '../core/options.ts';
import { sizeOf } from '../core/shape.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, cast, greaterEqual, less, logicalAnd, mask, mul, notEqual, where } from '../ops/elementwise.ts';
import { aligned, asFloat32, epsilon } from '../ops/per-example.ts';
import { argMax, filled } from '../ops/reduce.ts';
import { broadcastLike, reshape, scatterAdd } from '../ops/shaping.ts';
import { type MetricRow, row, sumOf, weightsFor } from './row.ts';

const dtypes = ['int64', 'int32', 'float32'] as const;
/** Keras counts in whole numbers unless told otherwise: sample weights lose their fractions then. */
const general = (name: string) => ({
  name: optional(text, name),
  dtype: optional(oneOf(dtypes), 'int64'),
});
const numClasses = required(count);
const targetClassIds = required(listOf(wholeNumber));
const ignoreClass = optional(integer);
const axis = optional(integer, -1);
const sparse = (by: boolean) => optional(flag, by);

/** How the options of one metric read. */
interface Reading {
  readonly numClasses: number;
  readonly targetClassIds: readonly number[];
  readonly ignoreClass?: number | undefined;
  /** Targets are class indexes, not a number for each class along `axis`. */
  readonly sparseTargets: boolean;
  readonly sparsePredictions: boolean;
  readonly axis: number;
  readonly dtype: (typeof dtypes)[number];
}

const whole = (x: Value) => cast(cast(x, { to: 'int64' }), { to: 'float32' });

/** The weight of elements by class [target, prediction]; elements of other classes do not count. */
function confusionMatrix(
  targets: Value,
  predictions: Value,
  sampleWeights: Value | undefined,
  reading: Reading,
): Value {
  const { numClasses: size, dtype } = reading;
  const indexes = (x: Value, isSparse: boolean) =>
    whole(isSparse ? asFloat32(x) : argMax(x, { axis: reading.axis }));
  const [t, p] = aligned(
    'IoU',
    indexes(targets, reading.sparseTargets),
    indexes(predictions, reading.sparsePredictions),
  );
  const isClass = (x: Value) => logicalAnd(greaterEqual(x, constant(0)), less(x, constant(size)));
  const known = logicalAnd(isClass(t), isClass(p));
  const counts =
    reading.ignoreClass === undefined ? known : logicalAnd(known, notEqual(t, constant(reading.ignoreClass)));
  const given = sampleWeights ? weightsFor(t, sampleWeights) : constant(1);
  const weights = broadcastLike(dtype === 'float32' ? given : whole(given), t);
  const place = where(counts, add(mul(t, constant(size)), p), constant(0));
  const flat = (x: Value) => reshape(x, { shape: [sizeOf(x.shape)] });
  return scatterAdd(
    filled(0, [size * size]),
    flat(cast(place, { to: 'int64' })),
    flat(mul(weights, mask(counts, weights))),
    { axis: 0 },
  );
}

/** The mean over the wanted classes, without those that are in neither targets nor predictions. */
function meanOverlap(matrix: Float64Array, { numClasses: size, targetClassIds: wanted }: Reading): number {
  const classes = Array.from({ length: size }, (_, i) => i);
  const overlaps = wanted.flatMap((id) => {
    const both = matrix[id * size + id]!;
    const either =
      sumOf(classes.map((other) => matrix[id * size + other]! + matrix[other * size + id]!)) - both;
    return either > 1e-9 ? [both / (either + epsilon)] : [];
  });
  return sumOf(overlaps) / (overlaps.length + epsilon);
}

function overlapRow<T extends OptionTable>(
  options: T,
  read: (config: OptionsOf<T>) => Reading,
  decide: (config: OptionsOf<T>, predictions: Value) => Value = (_, predictions) => predictions,
): MetricRow<T> {
  return row<T>({
    options,
    sums: (config, targets, predictions, sampleWeights) => {
      const reading = read(config);
      const other = reading.targetClassIds.find((id) => id >= reading.numClasses);
      if (other !== undefined)
        throw new UsageError(`IoU: there is no class ${other} among ${reading.numClasses}`);
      return { matrix: confusionMatrix(targets, decide(config, predictions), sampleWeights, reading) };
    },
    result: (config, { matrix }) => meanOverlap(matrix!, read(config)),
  });
}

const allOf = (size: number) => Array.from({ length: size }, (_, i) => i);

/** Overlap of what is and what is predicted, over their union: https://keras.io/api/metrics/segmentation_metrics/ */
export const overlapTable = {
  IoU: overlapRow(
    {
      numClasses,
      targetClassIds,
      ignoreClass,
      sparseYTrue: sparse(true),
      sparseYPred: sparse(true),
      axis,
      ...general('io_u'),
    },
    (config) => ({ ...config, sparseTargets: config.sparseYTrue, sparsePredictions: config.sparseYPred }),
  ),
  BinaryIoU: overlapRow(
    {
      targetClassIds: optional(listOf(wholeNumber), [0, 1]),
      threshold: optional(real({}), 0.5),
      ...general('binary_io_u'),
    },
    (config) => ({ ...config, numClasses: 2, sparseTargets: true, sparsePredictions: true, axis: -1 }),
    ({ threshold }, predictions) =>
      cast(greaterEqual(asFloat32(predictions), constant(threshold)), { to: 'float32' }),
  ),
  MeanIoU: overlapRow(
    {
      numClasses,
      ignoreClass,
      sparseYTrue: sparse(true),
      sparseYPred: sparse(true),
      axis,
      ...general('mean_io_u'),
    },
    (config) => ({
      ...config,
      targetClassIds: allOf(config.numClasses),
      sparseTargets: config.sparseYTrue,
      sparsePredictions: config.sparseYPred,
    }),
  ),
  OneHotIoU: overlapRow(
    { numClasses, targetClassIds, ignoreClass, sparseYPred: sparse(false), axis, ...general('one_hot_io_u') },
    (config) => ({ ...config, sparseTargets: false, sparsePredictions: config.sparseYPred }),
  ),
  OneHotMeanIoU: overlapRow(
    { numClasses, ignoreClass, sparseYPred: sparse(false), axis, ...general('one_hot_mean_io_u') },
    (config) => ({
      ...config,
      targetClassIds: allOf(config.numClasses),
      sparseTargets: false,
      sparsePredictions: config.sparseYPred,
    }),
  ),
};
