import type { Value } from '../graph/value.ts';
import { equal, mask } from '../ops/elementwise.ts';
import { argMax, reduceSum } from '../ops/reduce.ts';

/** A mean over examples, as a sum that adds across batches and replicas. */
export interface Metric {
  /** The name in `logs`, as Keras has it. */
  readonly name: string;
  /** The sum over a batch, a scalar. */
  readonly sum: (targets: Value, predictions: Value) => Value;
}

/** The share of examples whose largest prediction is the target's, https://keras.io/api/metrics/accuracy_metrics/ */
export const categoricalAccuracy: Metric = {
  name: 'accuracy',
  sum: (targets, predictions) => reduceSum(mask(equal(argMax(targets), argMax(predictions)), predictions)),
};

/** Metrics by the names that `compile` takes. */
export const metrics = { accuracy: categoricalAccuracy } satisfies Record<string, Metric>;

export type MetricName = keyof typeof metrics;
