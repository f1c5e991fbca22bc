import { ComputeError } from '../core/errors.ts';
import { mapElements } from '../data/transformations.ts';
import type { Callback, EpochTimes } from './callback.ts';
import {
  addSums,
  type Batch,
  type Logs,
  noSums,
  type Purpose,
  type Sums,
  type Trainable,
} from './trainable.ts';

/** What a training may be told to do while it runs. */
export interface Control {
  stopTraining: boolean;
}

export interface LoopOptions {
  /** The epoch to end before. */
  readonly epochs: number;
  /** The first epoch, from 0 on. Default 0. */
  readonly initialEpoch?: number;
  /** Where an epoch is a number of steps: passes over the data then follow one another. Default: a pass is an epoch. */
  readonly stepsPerEpoch?: number | undefined;
  /** Steps of an epoch, where that is known. */
  readonly steps?: number | undefined;
  /** The batches of a pass, counted from 0. */
  readonly batches: (pass: number) => AsyncIterable<Batch>;
  readonly validation?: Validation | undefined;
  readonly callbacks?: readonly Callback[];
  readonly control: Control;
  /** Ends the training after the step that is running. */
  readonly signal?: AbortSignal | undefined;
}

export interface Validation {
  readonly batches: () => AsyncIterable<Batch>;
  readonly steps?: number | undefined;
  /** After which epochs: every so many, or these, counted from 1. Default 1. */
  readonly frequency?: number | readonly number[] | undefined;
}

type Told = void | Promise<void> | undefined;

/** Batches made ready, the next one while the current one is used. */
function preparedAhead<P>(
  trainable: Trainable<P>,
  batches: AsyncIterable<Batch>,
  purpose: Purpose,
): AsyncIterableIterator<P> {
  return mapElements(batches, (batch) => trainable.prepare(batch, purpose), 2);
}

async function* passes(batches: LoopOptions['batches'], first: number): AsyncGenerator<Batch> {
  for (let pass = first; ; pass++) {
    let empty = true;
    for await (const batch of batches(pass)) {
      empty = false;
      yield batch;
    }
    if (empty) return;
  }
}

/**
 * The training loop, the only one: epochs of steps, validation, events.
 *
 * @throws {ComputeError} when the loss is no longer a finite number, unless a callback has ended the training for it
 */
export async function runTraining<P>(trainable: Trainable<P>, options: LoopOptions): Promise<void> {
  const { epochs, initialEpoch = 0, stepsPerEpoch, batches, validation, control, signal } = options;
  const callbacks = options.callbacks ?? [];
  const tell = (event: (callback: Callback) => Told): Promise<void> => toldInTurn(callbacks, event);
  const areTold = callbacks.some((callback) => callback.onTrainBatchEnd);
  const stopped = () => control.stopTraining || (signal?.aborted ?? false);
  const endless =
    stepsPerEpoch === undefined
      ? undefined
      : preparedAhead(trainable, passes(batches, initialEpoch), 'train');
  let step = 0;
  let logs: Logs = {};
  for (const callback of callbacks) callback.setParams?.({ epochs, steps: stepsPerEpoch ?? options.steps });
  await tell((callback) => callback.onTrainBegin?.({}));
  try {
    for (let epoch = initialEpoch; epoch < epochs && !stopped(); epoch++) {
      await tell((callback) => callback.onEpochBegin?.(epoch, {}));
      let sums: Sums = noSums;
      const clock = new EpochClock();
      const stream = endless ?? preparedAhead(trainable, batches(epoch), 'train');
      try {
        for (let batch = 0; batch < (stepsPerEpoch ?? Infinity) && !stopped(); batch++) {
          const next = await clock.during('waiting', stream.next());
          if (next.done || signal?.aborted) break;
          await tell((callback) => callback.onTrainBatchBegin?.(batch, {}));
          const result = await clock.during('computing', trainable.trainStep(next.value));
          sums = addSums(sums, result);
          step++;
          if (areTold) {
            const means = trainable.logsOf(sums);
            const progress = { epoch, step, examples: sums.examples };
            await tell((callback) => callback.onTrainBatchEnd?.(batch, means, progress));
          }
          if (!stopped()) checkLoss(result, step, epoch);
        }
      } finally {
        if (!endless) await stream.return?.();
      }
      if (signal?.aborted) break;
      if (sums.examples === 0)
        throw new ComputeError(`epoch ${epoch + 1}: the data set gave no batch to train on`);
      logs = trainable.logsOf(sums);
      if (validation && isDue(validation, epoch)) {
        const found = await runTest(trainable, validation.batches(), { steps: validation.steps, callbacks });
        logs = {
          ...logs,
          ...Object.fromEntries(Object.entries(found).map(([name, value]) => [`val_${name}`, value])),
        };
      }
      const times = clock.times();
      await tell((callback) => callback.onEpochEnd?.(epoch, logs, times));
    }
  } finally {
    await endless?.return?.();
  }
  await trainable.endTraining?.();
  await tell((callback) => callback.onTrainEnd?.(logs));
}

/** Tells where the time since it was made went. */
class EpochClock {
  readonly #since = performance.now();
  readonly #milliseconds = { waiting: 0, computing: 0 };

  async during<T>(what: 'waiting' | 'computing', work: Promise<T>): Promise<T> {
    const since = performance.now();
    try {
      return await work;
    } finally {
      this.#milliseconds[what] += performance.now() - since;
    }
  }

  times(): EpochTimes {
    const [waiting, computing] = [this.#milliseconds.waiting / 1000, this.#milliseconds.computing / 1000];
    const all = (performance.now() - this.#since) / 1000;
    return { waiting, computing, other: Math.max(0, all - waiting - computing) };
  }
}

/** One after another: what one does to the model, the next one sees. */
async function toldInTurn(
  callbacks: readonly Callback[],
  event: (callback: Callback) => Told,
): Promise<void> {
  for (const callback of callbacks) {
    const told = event(callback);
    if (told) await told;
  }
}

function isDue({ frequency = 1 }: Validation, epoch: number): boolean {
  return typeof frequency === 'number' ? (epoch + 1) % frequency === 0 : frequency.includes(epoch + 1);
}

function checkLoss({ examples, totals }: Sums, step: number, epoch: number): void {
  const loss = totals.loss![0]! / examples;
  if (Number.isFinite(loss)) return;
  throw new ComputeError(
    `the loss is ${loss} at step ${step} (epoch ${epoch + 1}): training has diverged; try a smaller learning rate`,
  );
}

export interface TestOptions {
  /** Batches at most. Default: all. */
  readonly steps?: number | undefined;
  readonly callbacks?: readonly Callback[];
}

/** Loss and metrics over a data set. */
export async function runTest<P>(
  trainable: Trainable<P>,
  batches: AsyncIterable<Batch>,
  { steps = Infinity, callbacks = [] }: TestOptions = {},
): Promise<Logs> {
  const areTold = callbacks.some((callback) => callback.onTestBatchEnd);
  let sums: Sums = noSums;
  await toldInTurn(callbacks, (callback) => callback.onTestBegin?.({}));
  const stream = preparedAhead(trainable, batches, 'test');
  try {
    for (let batch = 0; batch < steps; batch++) {
      const next = await stream.next();
      if (next.done) break;
      await toldInTurn(callbacks, (callback) => callback.onTestBatchBegin?.(batch, {}));
      sums = addSums(sums, await trainable.testStep(next.value));
      if (areTold) {
        const logs = trainable.logsOf(sums);
        await toldInTurn(callbacks, (callback) => callback.onTestBatchEnd?.(batch, logs));
      }
    }
  } finally {
    await stream.return?.();
  }
  if (sums.examples === 0) throw new ComputeError('the data set gave no batch to test on');
  const logs = trainable.logsOf(sums);
  await toldInTurn(callbacks, (callback) => callback.onTestEnd?.(logs));
  return logs;
}
