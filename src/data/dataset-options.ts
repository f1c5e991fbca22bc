import type { ParallelOptions } from './map.ts';

export interface ShuffleOptions {
  /** A whole number from 0 on; the same seed and epoch give the same order. */
  readonly seed: number;
  /** A new order for each epoch (the default), or the same for all. */
  readonly reshuffleEachIteration?: boolean | undefined;
}

export interface InterleaveOptions extends ParallelOptions {
  /** How many datasets are read in turn. */
  readonly cycleLength: number;
  /** How many elements of one come before the turn passes on; 1 by default. */
  readonly blockLength?: number | undefined;
}

export interface ParallelInterleaveOptions {
  readonly cycleLength: number;
  readonly blockLength?: number | undefined;
  /** Pass over datasets that have nothing ready: faster, in no order that could be repeated. Default: false */
  readonly sloppy?: boolean | undefined;
  /** How many elements of each are made ahead. Default: 2 · blockLength */
  readonly bufferOutputElements?: number | undefined;
  /** How many datasets are opened before their turn. Default: 2 · cycleLength */
  readonly prefetchInputElements?: number | undefined;
}

export interface SampleOptions {
  readonly seed: number;
  /** How often each dataset is chosen, in proportion; equally often by default. */
  readonly weights?: readonly number[] | undefined;
  /** End when the first dataset does, so that the proportions hold to the end; by default the others go on. */
  readonly stopOnEmptyDataset?: boolean | undefined;
}
