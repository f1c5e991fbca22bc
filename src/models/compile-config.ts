import { DataError, FoveaError, UsageError } from '../core/errors.ts';
import type { Kind } from '../core/options.ts';
import { lossKind } from '../losses/losses.ts';
import { metricKind } from '../metrics/metrics.ts';
import type { Optimizer } from '../optimizers/optimizers.ts';
import { deserializeOptimizer, serializeOptimizer } from '../optimizers/serializing.ts';
import type { JsonObject } from './json.ts';
import { objectAt } from './json.ts';
import type { CompileOptions } from './model-options.ts';
import type { Compiled } from './trainer.ts';

/**
 * What `compile` was told, as Keras writes it: https://keras.io/api/models/model_training_apis/#getcompileconfig-method
 *
 * @param learningRate what a callback may have set instead of the optimizer's own
 * @throws {UsageError} when a function of one's own has no registered name
 */
export function compileConfig(compiled: Compiled, learningRate: number): JsonObject {
  const { optimizer, loss, lossWeights = null, metrics, weightedMetrics } = compiled;
  return {
    optimizer: serializeOptimizer(withRate(optimizer, learningRate)),
    loss: written(loss, lossKind),
    loss_weights: lossWeights,
    metrics: written(metrics, metricKind),
    weighted_metrics: written(weightedMetrics, metricKind),
    run_eagerly: false,
    steps_per_execution: 1,
    jit_compile: false,
  };
}

/**
 * The options for `compile` from its config, fovea's or Keras' own. Names of functions of one's own are looked up now.
 *
 * @param where what errors call the config
 * @throws {DataError} names what is unknown or wrong
 */
export function compileOptionsFrom(json: unknown, where: string): CompileOptions {
  const config = objectAt(json, where);
  try {
    const options = {
      optimizer: deserializeOptimizer(config.optimizer),
      loss: read(config.loss, lossKind, 'loss'),
      lossWeights: config.loss_weights ?? undefined,
      metrics: read(config.metrics, metricKind, 'metric'),
      weightedMetrics: read(config.weighted_metrics, metricKind, 'metric'),
    };
    const given = Object.entries(options).filter(([, value]) => value !== undefined);
    return Object.fromEntries(given) as CompileOptions;
  } catch (error) {
    if (error instanceof FoveaError) throw new DataError(`${where}: ${error.message}`, { cause: error });
    throw error;
  }
}

/** A schedule goes on by itself; a number may have been set since. */
function withRate(optimizer: Optimizer, learningRate: number): Optimizer {
  const { config } = optimizer;
  return typeof config.learningRate === 'number'
    ? { ...optimizer, config: { ...config, learningRate } }
    : optimizer;
}

/** One, or one for each output in lists and records, each as Keras writes it. */
function written<Held>(given: unknown, kind: Kind<unknown, Held>): unknown {
  return mapped(given, isSpec, (value) => {
    const held = kind.check(value);
    if (held === undefined) throw new UsageError(`${String(value)} is not ${kind.expected}`);
    return kind.toKeras!(held);
  });
}

function read<Held>(json: unknown, kind: Kind<unknown, Held>, what: string): unknown {
  if (json === null || json === undefined) return undefined;
  return mapped(json, isKerasObject, (value) => {
    const held = kind.check(kind.fromKeras!(value));
    if (held !== undefined) return held;
    throw new DataError(
      `there is no ${what} ${JSON.stringify(value)}; a function of one’s own is made known by customObjects`,
    );
  });
}

const isSpec = (value: object) => 'className' in value;
const isKerasObject = (value: object) => 'class_name' in value;

function mapped(
  given: unknown,
  isLeaf: (value: object) => boolean,
  leaf: (value: unknown) => unknown,
): unknown {
  if (given === undefined || given === null) return null;
  if (Array.isArray(given)) return given.map((value) => mapped(value, isLeaf, leaf));
  if (typeof given !== 'object' || isLeaf(given)) return leaf(given);
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, mapped(value, isLeaf, leaf)]),
  );
}
