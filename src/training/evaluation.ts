import { ComputeError, UsageError } from '../core/errors.ts';
import type { Callback } from './callback.ts';
import { EpochClock } from './clock.ts';
import type { SessionRunHook, TrainingSession } from './hook.ts';
import { declareFetches, fetchesOf, tellHooks, tellOfFailure, toldInTurn } from './listeners.ts';
import { preparedAhead } from './placed.ts';
import { addSums, type Batch, type Logs, noSums, type Sums, type Trainable } from './trainable.ts';

export interface TestOptions {
  /** Batches at most. Default: all. */
  readonly steps?: number | undefined;
  readonly callbacks?: readonly Callback[];
  readonly hooks?: readonly SessionRunHook[];
  /** Of the training whose model is tested, for hooks. Default 0. */
  readonly globalStep?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Loss and metrics over a data set. */
export async function runTest<P>(
  trainable: Trainable<P>,
  batches: AsyncIterable<Batch>,
  { steps = Infinity, callbacks = [], hooks = [], globalStep = 0, signal }: TestOptions = {},
): Promise<Logs> {
  const areTold = callbacks.some((callback) => callback.onTestBatchEnd);
  const session = new PassiveSession(globalStep);
  let sums: Sums = noSums;
  await declareFetches(hooks, [], refuseFetches);
  await toldInTurn(callbacks, (callback) => callback.onTestBegin?.({}));
  await tellHooks(hooks, 'afterCreateSession', (hook) => hook.afterCreateSession?.(session));
  const clock = new EpochClock();
  const stream = preparedAhead(batches, (batch) => trainable.prepare(batch, 'test'));
  try {
    for (let batch = 0; batch < steps && !session.isStopped; batch++) {
      const next = await clock.during('waiting', () => stream.next());
      signal?.throwIfAborted();
      if (next.done) break;
      await toldInTurn(callbacks, (callback) => callback.onTestBatchBegin?.(batch, {}));
      fetchesOf(hooks, session);
      const found = await clock.during('computing', () => trainable.testStep(next.value));
      sums = addSums(sums, found);
      if (areTold) {
        const logs = trainable.logsOf(sums);
        await toldInTurn(callbacks, (callback) => callback.onTestBatchEnd?.(batch, logs));
      }
      if (hooks.length > 0) {
        const logs = trainable.logsOf(found);
        const { examples } = found;
        const values = { logs, examples, learningRate: undefined, fetched: {}, ...clock.last };
        await tellHooks(hooks, 'afterRun', (hook) => hook.afterRun?.(session, values));
      }
    }
  } catch (error) {
    await tellOfFailure(hooks, session, error);
    throw error;
  } finally {
    await stream.return?.();
  }
  if (sums.examples === 0) throw new ComputeError('the data set gave no batch to test on');
  const logs = trainable.logsOf(sums);
  await toldInTurn(callbacks, (callback) => callback.onTestEnd?.(logs));
  await tellHooks(hooks, 'end', (hook) => hook.end?.(session));
  return logs;
}

/** What a run that trains nothing shows to its hooks. */
export class PassiveSession implements TrainingSession {
  readonly step: number;
  readonly isInterrupted = false;
  isStopped = false;

  constructor(step: number) {
    this.step = step;
  }

  requestStop(): void {
    this.isStopped = true;
  }

  capture(): Promise<never> {
    throw new UsageError('only a training has a state to capture');
  }
}

export function refuseFetches([name]: readonly string[]): never {
  throw new UsageError(
    `'${name}' cannot be fetched here: only steps of training give more than loss and metrics`,
  );
}
