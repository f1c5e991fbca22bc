import { ShapeError, UsageError } from '../core/errors.ts';
import { count, flag, type Kind, listOf, type OptionsOf, oneOf, optional, real } from '../core/options.ts';
import { sigmoid } from '../ops/elementwise.ts';
import { asFloat32, epsilon } from '../ops/per-example.ts';
import {
  type Confusion,
  confusionHistogram,
  readConfusion,
  type Thresholds,
  thresholdsOf,
} from './confusion.ts';
import { general, meanOf, ratio, row, sumOf } from './row.ts';

/** Names that Keras writes as they are. */
function verbatim<const Name extends string>(names: readonly Name[]): Kind<Name> {
  return { ...oneOf(names), toKeras: (held) => held, fromKeras: (json) => json };
}

const share = real({ from: 0, to: 1 });
const options = {
  numThresholds: optional({ ...count, expected: 'a whole number above 1', check: atLeastTwo }, 200),
  curve: optional(verbatim(['ROC', 'PR', 'PRGAIN']), 'ROC'),
  summationMethod: optional(oneOf(['interpolation', 'majoring', 'minoring']), 'interpolation'),
  /** Between 0 and 1; in place of `numThresholds` even ones. */
  thresholds: optional(listOf(share)),
  /** The mean of an area for each label. */
  multiLabel: optional(flag, false),
  numLabels: optional(count),
  labelWeights: optional({ ...listOf(real({ from: 0 })), fromKeras: fromKerasArray }),
  fromLogits: optional(flag, false),
  ...general('auc'),
};
type Options = OptionsOf<typeof options>;

function atLeastTwo(value: unknown): number | undefined {
  return Number.isInteger(value) && Number(value) > 1 ? Number(value) : undefined;
}

/** Keras writes an array as `{ class_name: '__tensor__', config: { value: [1, 2], … } }`. */
function fromKerasArray(json: unknown): unknown {
  return (json as { config?: { value?: unknown } } | undefined)?.config?.value ?? json;
}

/** With room at both ends, so that every prediction exceeds the first threshold and none the last. */
function thresholdsFor({ thresholds, numThresholds }: Options): Thresholds {
  const inner = thresholds
    ? [...thresholds].sort((a, b) => a - b)
    : Array.from({ length: numThresholds - 2 }, (_, i) => (i + 1) / (numThresholds - 1));
  const { even } = thresholdsOf([0, ...inner, 1]);
  return { values: [-epsilon, ...inner, 1 + epsilon], even: even || !thresholds };
}

/**
 * The area under a curve of precision and recall rates over thresholds, as sums over the steps between them.
 *
 * Predictions are probabilities, [batch, …]; `fromLogits` takes logits. Keras' default of 200 even thresholds.
 * https://keras.io/api/metrics/classification_metrics/#auc-class
 */
export const auc = row({
  options,
  sums: (config, targets, predictions, sampleWeights) => {
    const { multiLabel, numLabels, labelWeights, fromLogits } = config;
    if (numLabels !== undefined && !multiLabel)
      throw new UsageError('auc: numLabels is of use only with multiLabel: true');
    if (
      multiLabel &&
      (predictions.rank !== 2 || (numLabels ?? predictions.shape[1]) !== predictions.shape[1])
    )
      throw new ShapeError(
        `auc: with multiLabel, predictions [batch, ${numLabels ?? 'labels'}] are needed, got ${predictions}`,
      );
    const given = asFloat32(predictions);
    return {
      histogram: confusionHistogram('auc', targets, fromLogits ? sigmoid(given) : given, sampleWeights, {
        thresholds: thresholdsFor(config),
        perLabel: multiLabel,
        labelWeights: multiLabel ? undefined : labelWeights,
      }),
    };
  },
  result: (config, { histogram }) => {
    const thresholds = thresholdsFor(config);
    const { multiLabel, labelWeights } = config;
    const labels = histogram!.length / (2 * (thresholds.values.length + 1));
    const areas = Array.from({ length: labels }, (_, label) =>
      area(readConfusion(histogram!, thresholds, label), config),
    );
    if (!multiLabel || !labelWeights) return meanOf(areas);
    return ratio(sumOf(areas.map((value, i) => value * labelWeights[i]!)), sumOf(labelWeights));
  },
});

function area(confusion: Confusion, { curve, summationMethod }: Options): number {
  if (curve === 'PR' && summationMethod === 'interpolation') return interpolatedPrecision(confusion);
  const points = confusion.truePositives.map((_, at) => pointOf(confusion, at, curve));
  const heights = {
    interpolation: (a: number, b: number) => (a + b) / 2,
    minoring: Math.min,
    majoring: Math.max,
  };
  return sumOf(
    points.slice(1).map(([x, y], i) => (points[i]![0] - x) * heights[summationMethod](points[i]![1], y)),
  );
}

/** [x, y] of the curve at one threshold. */
function pointOf(confusion: Confusion, at: number, curve: Options['curve']): readonly [number, number] {
  const tp = confusion.truePositives[at]!;
  const fp = confusion.falsePositives[at]!;
  const tn = confusion.trueNegatives[at]!;
  const fn = confusion.falseNegatives[at]!;
  if (curve === 'ROC') return [ratio(fp, fp + tn), ratio(tp, tp + fn)];
  if (curve === 'PR') return [ratio(tp, tp + fn), ratio(tp, tp + fp)];
  // Flach and Kull, Precision-Recall-Gain curves, NIPS 2015
  if (tp === 0) return [0, 1];
  const scale = ratio(tp + fn, tn + fp);
  return [Math.max(0, 1 - (scale * fn) / tp), 1 - (scale * fp) / tp];
}

/** Between thresholds true positives grow evenly with all positives: Davis and Goadrich, ICML 2006. */
function interpolatedPrecision({
  truePositives: tp,
  falsePositives: fp,
  falseNegatives: fn,
}: Confusion): number {
  const positives = tp.map((value, at) => value + fp[at]!);
  return sumOf(
    tp.slice(1).map((next, i) => {
      const [before, after] = [positives[i]!, positives[i + 1]!];
      const slope = ratio(tp[i]! - next, Math.max(before - after, 0));
      const intercept = next - slope * after;
      const growth = before > 0 && after > 0 ? before / after : 1;
      return ratio(slope * (tp[i]! - next + intercept * Math.log(growth)), Math.max(next + fn[i + 1]!, 0));
    }),
  );
}
