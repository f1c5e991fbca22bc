import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { DamagedCheckpoint, readCheckpoint } from '../training/checkpoints/checkpoint-file.ts';
import { CheckpointStore } from '../training/checkpoints/checkpoint-store.ts';
import { originOf } from '../training/checkpoints/state-file.ts';
import type { CheckpointEvent, Listener, RunEvent } from './events.ts';
import { configFile, isRun, readSummary } from './run-folder.ts';
import { readDescription, trainingFile } from './training-folder.ts';

/** A checkpoint that was passed over by a training has this behind its name. */
const setAside = /^model\.ckpt-(\d+)\.safetensors\.damaged$/;

/**
 * Tells of each checkpoint of a folder, those found damaged too; every byte is read and checked.
 *
 * @throws {DataError} when there is none, or no such folder
 */
export async function listCheckpoints(folder: string, listen: Listener): Promise<void> {
  const names = await namesIn(folder);
  const found = (await new CheckpointStore(folder).list()).map(({ step, path }) => ({ step, path }));
  for (const name of names) {
    const step = setAside.exec(name)?.[1];
    if (step !== undefined) found.push({ step: Number(step), path: join(folder, name) });
  }
  if (found.length === 0)
    throw new DataError(`${folder} holds no checkpoints: give the folder of a training`);
  for (const { step, path } of found.sort((a, b) => a.step - b.step)) {
    const status = await stat(path).catch(() => undefined);
    if (!status) continue; // a training that is running has removed it
    const { size: bytes, mtime } = status;
    listen({
      event: 'checkpoint',
      file: path,
      step,
      bytes,
      date: mtime.toISOString(),
      ...(await stateOf(path)),
    });
  }
}

async function stateOf(path: string): Promise<Pick<CheckpointEvent, 'stage' | 'state' | 'reason'>> {
  try {
    const { stage } = (originOf(await readCheckpoint(path)) ?? {}) as { stage?: unknown };
    return { stage: typeof stage === 'string' ? stage : null, state: 'whole' };
  } catch (error) {
    const state = error instanceof DamagedCheckpoint ? 'damaged' : 'unreadable';
    return { stage: null, state, reason: errorMessage(error) };
  }
}

/**
 * Tells of each run that lies directly in a folder, by name.
 *
 * @throws {DataError} when there is none, or no such folder
 */
export async function listRuns(folder: string, listen: Listener): Promise<void> {
  let found = 0;
  for (const name of (await namesIn(folder)).sort()) {
    const event = await runAt(join(folder, name));
    if (!event) continue;
    found++;
    listen(event);
  }
  if (found === 0) throw new DataError(`${folder} holds no runs: give the folder that runs lie in`);
}

const noFigures = { accuracy: null, accuracyInterval: null, auc: null };

/** @returns undefined for what is no run */
async function runAt(path: string): Promise<RunEvent | undefined> {
  if (!(await stat(path).catch(() => undefined))?.isDirectory()) return undefined;
  const ended = await isRun(path);
  const newest = (await new CheckpointStore(path).list()).at(-1);
  const description = await readDescription(path).catch((error: unknown) => error as DataError);
  if (!ended && !newest && description === undefined) return undefined;
  const { backbone, recipe } = namesOf(description);
  const last = await stat(join(path, ended ? configFile : trainingFile)).catch(() => undefined);
  const date = (ended ? last?.mtime : (newest?.modified ?? last?.mtime)) ?? new Date(0);
  const known = { event: 'run', run: path, date: date.toISOString(), backbone, recipe } as const;
  const step = newest?.step ?? null;
  if (description instanceof DataError)
    return { ...known, ...noFigures, state: 'damaged', step, reason: description.message };
  if (!ended) return { ...known, ...noFigures, state: 'unfinished', step };
  try {
    const { config, evaluation } = await readSummary(path);
    const state = config.settings.interrupted === true ? 'unfinished' : 'finished';
    const { accuracy, accuracyInterval, auc } = evaluation ?? noFigures;
    const names = { backbone: config.backbone, recipe: config.recipe };
    return { ...known, ...names, state, step, accuracy, accuracyInterval, auc };
  } catch (error) {
    return { ...known, ...noFigures, state: 'damaged', step, reason: errorMessage(error) };
  }
}

function namesOf(description: unknown): Pick<RunEvent, 'backbone' | 'recipe'> {
  const { backbone, recipe } = (description ?? {}) as { backbone?: unknown; recipe?: unknown };
  const name = typeof recipe === 'object' ? (recipe as { name?: unknown } | null)?.name : recipe;
  return {
    backbone: typeof backbone === 'string' ? backbone : null,
    recipe: typeof name === 'string' ? name : null,
  };
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT') throw new DataError(`${folder}: there is no such folder`);
    if (code === 'ENOTDIR') throw new DataError(`${folder} is a file: a folder is expected`);
    throw new DataError(`cannot read the folder ${folder}: ${errorMessage(error)}`, { cause: error });
  }
}
