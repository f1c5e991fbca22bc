import { randomUUID } from 'node:crypto';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { errorCode, errorMessage, FoveaError, SystemError, UsageError } from '../../core/errors.ts';
import { createFile, makeParentFolder } from '../../core/files.ts';
import { areNeighbours, isRunning, type ProcessIdentity, thisProcess } from './process-identity.ts';

/** A directory that belongs to this process. */
export interface DirectoryLock {
  /**
   * Before anything that two must not do.
   *
   * @throws {SystemError} when the lock was lost: removed by hand, or taken over while this process stood still
   */
  assertHeld(): Promise<void>;
  /** Gives the directory free. Harmless when it was done before. */
  release(): Promise<void>;
}

/** The content of a lock file. */
interface Holder extends ProcessIdentity {
  /** ISO 8601. */
  readonly since: string;
  readonly token: string;
}

interface Found {
  readonly holder: Holder | undefined;
  /** Milliseconds since the last heartbeat. */
  readonly age: number;
}

const heartbeatEvery = 5_000;
/** A holder that cannot be asked for is dead when its heartbeat is this old, milliseconds. */
const deadAfter = 60_000;

/**
 * Locks a directory against a second training, by a file `training.lock` in it; makes the directory where there is none.
 * The lock of a process that died is taken over. On the same machine that is known at once; a process on another host, or
 * in another container, counts as dead when it has not touched the file for 60 s, so the hosts' clocks must agree to
 * within that.
 *
 * @throws {UsageError} says who holds the directory, and what to do
 * @throws {SystemError} when the system refuses
 * @example
 * const lock = await lockDirectory('runs/1', { what: 'training' });
 * try { await train(); } finally { await lock.release(); }
 */
export async function lockDirectory(
  folder: string,
  { what }: { readonly what: string },
): Promise<DirectoryLock> {
  const path = join(folder, `${what}.lock`);
  await makeParentFolder(path);
  try {
    const me = await thisProcess();
    const lock = await acquire(path, me);
    if (lock instanceof HeldLock) return lock;
    throw refusal(resolve(folder), what, path, lock, me);
  } catch (error) {
    if (error instanceof FoveaError) throw error;
    throw new SystemError(`cannot lock ${folder}: ${errorMessage(error)}`, { cause: error });
  }
}

class HeldLock implements DirectoryLock {
  readonly #path: string;
  readonly #handle: FileHandle;
  readonly #heartbeat: NodeJS.Timeout;
  #released: Promise<void> | undefined;

  constructor(path: string, handle: FileHandle) {
    this.#path = path;
    this.#handle = handle;
    this.#heartbeat = setInterval(() => {
      const now = new Date();
      // It touches this very file, whatever has its name by now. If that fails, `assertHeld` finds out in time.
      handle.utimes(now, now).catch(() => {});
    }, heartbeatEvery).unref();
  }

  async assertHeld(): Promise<void> {
    if (!this.#released && (await this.#isMine())) return;
    throw new SystemError(
      `${this.#path} is no longer this process's: it was removed, or taken over while the process stood still; nothing is written any more`,
    );
  }

  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    clearInterval(this.#heartbeat);
    try {
      if (await this.#isMine()) await rm(this.#path, { force: true });
    } finally {
      await this.#handle.close();
    }
  }

  /** An open file's number is not used again. */
  async #isMine(): Promise<boolean> {
    const [mine, there] = await Promise.all([this.#handle.stat(), stat(this.#path).catch(() => undefined)]);
    return mine.ino === there?.ino && mine.dev === there.dev;
  }
}

/** The lock, or who has it. */
async function acquire(path: string, me: ProcessIdentity): Promise<HeldLock | Found> {
  for (;;) {
    const holder: Holder = { ...me, since: new Date().toISOString(), token: randomUUID() };
    const handle = await createFile(path, `${JSON.stringify(holder)}\n`);
    if (handle) return new HeldLock(path, handle);
    const found = await lookAt(path);
    if (!found) continue; // it was released just now
    if (await isAlive(found, me)) return found;
    await removeDead(path, me);
  }
}

/**
 * Removes a dead process's lock. Whoever wants to holds a second lock and looks again under it: otherwise one who looked
 * before could remove what another has taken since. That lock's holder may have died as well, and is dealt with alike.
 */
async function removeDead(path: string, me: ProcessIdentity): Promise<void> {
  const guard = await acquire(`${path}.takeover`, me);
  if (!(guard instanceof HeldLock)) {
    await setTimeout(20);
    return;
  }
  try {
    const found = await lookAt(path);
    if (found && !(await isAlive(found, me))) await rm(path, { force: true });
  } finally {
    await guard.release();
  }
}

async function lookAt(path: string): Promise<Found | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, 'r'); // one file for both, whatever gets its name meanwhile
    const { mtimeMs } = await handle.stat();
    return { holder: parseHolder(await handle.readFile('utf8')), age: Date.now() - mtimeMs };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  } finally {
    await handle?.close();
  }
}

/** @returns undefined for a torn file */
function parseHolder(text: string): Holder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<Holder> | null;
    return typeof holder?.host === 'string' && Number.isSafeInteger(holder.pid) && holder.token !== undefined
      ? (holder as Holder)
      : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive({ holder, age }: Found, me: ProcessIdentity): Promise<boolean> {
  const beats = Math.abs(age) < deadAfter;
  if (!holder || !areNeighbours(holder, me)) return beats;
  return (await isRunning(holder)) ?? beats;
}

function refusal(folder: string, what: string, path: string, { holder, age }: Found, me: ProcessIdentity) {
  const seconds = Math.max(0, Math.round(age / 1000));
  const heartbeat = `its heartbeat is ${seconds} s old, and it counts as dead after ${deadAfter / 1000} s`;
  const another = 'or choose another directory';
  if (!holder) {
    return new UsageError(
      `${folder}: ${what} is under way here: ${path} is there, but does not say whose it is (${heartbeat}); try again later, ${another}`,
    );
  }
  const who = holder.pid === me.pid && areNeighbours(holder, me) ? 'this process' : `process ${holder.pid}`;
  const certain = areNeighbours(holder, me) && holder.started !== null;
  return new UsageError(
    `${folder}: ${what} is under way here since ${holder.since}, by ${who} on host ${holder.host}${certain ? '' : ` (${heartbeat})`}; wait until it has ended, stop it, ${another}`,
  );
}
