import type { Model } from '../models/model.ts';
import type { CompileOptions } from '../models/model-options.ts';
import type { SessionRunHook } from '../training/hook.ts';
import type { RunConfig } from './run-config.ts';

/** What a model is built for: https://www.tensorflow.org/api_docs/python/tf/estimator/ModeKeys */
export type Mode = 'train' | 'eval' | 'predict';

/** What a `modelFn` is told. */
export interface ModelFnArgs {
  readonly mode: Mode;
  /** What the estimator was given for it, plain JSON. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly config: RunConfig;
}

/** A model and what is to be done with it: https://www.tensorflow.org/api_docs/python/tf/estimator/EstimatorSpec */
export interface EstimatorSpec extends Omit<CompileOptions, 'seed' | 'resume'> {
  /** Its layers have the same names in every mode; names that are not given begin anew in each call. */
  readonly model: Model;
  /** Of every random number, where the config has no seed. Default 0. */
  readonly seed?: number;
  /** Hooks of this mode. */
  readonly hooks?: readonly SessionRunHook[];
}

/** Builds the model of a mode. Called once for each mode; it may give the same model for several. */
export type ModelFn = (args: ModelFnArgs) => EstimatorSpec | Promise<EstimatorSpec>;
