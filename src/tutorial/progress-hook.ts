import type { EpochEvent, Listener } from '../oct/events.ts';
import { Rate } from '../oct/rate.ts';
import type { RunValues, SessionRunHook, TrainingSession } from '../training/hook.ts';

interface Extent {
  readonly epochs: number;
  readonly batchSize: number;
  /** Of an epoch. */
  readonly examples: number;
}

/** Of the steps of an epoch that this call made. */
const noSums = { examples: 0, loss: 0, accuracy: 0, waited: 0, computed: 0, since: 0 };

/**
 * Tells of an estimator's training as the other jobs do. Batches do not end with an epoch: an epoch has ended with the
 * first step that has seen all of its examples. Of one that an earlier call began, the figures are those of the rest.
 */
export class ProgressHook implements SessionRunHook {
  readonly epochs: EpochEvent[] = [];
  readonly #extent: Extent;
  readonly #listen: Listener;
  #rate = new Rate();
  #doneBefore = 0;
  #sums = noSums;

  constructor(extent: Extent, listen: Listener) {
    this.#extent = extent;
    this.#listen = listen;
  }

  afterCreateSession({ step }: TrainingSession): void {
    this.#rate = new Rate();
    this.#doneBefore = step * this.#extent.batchSize;
    this.#sums = { ...noSums, since: performance.now() };
  }

  afterRun({ step }: TrainingSession, { logs, examples, waited, computed }: RunValues): void {
    const { epochs, batchSize, examples: total } = this.#extent;
    const sums = this.#sums;
    this.#sums = {
      examples: sums.examples + examples,
      loss: sums.loss + logs.loss! * examples,
      accuracy: sums.accuracy + logs.accuracy! * examples,
      waited: sums.waited + waited,
      computed: sums.computed + computed,
      since: sums.since,
    };
    const seen = Math.min(step * batchSize, epochs * total);
    const epoch = Math.ceil(seen / total);
    this.#listen({
      event: 'progress',
      stage: 'train',
      epoch,
      epochs,
      done: seen - (epoch - 1) * total,
      total,
      ...this.#rate.at(seen - this.#doneBefore, epochs * total - this.#doneBefore),
      loss: this.#sums.loss / this.#sums.examples,
      accuracy: this.#sums.accuracy / this.#sums.examples,
    });
    const ended = Math.floor(seen / total);
    if (ended > Math.floor((seen - examples) / total)) this.#endEpoch(ended);
  }

  #endEpoch(epoch: number): void {
    const { examples, loss, accuracy, waited, computed, since } = this.#sums;
    const now = performance.now();
    const [waiting, computing, all] = [waited, computed, now - since].map((time) => time / 1000);
    const event: EpochEvent = {
      event: 'epoch',
      stage: 'train',
      epoch,
      epochs: this.#extent.epochs,
      loss: loss / examples,
      accuracy: accuracy / examples,
      imagesPerSecond: examples / all!,
      seconds: { waiting: waiting!, computing: computing!, other: all! - waiting! - computing! },
    };
    this.epochs.push(event);
    this.#listen(event);
    this.#sums = { ...noSums, since: now };
  }
}
