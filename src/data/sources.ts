import { DataError, UsageError } from '../core/errors.ts';
import { elementError } from './errors.ts';
import {
  type Awaitable,
  done,
  isPromise,
  isThenable,
  type Next,
  type Open,
  Pass,
  run,
  type Work,
} from './pass.ts';
import { partsOf, type State, stateOf } from './state.ts';

/** Elements that are found by their place: any place can be gone to at once. */
export function indexed<T>(length: number, at: (index: number) => T): Open<T> {
  return (_, state) => new IndexedPass(length, at, state);
}

class IndexedPass<T> extends Pass<T> {
  readonly #length: number;
  readonly #at: (index: number) => T;
  #index: number;

  constructor(length: number, at: (index: number) => T, state: State | undefined) {
    super();
    [this.#index] = partsOf<[number]>('source', state) ?? [0];
    this.#length = length;
    this.#at = at;
    if (this.#index > length) {
      throw new UsageError(
        `the state was saved at element ${this.#index}, and the source has ${length}: it must hold what it held`,
      );
    }
  }

  next(): Next<T> {
    return this.#index < this.#length ? { done: false, value: this.#at(this.#index++) } : done;
  }

  save(): State {
    return stateOf('source', this.#index);
  }

  override skip(count: number): number {
    const skipped = Math.min(count, this.#length - this.#index);
    this.#index += skipped;
    return skipped;
  }

  close(): void {
    this.#index = this.#length;
  }
}

type AnyIterable<T> = Iterable<T> | AsyncIterable<T>;
type AnyIterator<T> = Iterator<T> | AsyncIterator<T>;

function iteratorOf<T>(elements: AnyIterable<T>): AnyIterator<T> {
  const { [Symbol.asyncIterator]: asynchronous, [Symbol.iterator]: synchronous } = (elements ??
    {}) as AsyncIterable<T> & Iterable<T>;
  if (asynchronous) return asynchronous.call(elements);
  if (synchronous) return synchronous.call(elements);
  throw new UsageError(
    `fromGenerator: the function must give something to iterate over, such as a generator, got ${elements}`,
  );
}

/** Whatever can be iterated over. To go on from a state, it is run again, and as many elements are left out. */
export function generated<T>(step: string, open: (epoch: number) => AnyIterable<T>): Open<T> {
  return ({ epoch }, state) => new GeneratedPass(step, () => iteratorOf(open(epoch)), state);
}

export class GeneratedPass<T> extends Pass<T> {
  readonly #step: string;
  readonly #open: () => AnyIterator<T>;
  #iterator: AnyIterator<T> | undefined;
  #taken: number;
  #ended = false;

  constructor(step: string, open: () => AnyIterator<T>, state?: State) {
    super();
    this.#step = step;
    this.#open = open;
    [this.#taken] = partsOf<[number]>(step, state) ?? [0];
  }

  next(): Awaitable<Next<T>> {
    if (this.#ended) return done;
    if (!this.#iterator && this.#taken > 0) return run(this.#again());
    try {
      this.#iterator ??= this.#open();
      const got = this.#iterator.next();
      return isThenable(got)
        ? Promise.resolve(got).then(
            (item) => this.#given(item),
            (error) => this.#failed(error),
          )
        : this.#given(got);
    } catch (error) {
      return this.#failed(error);
    }
  }

  #given(item: IteratorResult<T>): Awaitable<Next<T>> {
    if (item.done) {
      this.#ended = true;
      return done;
    }
    this.#taken++;
    const { value } = item as IteratorYieldResult<T | PromiseLike<T>>;
    if (!isThenable(value)) return item as Next<T>;
    return Promise.resolve(value).then(
      (value) => ({ done: false, value }),
      (error) => this.#failed(error),
    );
  }

  #failed(error: unknown): never {
    this.#ended = true;
    throw elementError(this.#step, this.#taken, error);
  }

  /** Runs up to where the state was saved, and then on. */
  *#again(): Work<Next<T>> {
    const wanted = this.#taken;
    this.#taken = 0;
    this.#iterator = this.#open();
    while (this.#taken < wanted) {
      const got = this.next();
      const item: Next<T> = isPromise(got) ? yield got : got;
      if (!item.done) continue;
      throw new DataError(
        `${this.#step}: the state was saved after ${wanted} elements, and only ${this.#taken} came this time: it must give what it gave`,
      );
    }
    const got = this.next();
    return isPromise(got) ? yield got : got;
  }

  save(): State {
    return stateOf(this.#step, this.#taken);
  }

  async close(): Promise<void> {
    const iterator = this.#ended ? undefined : this.#iterator;
    this.#ended = true;
    await iterator?.return?.();
  }
}
