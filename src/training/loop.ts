import { ComputeError } from '../core/errors.ts';
import { mapElements } from '../data/transformations.ts';
import { type Callback, History } from './callbacks.ts';
import { addSums, type Batch, type Logs, logsOf, noSums, type Sums, type Trainable } from './trainable.ts';

export interface LoopOptions {
  readonly epochs: number;
  /** The batches of an epoch, counted from 1. */
  readonly batches: (epoch: number) => AsyncIterable<Batch>;
  /** Batches to test on after each epoch. */
  readonly validation?: (() => AsyncIterable<Batch>) | undefined;
  readonly callbacks?: readonly Callback[];
  /** Ends the training after the step that is running. */
  readonly signal?: AbortSignal | undefined;
}

/** Batches made ready, the next one while the current one is used. */
function preparedAhead<P>(trainable: Trainable<P>, batches: AsyncIterable<Batch>): AsyncIterable<P> {
  return mapElements(batches, (batch) => trainable.prepare(batch), 2);
}

/**
 * The training loop, the only one: epochs of steps, validation, events.
 *
 * @throws {ComputeError} when the loss is no longer a finite number
 */
export async function runTraining<P>(trainable: Trainable<P>, options: LoopOptions): Promise<History> {
  const { epochs, batches, validation, signal } = options;
  const history = new History();
  const callbacks: Callback[] = [history, ...(options.callbacks ?? [])];
  const tell = async (event: (callback: Callback) => void | Promise<void> | undefined): Promise<void> => {
    for (const callback of callbacks) await event(callback);
  };
  let step = 0;
  await tell((callback) => callback.onTrainBegin?.());
  for (let epoch = 1; epoch <= epochs && !signal?.aborted; epoch++) {
    await tell((callback) => callback.onEpochBegin?.(epoch));
    let sums: Sums = noSums;
    for await (const batch of preparedAhead(trainable, batches(epoch))) {
      if (signal?.aborted) break;
      const result = await trainable.trainStep(batch, ++step);
      checkLoss(result, step, epoch);
      sums = addSums(sums, result);
      const logs = logsOf(sums);
      await tell((callback) => callback.onTrainBatchEnd?.({ epoch, step, examples: sums.examples }, logs));
    }
    if (signal?.aborted) break;
    if (sums.examples === 0) throw new ComputeError(`epoch ${epoch}: the data set gave no batch to train on`);
    const logs: Logs = {
      ...logsOf(sums),
      ...(validation && (await runTest(trainable, validation(), 'val_'))),
    };
    await tell((callback) => callback.onEpochEnd?.(epoch, logs));
  }
  history.interrupted = signal?.aborted ?? false;
  await tell((callback) => callback.onTrainEnd?.());
  return history;
}

function checkLoss({ examples, sums }: Sums, step: number, epoch: number): void {
  const loss = sums.loss! / examples;
  if (Number.isFinite(loss)) return;
  throw new ComputeError(
    `the loss is ${loss} at step ${step} (epoch ${epoch}): training has diverged; try a smaller learning rate`,
  );
}

/** The means over a data set. */
export async function runTest<P>(
  trainable: Trainable<P>,
  batches: AsyncIterable<Batch>,
  prefix = '',
): Promise<Logs> {
  let sums: Sums = noSums;
  for await (const batch of preparedAhead(trainable, batches))
    sums = addSums(sums, await trainable.testStep(batch));
  if (sums.examples === 0) throw new ComputeError('the data set gave no batch to test on');
  return logsOf(sums, prefix);
}
