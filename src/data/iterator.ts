import { UsageError } from '../core/errors.ts';
import { type Awaitable, done, isPromise, type Next, type Pass, settle } from './pass.ts';
import { repeatable, type State } from './state.ts';

/** Where an iterator of a dataset is, for `dataset.iterator({ state })`: plain JSON, and small. */
export interface IteratorState {
  readonly epoch: number;
  /** `null` before the first element. */
  readonly position: State | null;
}

export interface IteratorSettings<T> {
  readonly epoch: number;
  readonly open: () => Pass<T>;
  /** Where `open` begins. */
  readonly position?: State | undefined;
  /** Whether `save` may be called. */
  readonly saving: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One pass over a dataset. Leaving early (`break`, an error, `return()`, an abort) ends all work behind it and closes
 * what it reads from; so does a failure.
 */
export class DatasetIterator<T> implements AsyncIterableIterator<T, undefined> {
  readonly #settings: IteratorSettings<T>;
  #pass: Pass<T> | undefined;
  /** Until the answer is there that was asked for last. */
  #busy: Promise<void> | undefined;
  /** What the pass is asked for now, and how to end waiting for it. */
  #asked: { readonly answer: Promise<unknown>; readonly abort: () => void } | undefined;
  #closed: Promise<void> | undefined;
  /** The state behind the element that was given last, where the pass has gone on or is closed. */
  #state: State | undefined;

  constructor(settings: IteratorSettings<T>) {
    this.#settings = settings;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<Next<T>> {
    const answer = this.#busy ? this.#busy.then(() => this.#ask()) : this.#ask();
    if (!isPromise(answer)) return Promise.resolve(answer);
    const busy: Promise<void> = settle(answer).then(() => {
      if (this.#busy === busy) this.#busy = undefined;
    });
    this.#busy = busy;
    return answer;
  }

  /** Ends the pass and all work behind it. */
  async return(): Promise<Next<T>> {
    await this.#close();
    return done;
  }

  /**
   * Where the pass is behind the element that was given last, also after `return`. An iterator opened with it goes on
   * with the same elements. Steps that read ahead give the elements that were not taken again.
   *
   * @throws {UsageError} when the order of a step cannot be repeated (`deterministic: false`), or the iterator is one of
   *   `iterate` or `for await (… of dataset)`
   */
  save(): IteratorState {
    const { epoch, saving, position } = this.#settings;
    if (!saving)
      throw new UsageError('save: open the pass by dataset.iterator(), which keeps what a state needs');
    if (!this.#pass) return { epoch, position: position ?? null };
    return { epoch, position: repeatable(this.#state ?? this.#pass.save()) };
  }

  #now(): State | undefined {
    return this.#settings.saving ? this.#pass?.save() : undefined;
  }

  #ask(): Awaitable<Next<T>> {
    const { signal } = this.#settings;
    try {
      if (this.#closed && !signal?.aborted) return done;
      signal?.throwIfAborted();
      if (!this.#pass) {
        this.#pass = this.#settings.open();
        signal?.addEventListener('abort', this.#onAbort, { once: true });
      }
      this.#state = this.#now();
      const got = this.#pass.next();
      if (isPromise(got)) return this.#wait(got);
      if (got.done) return this.#end();
      this.#state = undefined;
      return got;
    } catch (error) {
      return this.#fail(error);
    }
  }

  async #wait(answer: Promise<Next<T>>): Promise<Next<T>> {
    try {
      const item = await new Promise<Next<T>>((resolve, reject) => {
        this.#asked = { answer, abort: () => reject(this.#settings.signal?.reason) };
        answer.then(resolve, reject);
      });
      if (item.done) return await this.#end();
      if (!this.#closed) this.#state = undefined;
      return item;
    } catch (error) {
      return await this.#fail(error);
    }
  }

  async #end(): Promise<Next<T>> {
    this.#state = this.#now();
    this.#asked = undefined;
    await this.#close();
    return done;
  }

  /** After an abort nothing is waited for: a function that never ends must not keep whoever waits. */
  async #fail(error: unknown): Promise<never> {
    const closed = settle(this.#close());
    if (!this.#settings.signal?.aborted) await closed;
    throw error;
  }

  readonly #onAbort = (): void => {
    this.#asked?.abort();
    void settle(this.#close());
  };

  #close(): Promise<void> {
    this.#closed ??= this.#closing();
    return this.#closed;
  }

  async #closing(): Promise<void> {
    this.#settings.signal?.removeEventListener('abort', this.#onAbort);
    this.#state ??= this.#now();
    if (this.#asked) await settle(this.#asked.answer);
    await this.#pass?.close();
  }
}
