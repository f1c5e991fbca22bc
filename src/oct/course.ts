import type { Weight } from '../layers/layer.ts';
import type { Callback } from '../training/callback.ts';
import type { TrainingState } from '../training/state.ts';
import type { EpochEvent } from './events.ts';
import { type Earlier, StageKeeper, type StageName } from './stage-keeper.ts';
import type { TrainingFolder } from './training-folder.ts';

const defaultSaveSecs = 60;

export interface CourseOptions {
  readonly folder: TrainingFolder;
  /** Where an earlier call has left the training. */
  readonly earlier: Earlier | undefined;
  /** Steps of each stage, 0 for one that is left out. */
  readonly steps: Readonly<Record<StageName, number>>;
  /** A checkpoint at every so many steps. Default: every 60 seconds; in any case at the end of a stage. */
  readonly saveEvery: number | undefined;
  /** Ends the training after so many steps of all stages. Default: no limit. */
  readonly maxSteps: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** How far a training is, through its stages and over all calls. */
export class Course {
  readonly earlier: Earlier | undefined;
  /** Of all stages and calls. */
  readonly epochs: EpochEvent[];
  /** Ends the training after the step that is running: when it is told to, or has made the steps it was to make. */
  readonly signal: AbortSignal;
  readonly #options: CourseOptions;
  readonly #limit = new AbortController();
  #step: number;

  constructor(options: CourseOptions) {
    const { earlier, signal } = options;
    this.#options = options;
    this.earlier = earlier;
    this.epochs = [...(earlier?.epochs ?? [])];
    this.#step = earlier?.step ?? 0;
    this.signal = AbortSignal.any([this.#limit.signal, ...(signal ? [signal] : [])]);
    this.#stopAtLimit();
  }

  /** Of all stages. */
  get step(): number {
    return this.#step;
  }

  /** All steps that there are. */
  get steps(): number {
    const { steps } = this.#options;
    return steps.head + steps['fine-tune'];
  }

  /** Whether it ended before its end. */
  get isInterrupted(): boolean {
    return this.signal.aborted;
  }

  stepsBefore(stage: StageName): number {
    return stage === 'head' ? 0 : this.#options.steps.head;
  }

  /** Whether an earlier call has ended a stage, its last epoch too. */
  isDone(stage: StageName, epochs: number): boolean {
    const { earlier } = this;
    if (!earlier) return false;
    if (earlier.stage !== stage) return stage === 'head';
    return earlier.state.progress.epoch >= epochs;
  }

  /** Where a stage goes on from; undefined to begin it. */
  stateOf(stage: StageName): TrainingState | undefined {
    return this.earlier?.stage === stage ? this.earlier.state : undefined;
  }

  /**
   * Keeps a stage, counts its steps, and ends it in time.
   *
   * @param frozen weights to keep as they are
   */
  callback(stage: StageName, frozen: readonly Weight[]): Callback {
    const { folder, saveEvery } = this.#options;
    const stepsBefore = this.stepsBefore(stage);
    return {
      keeper: new StageKeeper({
        store: folder.store,
        saveSteps: saveEvery,
        saveSecs: saveEvery === undefined ? defaultSaveSecs : undefined,
        beforeCommit: folder.beforeCommit,
        stage,
        stepsBefore,
        from: this.stateOf(stage),
        memory: () => ({
          epochs: this.epochs,
          frozen: Object.fromEntries(frozen.map(({ path, value }) => [path, value!])),
        }),
      }),
      onTrainBatchEnd: (_batch, _logs, { step }) => {
        this.#step = stepsBefore + step;
        this.#stopAtLimit();
      },
    };
  }

  /** The last step of all ends the training by itself. */
  #stopAtLimit(): void {
    const { maxSteps = Infinity } = this.#options;
    if (this.#step >= maxSteps && this.#step < this.steps) this.#limit.abort();
  }
}
