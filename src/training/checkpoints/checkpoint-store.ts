import { readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, errorMessage, SystemError } from '../../core/errors.ts';
import { makeParentFolder, removePartialFiles, type WholeOptions, writeFileWhole } from '../../core/files.ts';
import { type ConfigOf, optional, real, resolveOptions, wholeNumber } from '../../core/options.ts';
import { type Checkpoint, DamagedCheckpoint, encodeCheckpoint, readCheckpoint } from './checkpoint-file.ts';
import { checkpointName, readIndex, stepOf, writeIndex } from './checkpoint-index.ts';
import { type RetentionRule, sweep } from './retention.ts';

const options = {
  /** So many of the newest are kept; 0: all. Default 5. */
  keepMax: optional(wholeNumber, 5),
  /** Of the others, one for every so many hours is kept as well; 0: none. Default 10,000. */
  keepEveryNHours: optional(real({ from: 0 }), 10_000),
};

export interface CheckpointStoreOptions extends ConfigOf<typeof options> {
  /** What time it is, in milliseconds since 1970. Default: the system's clock. */
  readonly now?: () => number;
}

export interface CheckpointEntry {
  readonly step: number;
  readonly path: string;
  readonly bytes: number;
  readonly modified: Date;
}

/**
 * The checkpoints of a folder: `model.ckpt-STEP.safetensors`, and beside them `checkpoint`, which tells people and tools
 * what there is, as TensorFlow's does. Only the files count: where both disagree, the file `checkpoint` is wrong.
 *
 * Of several processes, one may save, the one that holds the folder's lock (`lockDirectory`); others may read.
 *
 * @example
 * const store = new CheckpointStore('runs/1', { keepMax: 3 });
 * const found = await store.newestWhole((path, reason) => console.warn(reason));
 */
export class CheckpointStore {
  readonly folder: string;
  readonly #rule: RetentionRule;
  readonly #now: () => number;
  #saving: Promise<unknown> = Promise.resolve();

  /** @throws {UsageError} names the option that is wrong */
  constructor(folder: string, { now = Date.now, ...config }: CheckpointStoreOptions = {}) {
    const { keepMax, keepEveryNHours } = resolveOptions(options, config, 'CheckpointStore');
    this.folder = folder;
    this.#rule = { keepMax: keepMax!, keepEveryNHours: keepEveryNHours! };
    this.#now = now;
  }

  /**
   * Saves a checkpoint, replaces the one of the same step, and then removes those that are no longer needed. A second
   * call waits for the first. Whatever fails, the older checkpoints stay whole.
   *
   * @param options `beforeCommit` is waited for when the checkpoint is on the disk, before it appears
   * @returns its path
   * @throws {UsageError} when its values are no plain JSON
   * @throws {SystemError} when the system refuses: a full disk, or one that fails
   */
  save(checkpoint: Checkpoint, options: WholeOptions = {}): Promise<string> {
    const saved = this.#saving.then(() => this.#save(checkpoint, options));
    this.#saving = saved.catch(() => {});
    return saved;
  }

  /** The checkpoints that are there, by step, ascending. */
  async list(): Promise<CheckpointEntry[]> {
    const found: CheckpointEntry[] = [];
    for (const name of await namesIn(this.folder)) {
      const step = stepOf(name);
      if (step === undefined) continue;
      const path = join(this.folder, name);
      const status = await stat(path).catch(gone);
      if (status?.isFile()) found.push({ step, path, bytes: status.size, modified: status.mtime });
    }
    return found.sort((a, b) => a.step - b.step);
  }

  /**
   * The newest checkpoint that is whole. Damaged ones are passed over, and from then on are called `….damaged`, so that
   * they neither count nor are told again.
   *
   * @param onDamaged is told of each of them
   * @throws {DataError} when a checkpoint cannot be read or was written by a newer fovea: it is not passed over
   */
  async newestWhole(
    onDamaged?: (path: string, reason: string) => void,
  ): Promise<{ readonly path: string; readonly checkpoint: Checkpoint } | undefined> {
    for (const entry of (await this.list()).reverse()) {
      const { path } = entry;
      try {
        return { path, checkpoint: await readCheckpoint(path) };
      } catch (error) {
        if (error instanceof DamagedCheckpoint) {
          await setAside(entry).catch(() => {}); // whoever may only read passes it over all the same
          onDamaged?.(path, error.message);
        } else if (!(error instanceof Error && errorCode(error.cause) === 'ENOENT')) throw error;
      }
    }
    return undefined;
  }

  /** The path of the checkpoint with the highest step, which is not read. */
  async latest(): Promise<string | undefined> {
    return (await this.list()).at(-1)?.path;
  }

  /**
   * Whether a checkpoint is as it was written.
   *
   * @throws {DataError} when it cannot be read or was written by a newer fovea
   */
  async check(path: string): Promise<'whole' | { readonly damaged: string }> {
    try {
      await readCheckpoint(path);
      return 'whole';
    } catch (error) {
      if (error instanceof DamagedCheckpoint) return { damaged: error.message };
      throw error;
    }
  }

  /** Removes what a killed process left half written. Only for whoever holds the folder's lock. */
  async removePartials(): Promise<void> {
    await removePartialFiles(this.folder);
  }

  async #save(checkpoint: Checkpoint, options: WholeOptions): Promise<string> {
    const path = join(this.folder, checkpointName(checkpoint.step));
    await makeParentFolder(path);
    await writeFileWhole(path, await encodeCheckpoint(checkpoint), options);
    await this.#settle(checkpoint.step);
    return path;
  }

  /** Writes the index, then removes what it no longer has. */
  async #settle(current: number): Promise<void> {
    const now = this.#now() / 1000;
    const index = await readIndex(this.folder);
    // A clock may have been set back since.
    const saved = (await this.list()).map(({ step, modified }) => ({
      step,
      time: step === current ? now : Math.min(now, index.times.get(step) ?? modified.getTime() / 1000),
    }));
    const before = Math.min(...saved.map(({ time }) => time)) - 1;
    const swept = sweep(saved, this.#rule, current, Math.min(now, index.preserved ?? before));
    await writeIndex(this.folder, current, swept.kept, swept.preserved);
    for (const { step } of swept.removed) {
      const path = join(this.folder, checkpointName(step));
      await rm(path, { force: true }).catch((error: unknown) => {
        throw new SystemError(`cannot remove the old checkpoint ${path}: ${errorMessage(error)}`, {
          cause: error,
        });
      });
    }
  }
}

/** Gives a damaged checkpoint another name, unless it has been saved anew since it was listed. */
async function setAside({ path, modified }: CheckpointEntry): Promise<void> {
  const { mtime } = await stat(path);
  if (mtime.getTime() === modified.getTime()) await rename(path, `${path}.damaged`);
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder).catch(gone)) ?? [];
  } catch (error) {
    throw new SystemError(`cannot read the folder ${folder}: ${errorMessage(error)}`, { cause: error });
  }
}

function gone(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}
