import { DataError, FoveaError, UsageError } from '../core/errors.ts';
import { fromKerasConfig, snakeCase, toKerasConfig } from '../core/options.ts';
import type { Optimizer } from './optimizer.ts';
import { makeOptimizer, optimizerClass } from './optimizers.ts';
import { optimizerTable } from './table.ts';

/** An optimizer as Keras 3 writes it. */
export interface OptimizerJson {
  readonly module: 'keras.optimizers';
  readonly class_name: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly registered_name: null;
  /** Options that Keras does not write, where they are given. Keras passes over them. */
  readonly fovea?: Readonly<Record<string, unknown>>;
}

const ownOptions = ['exclude_from_weight_decay', 'learning_rate_multipliers'];

/** `beta1` is Keras' `beta_1`, but `l1` is its `l1`. */
const toKerasName = (name: string) => name.replace(/(beta|epsilon)(\d)/, '$1_$2');
const fromKerasName = (name: string) => name.replace(/(beta|epsilon)_(\d)/, '$1$2');
const renamed = (config: object, rename: (name: string) => string): Record<string, unknown> =>
  Object.fromEntries(Object.entries(config).map(([name, value]) => [rename(name), value]));

/**
 * An optimizer with its options, without its state, as `keras.optimizers.serialize` writes it. Plain JSON.
 *
 * @throws {UsageError} when it is none of fovea's, or its rate is a function that has no name
 * (`registerCustomObjects`)
 */
export function serializeOptimizer({ className, config }: Optimizer): OptimizerJson {
  const known = optimizerClass(className);
  if (known === undefined) {
    throw new UsageError(
      `optimizer ${className}: one of your own cannot be written; there are ${Object.keys(optimizerTable).join(', ')}`,
    );
  }
  const written = Object.entries(toKerasConfig(optimizerTable[known].options, config as never));
  const own = written.filter(
    ([name, value]) => ownOptions.includes(name) && Object.keys(value as object).length > 0,
  );
  const shared = written.filter(([name]) => !ownOptions.includes(name));
  return {
    module: 'keras.optimizers',
    class_name: known,
    config: { ...renamed(Object.fromEntries(shared), toKerasName), loss_scale_factor: null },
    registered_name: null,
    ...(own.length > 0 && { fovea: Object.fromEntries(own) }),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * An optimizer from what `serializeOptimizer` or Keras 3 wrote. Its rate may name a function that is registered
 * (`registerCustomObjects`).
 *
 * @throws {DataError} names what is unknown or out of range
 */
export function deserializeOptimizer(json: unknown): Optimizer {
  const { class_name: name, config = {}, fovea = {} } = isObject(json) ? json : {};
  const className = typeof name === 'string' ? optimizerClass(name) : undefined;
  if (className === undefined || !isObject(config) || !isObject(fovea)) {
    throw new DataError(
      `an optimizer must be an object with a class_name (one of ${Object.keys(optimizerTable).join(', ')}) and a config, got ${
        typeof name === 'string' ? `the class '${name}'` : JSON.stringify(json)
      }`,
    );
  }
  const where = `optimizer ${className}`;
  const { loss_scale_factor: factor = null, ...rest } = config;
  if (factor !== null) {
    throw new DataError(
      `${where}: loss_scale_factor ${JSON.stringify(factor)} is for float16; in float32 it changes nothing, and must be null`,
    );
  }
  const { options, whereNone = {} } = optimizerTable[className];
  const given = fromKerasConfig(options, renamed({ ...rest, ...fovea }, fromKerasName), where);
  const nones = Object.entries(whereNone).filter(([option]) => rest[toKerasName(snakeCase(option))] === null);
  try {
    return makeOptimizer(className, { ...given, ...Object.fromEntries(nones) });
  } catch (error) {
    if (error instanceof FoveaError) throw new DataError(error.message, { cause: error });
    throw error;
  }
}
