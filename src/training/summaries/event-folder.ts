import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type EventFile, readEventFile } from '../../codecs/event-file.ts';
import { DataError, errorCode, errorMessage } from '../../core/errors.ts';
import { writeFailed, writeFileWhole } from '../../core/files.ts';

/** A scalar that was written, in float32. */
export interface ScalarSummary {
  readonly step: number;
  readonly tag: string;
  readonly value: number;
  /** Seconds since 1970. */
  readonly wallTime: number;
}

/** Event files that are being rewritten end so: see `writeFileWhole`. */
const unfinished = /\.partial$/;

/**
 * Takes away what was written of steps after `step`, in all event files of a folder, and torn last records, so that a
 * training that goes on from `step` writes nothing twice. Files that are left without a summary are removed; folders
 * within, as `eval`, are not looked at. It is done before a writer is opened: one that is open would go on writing to a
 * file that is gone.
 *
 * @throws {DataError} names the file that is damaged, or cannot be read
 * @throws {SystemError} when the system refuses
 * @example await purgeEvents('runs/oct', 1200);
 */
export async function purgeEvents(folder: string, step: number): Promise<void> {
  for (const path of await eventPaths(folder)) {
    if (unfinished.test(path)) {
      await remove(path);
      continue;
    }
    const { records, tornBytes } = await readEvents(path);
    const kept = records.filter(({ event }) => event.step <= step);
    if (kept.every(({ event }) => event.fileVersion !== undefined)) await remove(path);
    else if (kept.length < records.length || tornBytes > 0) {
      await writeFileWhole(
        path,
        kept.map(({ bytes }) => bytes),
      );
    }
  }
}

/**
 * The scalars of all event files of a folder, in the order of their steps, those of one step in the order in which they
 * were written. None where there is no such folder; torn last records are passed over, and folders within.
 *
 * @throws {DataError} names the file that is damaged, or cannot be read
 * @example const accuracies = (await readScalars('runs/oct/eval')).filter(({ tag }) => tag === 'accuracy');
 */
export async function readScalars(folder: string): Promise<ScalarSummary[]> {
  const summaries: ScalarSummary[] = [];
  for (const path of await eventPaths(folder)) {
    if (unfinished.test(path)) continue;
    for (const { event } of (await readEvents(path)).records) {
      const { step, wallTime, scalars } = event;
      for (const { tag, value } of scalars) summaries.push({ step, tag, value, wallTime });
    }
  }
  return summaries.sort((a, b) => a.step - b.step);
}

/** As TensorBoard knows them, the oldest first. */
async function eventPaths(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && entry.name.includes('tfevents'))
      .map(({ name }) => name)
      .sort(new Intl.Collator('en', { numeric: true }).compare)
      .map((name) => join(folder, name));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [];
    throw new DataError(`cannot read the folder ${folder}: ${errorMessage(error)}`, { cause: error });
  }
}

async function readEvents(path: string): Promise<EventFile & { tornBytes: number }> {
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new DataError(`cannot read ${path}: ${errorMessage(error)}`, { cause: error });
  }
  const file = readEventFile(path, bytes);
  return { ...file, tornBytes: bytes.length - file.wholeBytes };
}

async function remove(path: string): Promise<void> {
  try {
    await rm(path, { force: true });
  } catch (error) {
    throw writeFailed(path, error);
  }
}
