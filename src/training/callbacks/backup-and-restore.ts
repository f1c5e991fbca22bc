import { rm } from 'node:fs/promises';
import { errorMessage, SystemError } from '../../core/errors.ts';
import {
  type ConfigOf,
  count,
  either,
  flag,
  oneOf,
  optional,
  required,
  resolveOptions,
  text,
} from '../../core/options.ts';
import type { Callback } from '../callback.ts';
import { CheckpointKeeper } from '../checkpoints/checkpoint-keeper.ts';
import { CheckpointStore } from '../checkpoints/checkpoint-store.ts';
import { type DirectoryLock, lockDirectory } from '../checkpoints/directory-lock.ts';
import type { TrainingSession } from '../hook.ts';
import type { Keeper } from '../keeper.ts';
import type { TrainingState } from '../state.ts';

const options = {
  /** A folder of its own, where the training is kept. */
  backupDir: required(text),
  /** `epoch`: after each epoch; a number: after so many steps. Default `epoch`. */
  saveFreq: optional(either(count, oneOf(['epoch'])), 'epoch'),
  /** Removes the backup when the training has ended without an interruption. Default true. */
  deleteCheckpoint: optional(flag, true),
};

export type BackupAndRestoreOptions = ConfigOf<typeof options>;

/**
 * Keeps a training, so that the same call of `fit` in a new process goes on where it was: weights, optimizer, the place
 * in the data, sums of metrics, the states of the other callbacks. https://keras.io/api/callbacks/backup_and_restore/
 *
 * The data must be as they were, and callbacks in the same order.
 *
 * @example await net.fitDataset(data, { epochs: 20, callbacks: [new BackupAndRestore({ backupDir: 'runs/backup' })] });
 */
export class BackupAndRestore implements Callback {
  readonly keeper: Keeper;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: BackupAndRestoreOptions) {
    const { backupDir, saveFreq, deleteCheckpoint } = resolveOptions(options, config, 'BackupAndRestore');
    this.keeper = new Backup(
      backupDir,
      saveFreq === 'epoch' ? undefined : (saveFreq as number),
      deleteCheckpoint,
    );
  }
}

class Backup implements Keeper {
  readonly #folder: string;
  readonly #saveSteps: number | undefined;
  readonly #isDeleted: boolean;
  #lock: DirectoryLock | undefined;
  #keeper!: CheckpointKeeper;

  constructor(folder: string, saveSteps: number | undefined, isDeleted: boolean) {
    this.#folder = folder;
    this.#saveSteps = saveSteps;
    this.#isDeleted = isDeleted;
  }

  async restore(): Promise<TrainingState | undefined> {
    const lock = await lockDirectory(this.#folder, { what: 'training' });
    this.#lock = lock;
    const store = new CheckpointStore(this.#folder, { keepMax: 1 });
    await store.removePartials();
    this.#keeper = new CheckpointKeeper({
      store,
      saveSteps: this.#saveSteps,
      saveEpochs: this.#saveSteps === undefined,
      beforeCommit: () => lock.assertHeld(),
    });
    return this.#keeper.restore();
  }

  begin(session: TrainingSession): Promise<void> {
    return this.#keeper.begin(session);
  }

  afterStep(session: TrainingSession): Promise<void> {
    return this.#keeper.afterStep(session);
  }

  afterEpoch(session: TrainingSession): Promise<void> {
    return this.#keeper.afterEpoch(session);
  }

  async end(session: TrainingSession): Promise<void> {
    await this.#keeper.end(session);
    if (this.#isDeleted && !session.isInterrupted) await this.#remove();
  }

  failed(session: TrainingSession, error: unknown): Promise<void> {
    return this.#keeper.failed(session, error);
  }

  async release(): Promise<void> {
    await this.#lock?.release();
  }

  async #remove(): Promise<void> {
    try {
      await rm(this.#folder, { recursive: true, force: true });
    } catch (error) {
      throw new SystemError(`cannot remove the backup ${this.#folder}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
}
