/** What training tells, and what it takes: https://keras.io/api/callbacks/ */
export { type Callback, History, type StepProgress } from '../training/callbacks.ts';
export type { Batch, Logs } from '../training/trainable.ts';
