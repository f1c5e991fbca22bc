import type { Tensor } from '../core/tensor.ts';
import type { IteratorState } from '../data/iterator.ts';
import type { CallbackState } from './callback.ts';
import { type Logs, noSums, type Sums } from './trainable.ts';

/** How far a training is, between two of its steps; plain JSON. */
export interface Progress {
  /** From 0 on. */
  readonly epoch: number;
  /** Steps of this epoch that are done. */
  readonly batch: number;
  /** Steps of the whole training that are done. */
  readonly step: number;
  /** The pass over the data that is read. */
  readonly pass: number;
  /** Where that pass is; `null` at its beginning, and where the data cannot tell. */
  readonly place: IteratorState | null;
  /** Of this epoch. */
  readonly sums: { readonly examples: number; readonly totals: Readonly<Record<string, readonly number[]>> };
  /** What they say: an epoch may have nothing left but its end. */
  readonly logs: Logs;
  /** A callback has ended the training: it is not gone on with, but for its end. */
  readonly isOver: boolean;
}

/** The state of a model in training as it is after a step. Its tensors come later, while further steps run. */
export interface ModelCapture {
  /** Plain JSON: the optimizer's count of steps, a learning rate that was set. */
  readonly values: Readonly<Record<string, number | null>>;
  readonly tensors: () => Promise<Readonly<Record<string, Tensor>>>;
}

/** What a training goes on from. */
export interface TrainingState {
  readonly progress: Progress;
  readonly model: ModelCapture;
  /** By their place in the list of callbacks; `null` for one without a state. */
  readonly callbacks: readonly (CallbackState | null)[];
}

export const beginningAt = (epoch: number): Progress => ({
  epoch,
  batch: 0,
  step: 0,
  pass: epoch,
  place: null,
  sums: { examples: 0, totals: {} },
  logs: {},
  isOver: false,
});

export function sumsToJson({ examples, totals }: Sums): Progress['sums'] {
  return {
    examples,
    totals: Object.fromEntries(Object.entries(totals).map(([name, sum]) => [name, [...sum]])),
  };
}

export function sumsFromJson({ examples, totals }: Progress['sums']): Sums {
  if (examples === 0) return noSums;
  return {
    examples,
    totals: Object.fromEntries(Object.entries(totals).map(([name, sum]) => [name, Float64Array.from(sum)])),
  };
}
