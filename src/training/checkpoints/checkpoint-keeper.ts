import { DeviceLostError } from '../../runtime/device.ts';
import type { TrainingSession } from '../hook.ts';
import type { Keeper } from '../keeper.ts';
import { DivergedError } from '../loop.ts';
import type { TrainingState } from '../state.ts';
import { flushAllWriters } from '../summaries/shared-writers.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import type { JsonValue } from './exact-json.ts';
import { fromCheckpoint, toCheckpoint } from './state-file.ts';

/** Listens to the saving of checkpoints: https://www.tensorflow.org/api_docs/python/tf/estimator/CheckpointSaverListener */
export interface CheckpointSaverListener {
  /** Before the training begins. */
  begin?(): void | Promise<void>;
  /** The state is marked, and not yet written. */
  beforeSave?(step: number): void | Promise<void>;
  /** The checkpoint is there. Saying true ends the training. */
  afterSave?(step: number, path: string): unknown;
  end?(step: number): void | Promise<void>;
}

export interface CheckpointKeeperOptions {
  readonly store: CheckpointStore;
  /** Saves at steps that are a multiple of it. */
  readonly saveSteps?: number | undefined;
  /** Saves when so many seconds have passed since the last time. */
  readonly saveSecs?: number | undefined;
  readonly saveEpochs?: boolean;
  /** Goes into each checkpoint: what the training is. */
  readonly origin?: JsonValue;
  readonly listeners?: readonly CheckpointSaverListener[];
  /** Waited for before a checkpoint appears. */
  readonly beforeCommit?: () => Promise<void>;
  /** Where to take up the training. Default: the newest checkpoint that is whole. */
  readonly restore?: () => Promise<TrainingState | undefined>;
}

/**
 * Keeps a training in checkpoints. A step waits only until its state is marked; the state is collected after the next
 * step, when nothing has to be copied any more, and is written while further steps run. One is written at a time.
 *
 * Summaries of the steps before a checkpoint are on the disk before it is.
 */
export class CheckpointKeeper implements Keeper {
  readonly #options: CheckpointKeeperOptions;
  #marked: TrainingState | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  #savedStep: number | undefined;
  #savedAt = 0;
  #isToStop = false;
  /** Since the state was taken last: it says then that an epoch is not at its end. */
  #isEpochOver = false;

  constructor(options: CheckpointKeeperOptions) {
    this.#options = options;
  }

  async restore(): Promise<TrainingState | undefined> {
    const { store, restore } = this.#options;
    if (restore) return restore();
    const found = await store.newestWhole((_, reason) => process.emitWarning(reason));
    return found && fromCheckpoint(found.checkpoint, found.path);
  }

  async begin({ step }: TrainingSession): Promise<void> {
    this.#savedStep = step > 0 ? step : undefined;
    this.#savedAt = performance.now();
    for (const listener of this.#listeners) await listener.begin?.();
  }

  async afterStep(session: TrainingSession): Promise<void> {
    this.#collect();
    this.#throwFailure();
    if (this.#isToStop) session.requestStop();
    if (this.#isDue(session.step)) await this.#mark(session);
  }

  async afterEpoch(session: TrainingSession): Promise<void> {
    this.#isEpochOver = true;
    if (this.#options.saveEpochs) await this.#mark(session, true);
  }

  async end(session: TrainingSession): Promise<void> {
    await this.#mark(session, this.#isEpochOver);
    await this.#flush();
    for (const listener of this.#listeners) await listener.end?.(session.step);
  }

  async failed(session: TrainingSession, error: unknown): Promise<void> {
    const isWhole = !(error instanceof DivergedError || error instanceof DeviceLostError);
    if (isWhole && session.step > 0 && !this.#failure) await this.#mark(session).catch(() => {});
    await this.#flush().catch(() => {});
  }

  async release(): Promise<void> {}

  get #listeners(): readonly CheckpointSaverListener[] {
    return this.#options.listeners ?? [];
  }

  #isDue(step: number): boolean {
    const { saveSteps, saveSecs } = this.#options;
    if (saveSteps !== undefined) return step % saveSteps === 0;
    return saveSecs !== undefined && performance.now() - this.#savedAt >= saveSecs * 1000;
  }

  /** Takes the state as it is now, unless that of this step is taken. */
  async #mark(session: TrainingSession, anew = false): Promise<void> {
    if (this.#savedStep === session.step && !anew) return;
    await this.#flush();
    this.#marked = await session.capture();
    for (const listener of this.#listeners) await listener.beforeSave?.(session.step);
    this.#isEpochOver = false;
    this.#savedStep = session.step;
    this.#savedAt = performance.now();
  }

  /** Begins to write what is marked. */
  #collect(): void {
    if (!this.#marked) return;
    this.#writing = this.#write(this.#marked).catch((error: unknown) => {
      this.#failure ??= { error };
    });
    this.#marked = undefined;
  }

  async #write(state: TrainingState): Promise<void> {
    const { store, origin = null, beforeCommit } = this.#options;
    const path = await store.save(await toCheckpoint(state, origin), {
      beforeCommit: async () => {
        await flushAllWriters();
        await beforeCommit?.();
      },
    });
    for (const listener of this.#listeners)
      if ((await listener.afterSave?.(state.progress.step, path)) === true) this.#isToStop = true;
  }

  /** Waits until all that was marked is on the disk. */
  async #flush(): Promise<void> {
    this.#collect();
    await this.#writing;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure.error;
  }
}
