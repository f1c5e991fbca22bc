import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CheckpointStore } from '../training/checkpoints/checkpoint-store.ts';
import { purgeEvents, readScalars } from '../training/summaries/event-folder.ts';
import { openSharedWriter } from '../training/summaries/shared-writers.ts';
import type { SummaryWriter } from '../training/summaries/summary-writer.ts';
import type { Logs } from '../training/trainable.ts';
import type { RunConfig } from './run-config.ts';

/** The folder of an estimator: checkpoints, the training's summaries, and those of its evaluations in `eval…`. */
export class ModelDirectory {
  readonly path: string;
  readonly config: RunConfig;
  readonly store: CheckpointStore;

  constructor(path: string, config: RunConfig) {
    const { keepCheckpointMax, keepCheckpointEveryNHours } = config.settings;
    this.path = path;
    this.config = config;
    this.store = new CheckpointStore(path, {
      keepMax: keepCheckpointMax,
      keepEveryNHours: keepCheckpointEveryNHours,
    });
  }

  /** Takes away all summaries of steps after `step`: they will be written again. */
  async purge(step: number): Promise<void> {
    await purgeEvents(this.path, step);
    for (const name of await readdir(this.path))
      if (/^eval(_|$)/.test(name)) await purgeEvents(join(this.path, name), step);
  }

  /** Whether a step was evaluated. */
  async isEvaluated(evalDir: string, step: number): Promise<boolean> {
    return (await readScalars(evalDir)).some((scalar) => scalar.step === step);
  }

  /**
   * Once for each step: a second evaluation of the same checkpoint says the same.
   *
   * @param writeMore comes before the numbers, by which it is known that a step was evaluated
   */
  async writeEvaluation(
    evalDir: string,
    step: number,
    logs: Logs,
    writeMore: (writer: SummaryWriter) => Promise<void>,
  ): Promise<void> {
    if (await this.isEvaluated(evalDir, step)) return;
    const { writer, release } = await openSharedWriter(evalDir);
    try {
      await writeMore(writer);
      writer.scalars(step, logs);
      await writer.flush();
    } finally {
      await release();
    }
  }
}
