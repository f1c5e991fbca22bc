import { resolve } from 'node:path';
import { purgeEvents } from './event-folder.ts';
import { SummaryWriter } from './summary-writer.ts';

/** A folder's writer, while somebody holds it. */
export interface SharedWriter {
  readonly writer: SummaryWriter;
  /**
   * Gives it back: what was given to it is on the disk then, and the last one closes it. Harmless a second time.
   *
   * @throws {SystemError} when something could not be written
   */
  release(): Promise<void>;
}

export interface SharedWriterOptions {
  /** The step that a training goes on from: see `purgeEvents`, which is done where nobody holds the writer yet. */
  readonly from?: number | undefined;
}

interface Shared {
  readonly writer: SummaryWriter;
  readonly flushing: NodeJS.Timeout;
  holders: number;
}

/** What is written can be seen after so many milliseconds at the latest. */
const flushEvery = 30_000;

const open = new Map<string, Shared>();

/** Writers are opened and closed one after another: a folder is purged only when its last file is closed. */
let turns: Promise<unknown> = Promise.resolve();

function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const turn = turns.then(work);
  turns = turn.catch(() => {});
  return turn;
}

/**
 * The one writer of a folder in this process: TensorBoard follows only the newest event file of a folder, so that all
 * who write to it have to share one. It is flushed every 30 seconds.
 *
 * @throws {SystemError} when the system refuses
 * @throws {DataError} with `from`, names the event file that is damaged
 * @example
 * const { writer, release } = await openSharedWriter('runs/oct');
 * writer.scalars(100, { loss: 0.31 });
 * await release();
 */
export function openSharedWriter(folder: string, { from }: SharedWriterOptions = {}): Promise<SharedWriter> {
  const path = resolve(folder);
  return inTurn(async () => {
    let shared = open.get(path);
    if (!shared) {
      if (from !== undefined) await purgeEvents(path, from);
      shared = share(await SummaryWriter.open(path));
      open.set(path, shared);
    }
    shared.holders++;
    let released: Promise<void> | undefined;
    const release = (): Promise<void> => {
      released ??= inTurn(() => giveBack(path, shared));
      return released;
    };
    return { writer: shared.writer, release };
  });
}

/**
 * Ends when all that was given to open writers so far is on the disk.
 *
 * @throws {SystemError} when something could not be written
 */
export function flushAllWriters(): Promise<void> {
  return inTurn(async () => {
    await Promise.all([...open.values()].map(({ writer }) => writer.flush()));
  });
}

function share(writer: SummaryWriter): Shared {
  // Who flushes next is told of a failure.
  const flushing = setInterval(() => void writer.flush().catch(() => {}), flushEvery).unref();
  return { writer, flushing, holders: 0 };
}

async function giveBack(path: string, shared: Shared): Promise<void> {
  shared.holders--;
  if (shared.holders > 0) return shared.writer.flush();
  open.delete(path);
  clearInterval(shared.flushing);
  await shared.writer.close();
}
