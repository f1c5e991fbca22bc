import { type ConfigOf, count, optional, wholeNumber } from '../core/options.ts';
import type { Dataset } from '../data/dataset.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { Optimizer, OptimizerName } from '../optimizers/optimizers.ts';
import type { Callback } from '../training/callback.ts';
import type { SessionRunHook } from '../training/hook.ts';
import type { Fed } from '../training/trainable.ts';
import type { Arrays } from './arrays.ts';
import type { BatchElement } from './elements.ts';
import type { ObjectiveOptions } from './objective.ts';
import type { ClassWeight } from './targets.ts';

export const modelOptions = {
  /** Threads that compute. Default: one for each core. */
  threads: optional(count),
  /** Bytes of frozen layers' outputs that are kept in memory. Default 1 GiB. */
  featureLimit: optional(wholeNumber, 2 ** 30),
};

export type ModelOptions = ConfigOf<typeof modelOptions>;

/** https://keras.io/api/models/model_training_apis/#compile-method */
export interface CompileOptions extends ObjectiveOptions {
  /** A name, for its defaults, or what a function of `optimizers` gives. Default 'rmsprop'. */
  readonly optimizer?: OptimizerName | Optimizer;
  /** Of every random number: initial weights, dropout, the order of examples. Default 0. */
  readonly seed?: number;
  /** Goes on from what the optimizer has kept, such as a loaded model's state, instead of starting anew. Default false. */
  readonly resume?: boolean;
}

/** https://keras.io/api/models/model_training_apis/#fit-method */
export interface FitOptions {
  /** The epoch to end before. Default 1. */
  readonly epochs?: number;
  /** The epoch to begin with, from 0 on; the data begin with that pass. Default 0. */
  readonly initialEpoch?: number;
  /** Steps of an epoch, where it is no whole pass over the data: passes then follow one another. */
  readonly stepsPerEpoch?: number;
  /** Tested on after each epoch: `val_loss`, `val_accuracy`. A dataset, or examples in memory. */
  readonly validationData?: Dataset<BatchElement> | Arrays;
  /** Batches of them at most. Default: all. */
  readonly validationSteps?: number;
  /** Examples of them at a time, where they are in memory. Default: `batchSize`. */
  readonly validationBatchSize?: number;
  /** After every so many epochs, or after these, counted from 1. Default 1. */
  readonly validationFreq?: number | readonly number[];
  /** A factor of the loss for each class. */
  readonly classWeight?: ClassWeight;
  readonly callbacks?: readonly Callback[];
  /** 1: a progress bar on standard error. Default 0: nothing. */
  readonly verbose?: 0 | 1;
  /** Told of each step: https://www.tensorflow.org/api_docs/python/tf/estimator/SessionRunHook */
  readonly hooks?: readonly SessionRunHook[];
  /**
   * Where a callback saves the training: whether data whose order cannot be repeated (`deterministic: false`) is refused,
   * or only warned of. Default false.
   */
  readonly exactResume?: boolean;
  /** Ends the training after the step that is running; what is learned is kept. */
  readonly signal?: AbortSignal;
}

/** `fit` on examples in memory. */
export interface FitArraysOptions extends FitOptions {
  /** Default 32. */
  readonly batchSize?: number;
  /** In another order each epoch. Default true. */
  readonly shuffle?: boolean;
  /** The last share of the examples is kept to test on. */
  readonly validationSplit?: number;
  /** Of each example's loss, [examples], for all outputs or for each. */
  readonly sampleWeight?: Fed;
}

export interface EvaluateOptions {
  /** Batches at most. Default: all. */
  readonly steps?: number;
  readonly callbacks?: readonly Callback[];
  readonly hooks?: readonly SessionRunHook[];
  /** Ends it with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** `evaluate` on examples in memory. */
export interface EvaluateArraysOptions extends EvaluateOptions {
  /** Default 32. */
  readonly batchSize?: number;
  /** Of each example's loss. */
  readonly sampleWeight?: Fed;
}

export interface PredictOptions {
  /** Examples at a time, where they are in memory. Default 32. */
  readonly batchSize?: number;
  readonly callbacks?: readonly Callback[];
}

/** `trainOnBatch` and `testOnBatch`. */
export interface OnBatchOptions {
  readonly sampleWeight?: Fed;
  readonly classWeight?: ClassWeight;
}

export interface FeatureOptions {
  /** Other tensors of this model to compute in the same pass and keep for later. */
  readonly keep?: readonly SymbolicTensor[];
  /** Called after each batch with the examples so far. */
  readonly onProgress?: (examples: number) => void;
  readonly signal?: AbortSignal;
}

const fit = [
  'epochs',
  'initialEpoch',
  'stepsPerEpoch',
  'validationData',
  'validationSteps',
  'validationBatchSize',
  'validationFreq',
  'classWeight',
  'callbacks',
  'verbose',
  'hooks',
  'exactResume',
  'signal',
];

/** The options of each call, to refuse others. */
export const optionNames = {
  compile: ['optimizer', 'loss', 'lossWeights', 'metrics', 'weightedMetrics', 'seed', 'resume'],
  fitDataset: fit,
  fit: [...fit, 'batchSize', 'shuffle', 'validationSplit', 'sampleWeight'],
  evaluateDataset: ['steps', 'callbacks', 'hooks', 'signal'],
  evaluate: ['steps', 'callbacks', 'hooks', 'signal', 'batchSize', 'sampleWeight'],
  predict: ['batchSize', 'callbacks'],
  onBatch: ['sampleWeight', 'classWeight'],
};
