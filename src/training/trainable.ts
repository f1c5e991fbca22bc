import type { Tensor } from '../core/tensor.ts';

/** What a model's inputs are given: a tensor for one input, a list in their order, or tensors by the inputs' names. */
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
  /** [batch, …], as the loss expects them. */
  readonly targets: Tensor<'float32'>;
  /** Of each example's loss, [batch]. Default 1. */
  readonly weights?: Tensor<'float32'>;
}

/** Sums over the examples of a batch. They add across batches; `logsOf` makes means of them. */
export interface Sums {
  readonly examples: number;
  /** Of the loss, and of each metric. */
  readonly sums: Readonly<Record<string, number>>;
}

/** Means by name: `loss`, `accuracy`; `val_loss`, `val_accuracy` of validation data. */
export type Logs = Readonly<Record<string, number>>;

/** What the training loop drives. `P` is a batch made ready: the loop prepares the next while a step runs. */
export interface Trainable<P> {
  prepare(batch: Batch): Promise<P>;
  /** One update. Steps count from 1 over the whole training. */
  trainStep(batch: P, step: number): Promise<Sums>;
  testStep(batch: P): Promise<Sums>;
}

export const noSums: Sums = { examples: 0, sums: {} };

export function addSums(a: Sums, b: Sums): Sums {
  const names = new Set([...Object.keys(a.sums), ...Object.keys(b.sums)]);
  const sums = Object.fromEntries(
    [...names].map((name) => [name, (a.sums[name] ?? 0) + (b.sums[name] ?? 0)]),
  );
  return { examples: a.examples + b.examples, sums };
}

export function logsOf({ examples, sums }: Sums, prefix = ''): Logs {
  return Object.fromEntries(Object.entries(sums).map(([name, sum]) => [prefix + name, sum / examples]));
}
