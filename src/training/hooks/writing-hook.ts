import type { SessionRunHook, TrainingSession } from '../hook.ts';
import { openSharedWriter, type SharedWriter } from '../summaries/shared-writers.ts';
import type { SummaryWriter } from '../summaries/summary-writer.ts';

/**
 * A hook that writes events to a folder. What an earlier training wrote there of later steps than the one that is gone on
 * from is taken away first, so that nothing is written twice.
 */
export abstract class WritingHook implements SessionRunHook {
  readonly #outputDir: string | undefined;
  #shared: SharedWriter | undefined;

  /** @param outputDir where none is given, nothing is written */
  protected constructor(outputDir: string | undefined) {
    this.#outputDir = outputDir;
  }

  /** While a run goes on. */
  protected get writer(): SummaryWriter | undefined {
    return this.#shared?.writer;
  }

  async afterCreateSession({ step }: TrainingSession): Promise<void> {
    await this.#release();
    if (this.#outputDir !== undefined) this.#shared = await openSharedWriter(this.#outputDir, { from: step });
  }

  async end(_session: TrainingSession): Promise<void> {
    await this.#release();
  }

  async failed(_session: TrainingSession, _error: unknown): Promise<void> {
    // What ended the training is what is to be known of it.
    await this.#release().catch(() => {});
  }

  async #release(): Promise<void> {
    const shared = this.#shared;
    this.#shared = undefined;
    await shared?.release();
  }
}
