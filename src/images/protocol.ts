import type { ImageInfo } from './decode.ts';
import type { Target } from './render.ts';

/** An image to read, and what it is to become. */
export interface ReadRequest extends Target {
  readonly path: string;
}

/** What the pool asks of a worker. */
export type Task =
  | { readonly kind: 'probe' | 'check'; readonly path: string }
  | ({ readonly kind: 'read' } & ReadRequest);

export type TaskResult = ImageInfo | Uint8Array<ArrayBuffer>;

/** A worker's answer to the task of number `id`; `data` says whether the error is the file's own fault. */
export type Reply =
  | { readonly id: number; readonly result: TaskResult }
  | { readonly id: number; readonly error: { readonly data: boolean; readonly message: string } };
