import type { Tensor } from '../core/tensor.ts';
import type { ModelCapture } from './state.ts';

/** What a model's inputs or outputs are given: a tensor for one, a list in their order, or tensors by their names. */
export type Fed = Tensor | readonly Tensor[] | Readonly<Record<string, Tensor>>;

/** Some examples, as a model's inputs take them. */
export interface Examples {
  /** Names each example, and the view of it: what frozen layers make of it is kept under this name. */
  readonly keys?: readonly string[];
  /** The inputs [batch, …], or how to get them: they are not asked for where kept features do. */
  readonly inputs: Fed | (() => Promise<Fed>);
  /** Where the memory of `inputs` may go when it is no longer needed. */
  readonly recycle?: (buffer: ArrayBuffer) => void;
}

/** What a step sees: some examples with what is known of them. */
export interface Batch extends Examples {
  /** [batch, …] for each output, as its loss expects them. */
  readonly targets: Fed;
  /** Of each example's loss, [batch], for all outputs or for each. Default 1. */
  readonly weights?: Fed;
}

/** Sums over the examples of a batch. They add across batches and replicas; `logsOf` makes means of them. */
export interface Sums {
  readonly examples: number;
  /** By the name of the loss or metric and of the sum, in double precision: `loss`, `accuracy/total`. */
  readonly totals: Readonly<Record<string, Float64Array>>;
}

/** What sums say, by name: `loss`, `accuracy`; `val_loss`, `val_accuracy` of validation data. */
export type Logs = Readonly<Record<string, number>>;

/** What a batch is for: the weights of classes count in training alone. */
export type Purpose = 'train' | 'test';

/** What one step of training gives. */
export interface StepResult {
  readonly sums: Sums;
  readonly learningRate: number;
  /** What it was asked for beside them. */
  readonly fetched: Readonly<Record<string, Tensor>>;
}

/** What the training loop drives. `P` is a batch made ready: the loop prepares the next while a step runs. */
export interface Trainable<P> {
  prepare(batch: Batch, purpose: Purpose): Promise<P>;
  /** Names of the weights that are trained. */
  readonly trainableWeights: readonly string[];
  /** Makes steps of training compute more, for `fetches`. Comes before the first step. */
  declare(fetches: readonly string[]): void;
  /** One update. */
  trainStep(batch: P, fetches: readonly string[]): Promise<StepResult>;
  testStep(batch: P): Promise<Sums>;
  logsOf(sums: Sums): Logs;
  /** The state after the last step; no step may be running. */
  capture(): Promise<ModelCapture>;
  /** What is to be done after the last step, before callbacks are told of the end. */
  endTraining?(): Promise<void>;
}

export const noSums: Sums = { examples: 0, totals: {} };

export function addSums(a: Sums, b: Sums): Sums {
  if (a.examples === 0) return b;
  const totals: Record<string, Float64Array> = {};
  for (const name in b.totals) {
    const sum = new Float64Array(a.totals[name]!);
    const more = b.totals[name]!;
    for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!;
    totals[name] = sum;
  }
  return { examples: a.examples + b.examples, totals };
}
