import type { ImageInfo } from './open.ts';
import type { CheckedOp, Draw } from './ops.ts';
import type { Pixels } from './pixels.ts';
import type { ImageSource } from './source.ts';
import type { Target } from './view-ops.ts';

/** An image to read, and what it is to become. */
export interface ReadRequest extends Target {
  readonly path: string;
}

/** What the pool asks of a worker. */
export type Task =
  | { readonly kind: 'probe' | 'check'; readonly source: ImageSource }
  | {
      readonly kind: 'run';
      readonly source: ImageSource | Pixels;
      readonly ops: readonly CheckedOp[];
      readonly draw: Draw | undefined;
    };

export type TaskResult = ImageInfo | Pixels;

/** A worker's answer to the task of number `id`; `data` says whether the error is the file's own fault. */
export type Reply =
  | { readonly id: number; readonly result: TaskResult }
  | { readonly id: number; readonly error: { readonly data: boolean; readonly message: string } };
