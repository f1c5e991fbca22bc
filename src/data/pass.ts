import { type State, stateOf } from './state.ts';

/**
 * A value, or the promise of one. Steps answer at once wherever they can: a promise for each element would cost more
 * than most elements do.
 */
export type Awaitable<T> = T | Promise<T>;

/** An element, or the end. */
export type Next<T> = IteratorResult<T, undefined>;

export const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

export function isPromise<T>(value: Awaitable<T>): value is Promise<T> {
  return value instanceof Promise;
}

/** Whether `await` would wait for it: also promises of another kind than the language's own. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && typeof (value as PromiseLike<T>).then === 'function';
}

/** What a pass is opened with. It reaches every step, from the last to the sources. */
export interface Context {
  readonly epoch: number;
  /** Whether `save` will be asked for; keeping what it needs costs a little for each element. */
  readonly saving: boolean;
  /** Whether steps that do not say give their elements in order. */
  readonly deterministic: boolean;
  /** The most calls that a step may run at a time. */
  readonly threads: number;
  /** Nothing works ahead of what is asked for while `ahead` is false: it would be skipped. */
  readonly pace: { ahead: boolean };
}

/** Opens a pass, at its beginning or where a state was saved. The same epoch gives the same elements in the same order. */
export type Open<T> = (context: Context, state?: State) => Pass<T>;

/**
 * An open pass over elements. Whoever opened it closes it, also when it has ended or failed, and asks for nothing while
 * an answer is pending. After a failure it goes on with what comes behind the failed element.
 */
export abstract class Pass<T> {
  abstract next(): Awaitable<Next<T>>;

  /** Where the pass is, so that one opened with this goes on with the same elements. */
  abstract save(): State;

  abstract close(): Awaitable<void>;

  /**
   * Leaves out what the next `count` calls of `next` would answer, elements and failures alike, and tells how many
   * there were. Steps that give one element for each override it, so that what is skipped is not computed.
   */
  skip(count: number): Awaitable<number> {
    return run(skipByReading(this, count));
  }
}

/** A pass over the elements of one other. */
export abstract class Step<T, U> extends Pass<U> {
  protected readonly source: Pass<T>;
  readonly #name: string;

  constructor(name: string, source: Pass<T>) {
    super();
    this.#name = name;
    this.source = source;
  }

  /** The step's own part of the state, numbers. */
  protected own(): readonly number[] {
    return [];
  }

  save(): State {
    return stateOf(this.#name, ...this.own(), this.source.save());
  }

  close(): Awaitable<void> {
    return this.source.close();
  }
}

/**
 * Work that waits now and then: `const item = isPromise(got) ? yield got : got`. It runs in one go as long as nothing
 * has to be waited for.
 */
export type Work<T> = Generator<Promise<unknown>, T, never>;

export function run<T>(work: Work<T>): Awaitable<T> {
  const step = work.next();
  return step.done ? step.value : finish(work, step.value);
}

async function finish<T>(work: Work<T>, first: Promise<unknown>): Promise<T> {
  let waiting = first;
  for (;;) {
    const settled = await settle(waiting);
    const step = 'error' in settled ? work.throw(settled.error) : work.next(settled.value as never);
    if (step.done) return step.value;
    waiting = step.value;
  }
}

function* skipByReading(pass: Pass<unknown>, count: number): Work<number> {
  for (let skipped = 0; skipped < count; skipped++) {
    try {
      const got = pass.next();
      const item: Next<unknown> = isPromise(got) ? yield got : got;
      if (item.done) return skipped;
    } catch {} // a failure, skipped like an element
  }
  return count;
}

/**
 * Skips in a pass that reads ahead: one by one what is on its way, then in the source, which need not make what is left
 * out.
 *
 * @param isAhead whether something is on its way
 * @returns how many of each were there
 */
export function* skipBehind(
  source: Pass<unknown>,
  count: number,
  isAhead: () => boolean,
  skipOne: () => Awaitable<number>,
): Work<{ readonly ahead: number; readonly rest: number }> {
  let ahead = 0;
  for (; ahead < count && isAhead(); ahead++) {
    const got = skipOne();
    if ((isPromise(got) ? yield got : got) === 0) return { ahead, rest: 0 };
  }
  const got = source.skip(count - ahead);
  return { ahead, rest: isPromise(got) ? yield got : got };
}

/** How an answer turned out, as a value: a failure waits here for its turn and is never an unhandled rejection. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

export function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** The value, or the failure thrown. */
export function unwrap<T>(settled: Settled<T>): T {
  if ('error' in settled) throw settled.error;
  return settled.value;
}

/** Closes all of them, also when some fail in it; the first failure is thrown then. */
export async function closeAll(passes: readonly Pass<unknown>[]): Promise<void> {
  const closed = await Promise.all(passes.map((pass) => settle((async () => pass.close())())));
  closed.forEach(unwrap);
}
