import { setTimeout } from 'node:timers/promises';
import { errorCode } from '../core/errors.ts';
import type { IteratorState } from '../data/iterator.ts';
import { mapElements } from '../data/transformations.ts';
import type { Batch } from './trainable.ts';

/** The batches of a pass; where it can tell its place, a training that goes on from there reads what is left. */
export type BatchStream = AsyncIterable<Batch> & {
  /** Behind the batch that was given last; `null` where the data cannot tell. */
  readonly placeNow?: () => IteratorState | null;
};

/** Opens a pass, at its beginning or at a place. */
export type OpenStream = (pass: number, place?: IteratorState) => BatchStream;

/** A batch, and where its pass is behind it. */
export interface Placed {
  readonly batch: Batch;
  readonly pass: number;
  readonly place: IteratorState | null;
}

/** Failures of the system that are gone at the next try, perhaps: a file server that is busy, too many open files. */
const transient = new Set([
  'EAGAIN',
  'EBUSY',
  'EIO',
  'EMFILE',
  'ENFILE',
  'ESTALE',
  'ETIMEDOUT',
  'ECONNRESET',
]);
const mostTries = 4;
const firstWait = 100;

/**
 * The batches of a pass with their places. Where reading fails for a reason that may pass, it is tried again from the
 * last place, up to three times, after 0.1, 0.4 and 1.6 seconds.
 */
export async function* placedBatches(
  open: OpenStream,
  pass: number,
  from: IteratorState | null,
): AsyncGenerator<Placed> {
  let place = from;
  for (let tries = 1; ; tries++) {
    const stream = open(pass, place ?? undefined);
    let canGoOn = stream.placeNow !== undefined;
    try {
      for await (const batch of stream) {
        place = stream.placeNow?.() ?? null;
        canGoOn = place !== null;
        tries = 1;
        yield { batch, pass, place };
      }
      return;
    } catch (error) {
      if (tries === mostTries || !canGoOn || !isTransient(error)) throw error;
    }
    await setTimeout(firstWait * 4 ** (tries - 1));
  }
}

function isTransient(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (transient.has(errorCode(cause) ?? '')) return true;
  return false;
}

/** What comes of batches, the next one while the current one is used. */
export function preparedAhead<T, P>(
  batches: AsyncIterable<T>,
  prepare: (batch: T) => Promise<P>,
): AsyncIterableIterator<P> {
  return mapElements(batches, prepare, 2);
}
