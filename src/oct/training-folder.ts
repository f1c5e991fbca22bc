import { readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { makeFolder, refuseOccupied, writeFileWhole } from '../core/files.ts';
import { refuseOtherOrigin } from '../estimator/origin.ts';
import { CheckpointStore } from '../training/checkpoints/checkpoint-store.ts';
import { type DirectoryLock, lockDirectory } from '../training/checkpoints/directory-lock.ts';
import type { JsonValue } from '../training/checkpoints/exact-json.ts';
import { purgeEvents } from '../training/summaries/event-folder.ts';

/** Says what the training of a folder is. */
export const trainingFile = 'training.json';

/** All that a training leaves which was killed before it said what it is. */
const traces = /^training\.lock|\.partial$/;

/** The folder of a training that belongs to this process: its checkpoints, its summaries, and at last its run. */
export class TrainingFolder {
  readonly path: string;
  readonly store: CheckpointStore;
  #lock: DirectoryLock;
  /** Whether it was this call that said what the training is. */
  #isNew = false;

  private constructor(path: string, store: CheckpointStore, lock: DirectoryLock) {
    this.path = path;
    this.store = store;
    this.#lock = lock;
  }

  /**
   * Makes the folder where there is none, and locks it.
   *
   * @param keep how many checkpoints are kept
   * @throws {UsageError} when it holds something else, or a training is under way in it
   * @throws {SystemError} when the system refuses
   */
  static async open(path: string, keep: number): Promise<TrainingFolder> {
    const isOwn = (names: readonly string[]) =>
      names.includes(trainingFile) || names.every((name) => traces.test(name));
    await refuseOccupied(path, isOwn);
    await makeFolder(path);
    const lock = await lockTraining(path);
    const folder = new TrainingFolder(path, new CheckpointStore(path, { keepMax: keep }), lock);
    await folder.store.removePartials();
    return folder;
  }

  /**
   * Says what the training is, or makes sure that it is still the same.
   *
   * @param description plain JSON
   * @throws {DataError} names what has changed
   */
  async claim(description: object): Promise<void> {
    const now = JSON.parse(JSON.stringify(description)) as JsonValue;
    const before = await readDescription(this.path);
    if (before !== undefined) return refuseOtherOrigin(before, now, this.path);
    this.#isNew = true;
    await writeFileWhole(join(this.path, trainingFile), `${JSON.stringify(now, null, 2)}\n`);
  }

  /** Before anything is written that counts. */
  beforeCommit = (): Promise<void> => this.#lock.assertHeld();

  /** Gives the folder free for a training that locks it itself. */
  async unlock(): Promise<void> {
    await this.#lock.release();
  }

  /** Takes it back. */
  async lock(): Promise<void> {
    this.#lock = await lockTraining(this.path);
  }

  /** Gives the folder free, and takes it away where nothing was learned in it. */
  async close(): Promise<void> {
    const isEmpty = (await this.store.list()).length === 0;
    if (this.#isNew && isEmpty) {
      await purgeEvents(this.path, -1);
      await rm(join(this.path, trainingFile), { force: true });
    }
    await this.#lock.release();
    if (isEmpty) await rmdir(this.path).catch(() => {}); // it is not empty where there is something after all
  }
}

function lockTraining(path: string): Promise<DirectoryLock> {
  return lockDirectory(path, { what: 'training' });
}

/**
 * What the training of a folder is.
 *
 * @returns undefined where there is none
 * @throws {DataError} when the file is damaged
 */
export async function readDescription(folder: string): Promise<JsonValue | undefined> {
  const path = join(folder, trainingFile);
  try {
    return JSON.parse(await readFile(path, 'utf8')) as JsonValue;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new DataError(`cannot read ${path}: ${errorMessage(error)}; choose another folder`, {
      cause: error,
    });
  }
}
