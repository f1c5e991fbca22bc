// Each transformation is a generator over another sequence. Whoever stops early calls `return`, which runs the
// `finally` of every generator below: what works in the background ends before that returns.
import { FoveaError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import { ElementError } from './errors.ts';
import { type Settled, settle, unwrap } from './settled.ts';

/** Applies `fn` to up to `parallel` elements at a time; results keep their order. */
export async function* mapElements<T, U>(
  source: AsyncIterable<T>,
  fn: (element: T) => U | Promise<U>,
  parallel: number,
): AsyncGenerator<U> {
  const iterator = source[Symbol.asyncIterator]();
  const running: Promise<Settled<U>>[] = [];
  let index = 0;
  let ended = false;

  const apply = async (element: T, i: number): Promise<U> => {
    try {
      return await fn(element);
    } catch (error) {
      // The project's own errors say where they happened.
      throw error instanceof FoveaError ? error : new ElementError('map', i, error);
    }
  };

  try {
    for (;;) {
      while (!ended && running.length < parallel) {
        const next = await settle(iterator.next());
        if ('error' in next) {
          running.push(Promise.resolve(next)); // after the elements before it
          ended = true;
        } else if (next.value.done) {
          ended = true;
        } else {
          running.push(settle(apply(next.value.value, index++)));
        }
      }
      const first = running.shift();
      if (!first) return;
      yield unwrap(await first);
    }
  } finally {
    await Promise.all(running);
    await iterator.return?.();
  }
}

/**
 * Keeps `count` elements and gives a random one of them for each that comes; a `count` of all elements gives every
 * order with the same probability.
 */
export async function* shuffleElements<T>(
  source: AsyncIterable<T>,
  count: number,
  seed: number,
  epoch: number,
): AsyncGenerator<T> {
  const random = new RandomStream(deriveKey(seed, 'shuffle', epoch));
  const kept: T[] = [];
  for await (const element of source) {
    if (kept.length < count) {
      kept.push(element);
      continue;
    }
    const i = random.below(kept.length);
    const chosen = kept[i]!;
    kept[i] = element;
    yield chosen;
  }
  while (kept.length > 0) {
    const i = random.below(kept.length);
    const chosen = kept[i]!;
    kept[i] = kept[kept.length - 1]!;
    kept.pop();
    yield chosen;
  }
}

export async function* batchElements<T>(
  source: AsyncIterable<T>,
  size: number,
  dropRemainder: boolean,
): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const element of source) {
    batch.push(element);
    if (batch.length === size) {
      yield batch;
      batch = [];
    }
  }
  if (batch.length > 0 && !dropRemainder) yield batch;
}

/** Opens `count` passes one after another. A pass without elements ends it, so that nothing runs for ever on nothing. */
export async function* repeatElements<T>(
  open: (pass: number) => AsyncIterable<T>,
  count: number,
): AsyncGenerator<T> {
  for (let pass = 0; pass < count; pass++) {
    let empty = true;
    for await (const element of open(pass)) {
      empty = false;
      yield element;
    }
    if (empty) return;
  }
}

export async function* takeElements<T>(source: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  if (count === 0) return;
  let taken = 0;
  for await (const element of source) {
    yield element;
    if (++taken === count) return;
  }
}

export async function* skipElements<T>(source: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  let seen = 0;
  for await (const element of source) if (seen++ >= count) yield element;
}

/** Produces up to `count` elements ahead of whoever takes them. */
export async function* prefetchElements<T>(source: AsyncIterable<T>, count: number): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const ready: Promise<Settled<IteratorResult<T, unknown>>>[] = [];
  let last: Promise<unknown> = Promise.resolve();
  let stopped = false;

  /** Asks for one more element, once the one before it is there. */
  const ask = (): void => {
    const next = settle(
      last.then((): Promise<IteratorResult<T, unknown>> | IteratorReturnResult<unknown> =>
        stopped ? { done: true, value: undefined } : iterator.next(),
      ),
    );
    last = next;
    ready.push(next);
  };

  try {
    for (let i = 0; i < count; i++) ask();
    for (;;) {
      const next = unwrap(await ready.shift()!);
      if (next.done) return;
      ask();
      yield next.value;
    }
  } finally {
    stopped = true;
    await last;
    await iterator.return?.();
  }
}
