import type { DType } from '../core/dtype.ts';
import type { Dim, Shape } from '../core/shape.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { lossValue, resolveLoss } from '../losses/losses.ts';
import { metricResult, metricSums, resolveMetric } from '../metrics/metrics.ts';
import { add, mul } from '../ops/elementwise.ts';
import type { Logs, Sums } from '../training/trainable.ts';
import { lossLogs, type OutputObjective } from './objective.ts';

/** What a step is fed beside features: the targets of each output, and weights of examples. */
export interface TargetSpec {
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** Of the weights. */
  readonly weightShape: readonly number[];
}

export const targetName = (output: number): string => `target/${output}`;
export const weightName = (output: number): string => `weight/${output}`;

/** Loss and metrics of a batch as graph. */
export interface Measured {
  /** What training makes small: the losses of the outputs, each times its weight. Undefined where none has a loss. */
  readonly loss: Value | undefined;
  /** Scalars and sums that are told, by name. */
  readonly outputs: Readonly<Record<string, Value>>;
}

/** With sizes that hold for any batch. */
const open = ([, ...inner]: readonly number[]): Shape => ['batch' as Dim, ...inner];

/** @param targets undefined for an output that is not measured */
export function measured(
  predictions: readonly Value[],
  objectives: readonly OutputObjective[],
  targets: readonly (TargetSpec | undefined)[],
): Measured {
  const outputs: Record<string, Value> = {};
  const told = new Set(lossLogs(objectives));
  let total: Value | undefined;
  objectives.forEach(({ name, loss, lossWeight, metrics }, i) => {
    const spec = targets[i];
    if (!spec) return;
    const prediction = predictions[i]!;
    const target = input(targetName(i), open(spec.shape), spec.dtype);
    const weights = input(weightName(i), open(spec.weightShape));
    if (loss) {
      const value = lossValue(resolveLoss(loss, target.shape, prediction.shape), target, prediction, weights);
      if (told.has(`${name}_loss`)) outputs[`${name}_loss`] = value;
      const weighted = lossWeight === 1 ? value : mul(value, constant(lossWeight));
      total = total ? add(total, weighted) : weighted;
    }
    for (const { name: metricName, metric, weighted } of metrics) {
      const resolved = resolveMetric(metric, target.shape, prediction.shape);
      const sums = metricSums(resolved, target, prediction, weighted ? weights : undefined);
      for (const [sum, value] of Object.entries(sums)) outputs[`${metricName}/${sum}`] = value;
    }
  });
  return { loss: total, outputs };
}

/** Reads sums as logs. */
export type LogReader = (sums: Sums) => Logs;

/** @param predictions the shapes of the outputs */
export function logReader(
  objectives: readonly OutputObjective[],
  targets: readonly (TargetSpec | undefined)[],
  predictions: readonly Shape[],
): LogReader {
  const losses = lossLogs(objectives);
  const metrics = objectives.flatMap(({ metrics }, i) => {
    const spec = targets[i];
    if (!spec) return [];
    return metrics.map(({ name, metric }) => ({
      name,
      prefix: `${name}/`,
      metric: resolveMetric(metric, open(spec.shape), predictions[i]!),
    }));
  });
  return ({ examples, totals }) => {
    const logs: Record<string, number> = {};
    for (const name of losses) logs[name] = totals[name]![0]! / examples;
    for (const { name, prefix, metric } of metrics) {
      const own: Record<string, Float64Array> = {};
      for (const key in totals) if (key.startsWith(prefix)) own[key.slice(prefix.length)] = totals[key]!;
      const result = metricResult(metric, own);
      if (typeof result === 'number') logs[name] = result;
      // Of each class or threshold, a number with a name of its own.
      else for (const [at, value] of result.entries()) logs[`${name}_${at}`] = value;
    }
    return logs;
  };
}
