import type { DType } from '../core/dtype.ts';

/** What the main thread and a worker say to each other. Buffers are transferred. */

export interface WireTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

export type WireTensors = Readonly<Record<string, WireTensor>>;

export interface CompileMessage {
  readonly kind: 'compile';
  readonly program: number;
  readonly bytes: Uint8Array;
  /** Outputs that replace the state of the same name. */
  readonly state: readonly string[];
}

export interface RunMessage {
  readonly kind: 'run';
  readonly program: number;
  readonly feeds: WireTensors;
  /** Run in slices of this many rows of every feed, and put the outputs together. */
  readonly slice: number | undefined;
  /** Feeds whose memory goes back with the answer. */
  readonly giveBack: readonly string[];
  /** Outputs to answer with. */
  readonly outputs: readonly string[];
}

export type Message =
  | CompileMessage
  | RunMessage
  | { readonly kind: 'dispose'; readonly program: number }
  | { readonly kind: 'setState'; readonly values: WireTensors }
  | { readonly kind: 'getState'; readonly names: readonly string[] }
  /** Keeps these values as they are now, until they are collected. */
  | { readonly kind: 'mark'; readonly mark: number; readonly names: readonly string[] }
  | { readonly kind: 'collect'; readonly mark: number }
  | { readonly kind: 'close' };

export interface WorkerOptions {
  readonly threads: number;
}

export interface Answer {
  readonly outputs: WireTensors;
  readonly givenBack: readonly ArrayBuffer[];
}

export type Reply =
  | { readonly id: number; readonly answer: Answer }
  | { readonly id: number; readonly error: { readonly message: string; readonly stack: string | undefined } };
