import {
  type Awaitable,
  type Context,
  done,
  isPromise,
  type Next,
  type Open,
  Pass,
  run,
  type Work,
} from './pass.ts';
import { partsOf, type State, stateOf } from './state.ts';

/** Where the elements of one pass are kept. */
export interface Store<T> {
  /** The elements, when all of them are there. */
  read(): Awaitable<Reader<T> | undefined>;
  /** Begins to keep the elements of a pass. */
  write(): Awaitable<Writer<T>>;
}

export interface Reader<T> {
  readonly length: number;
  at(index: number): Awaitable<T>;
}

export interface Writer<T> {
  add(element: T, index: number): Awaitable<void>;
  /** All of them were added. */
  finish(): Awaitable<void>;
  /** The pass was not read to its end. */
  discard(): Awaitable<void>;
}

export class MemoryStore<T> implements Store<T> {
  #elements: readonly T[] | undefined;

  read(): Reader<T> | undefined {
    const elements = this.#elements;
    return elements && { length: elements.length, at: (index) => elements[index]! };
  }

  write(): Writer<T> {
    const elements: T[] = [];
    return {
      add: (element) => void elements.push(element),
      finish: () => {
        this.#elements = elements;
      },
      discard: () => {},
    };
  }
}

/**
 * Keeps the elements of a pass that was read to its end, and reads them from then on. What is kept is always epoch 0, so
 * that a pass does not depend on which came first.
 */
export function cached<T>(source: Open<T>, store: Store<T>): Open<T> {
  return (context, state) => new CachePass(source, store, { ...context, epoch: 0 }, state);
}

class CachePass<T> extends Pass<T> {
  readonly #open: Open<T>;
  readonly #store: Store<T>;
  readonly #context: Context;
  #reader: Reader<T> | undefined;
  #source: Pass<T> | undefined;
  #writer: Writer<T> | undefined;
  #index: number;
  #begun = false;
  #ended = false;

  constructor(open: Open<T>, store: Store<T>, context: Context, state: State | undefined) {
    super();
    [this.#index] = partsOf<[number]>('cache', state) ?? [0];
    this.#open = open;
    this.#store = store;
    this.#context = context;
  }

  next(): Awaitable<Next<T>> {
    if (this.#ended) return done;
    if (!this.#reader) return run(this.#pull());
    if (this.#index >= this.#reader.length) return done;
    const value = this.#reader.at(this.#index++);
    return isPromise(value) ? value.then((value) => ({ done: false, value })) : { done: false, value };
  }

  *#begin(): Work<void> {
    this.#begun = true;
    const found = this.#store.read();
    this.#reader = isPromise(found) ? yield found : found;
    if (this.#reader) return;
    this.#source = this.#open(this.#context);
    if (this.#index > 0) {
      // Going on in the middle: the whole is kept by a later pass.
      const got = this.#source.skip(this.#index);
      if (isPromise(got)) yield got;
    } else {
      const writer = this.#store.write();
      this.#writer = isPromise(writer) ? yield writer : writer;
    }
  }

  *#pull(): Work<Next<T>> {
    if (!this.#begun) {
      try {
        yield* this.#begin();
      } catch (error) {
        this.#ended = true;
        throw error;
      }
    }
    if (this.#reader) {
      const got = this.next();
      return isPromise(got) ? yield got : got;
    }
    try {
      const got = this.#source!.next();
      const item: Next<T> = isPromise(got) ? yield got : got;
      if (item.done) {
        this.#ended = true;
        const finished = this.#writer?.finish();
        this.#writer = undefined;
        if (isPromise(finished)) yield finished;
        return done;
      }
      const added = this.#writer?.add(item.value, this.#index);
      if (isPromise(added)) yield added;
      this.#index++;
      return item;
    } catch (error) {
      // Without the failed element it would not be the whole.
      this.#index++;
      const discarded = this.#discard();
      if (isPromise(discarded)) yield discarded;
      throw error;
    }
  }

  #discard(): Awaitable<void> {
    const writer = this.#writer;
    this.#writer = undefined;
    return writer?.discard();
  }

  override skip(count: number): Awaitable<number> {
    return run(this.#skip(count));
  }

  *#skip(count: number): Work<number> {
    if (!this.#begun) yield* this.#begin();
    if (!this.#reader) {
      const got = super.skip(count); // read, so that all can be kept
      return isPromise(got) ? yield got : got;
    }
    const skipped = Math.min(count, Math.max(0, this.#reader.length - this.#index));
    this.#index += skipped;
    return skipped;
  }

  save(): State {
    return stateOf('cache', this.#index);
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#discard();
    await this.#source?.close();
  }
}
