import type { TrainingSession } from './hook.ts';
import type { TrainingState } from './state.ts';

/** Keeps a training: saves it while it runs, and takes up an earlier one. It is told of a moment when all others were. */
export interface Keeper {
  /** Where an earlier training is to be taken up; undefined to begin anew. */
  restore(): Promise<TrainingState | undefined>;
  begin(session: TrainingSession): Promise<void>;
  afterStep(session: TrainingSession): Promise<void>;
  afterEpoch(session: TrainingSession): Promise<void>;
  /** After the last step. */
  end(session: TrainingSession): Promise<void>;
  /** In place of `end`. What it throws itself is nothing new then. */
  failed(session: TrainingSession, error: unknown): Promise<void>;
  /** Last of all, whatever came; also where nothing was begun. */
  release(): Promise<void>;
}
