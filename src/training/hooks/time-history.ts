import type { RunValues, SessionRunHook, TrainingSession } from '../hook.ts';

/** Steps whose times are kept, at least. */
const keptSteps = 10_000;

/**
 * How long the steps of a run took, from waiting for their data on.
 *
 * @example
 * const timeHist = new TimeHistory();
 * await estimator.train({ inputFn, hooks: [timeHist] });
 * const totalTime = timeHist.times.reduce((sum, seconds) => sum + seconds, 0);
 * console.log(`${timeHist.imagesPerSecond} images/s`);
 */
export class TimeHistory implements SessionRunHook {
  #times: number[] = [];
  #totalTime = 0;
  #examples = 0;

  /** Seconds of each step, of the last 10,000. */
  get times(): readonly number[] {
    return this.#times.slice(-keptSteps);
  }

  /** Seconds of all steps of the run. */
  get totalTime(): number {
    return this.#totalTime;
  }

  /** Examples of all steps of the run. */
  get examples(): number {
    return this.#examples;
  }

  /** Over the whole run; 0 before its first step. */
  get imagesPerSecond(): number {
    return this.#totalTime > 0 ? this.#examples / this.#totalTime : 0;
  }

  afterCreateSession(): void {
    this.#times = [];
    this.#totalTime = 0;
    this.#examples = 0;
  }

  afterRun(_session: TrainingSession, { examples, waited, computed }: RunValues): void {
    const seconds = (waited + computed) / 1000;
    this.#times.push(seconds);
    if (this.#times.length > 2 * keptSteps) this.#times = this.#times.slice(-keptSteps);
    this.#totalTime += seconds;
    this.#examples += examples;
  }
}
