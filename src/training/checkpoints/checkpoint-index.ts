import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, errorMessage, SystemError } from '../../core/errors.ts';
import { writeFileWhole } from '../../core/files.ts';
import type { Saved } from './retention.ts';

const indexName = 'checkpoint';

export function checkpointName(step: number): string {
  return `model.ckpt-${step}.safetensors`;
}

/** @returns undefined when it is no checkpoint's name */
export function stepOf(name: string): number | undefined {
  const digits = /^model\.ckpt-(0|[1-9]\d*)\.safetensors$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** What the file `checkpoint` says that files do not. */
export interface CheckpointIndex {
  /** When each step was saved, in seconds. */
  readonly times: ReadonlyMap<number, number>;
  /** When the last checkpoint that is kept for good was saved, seconds. */
  readonly preserved: number | undefined;
}

/**
 * Writes the file `checkpoint` as TensorFlow does, in protobuf's text form.
 * https://github.com/tensorflow/tensorflow/blob/master/tensorflow/python/training/checkpoint_state.proto
 */
export async function writeIndex(
  folder: string,
  current: number,
  kept: readonly Saved[],
  preserved: number,
): Promise<void> {
  const lines = [
    `model_checkpoint_path: "${checkpointName(current)}"`,
    ...kept.map(({ step }) => `all_model_checkpoint_paths: "${checkpointName(step)}"`),
    ...kept.map(({ time }) => `all_model_checkpoint_timestamps: ${time}`),
    `last_preserved_timestamp: ${preserved}`,
  ];
  await writeFileWhole(join(folder, indexName), `${lines.join('\n')}\n`);
}

/** What of the file `checkpoint` is there and can be read. */
export async function readIndex(folder: string): Promise<CheckpointIndex> {
  let text = '';
  try {
    text = await readFile(join(folder, indexName), 'utf8');
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') {
      throw new SystemError(`cannot read ${join(folder, indexName)}: ${errorMessage(error)}`, {
        cause: error,
      });
    }
  }
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map((found) => found[1]!);
  const times = all(/^all_model_checkpoint_timestamps: (\d+(?:\.\d+)?)$/gm).map(Number);
  const steps = all(/^all_model_checkpoint_paths: "(.+)"$/gm).map(stepOf);
  const known = steps.flatMap((step, i): [number, number][] => {
    const time = times[i];
    return step !== undefined && time !== undefined ? [[step, time]] : [];
  });
  const preserved = all(/^last_preserved_timestamp: (-?\d+(?:\.\d+)?)$/gm).map(Number)[0];
  return { times: new Map(known), preserved };
}
