import { type Awaitable, done, isPromise, type Next, type Open, Pass, run, type Work } from './pass.ts';
import { partsOf, type State, stateOf } from './state.ts';

/** Reads the source `count` times over, each time as the next epoch. A pass without elements ends it, so that nothing runs for ever on nothing. */
export function repeated<T>(source: Open<T>, count: number): Open<T> {
  const passes = count === Number.POSITIVE_INFINITY ? 1 : count;
  return (context, state) => {
    const first = passes * context.epoch;
    const open = (pass: number, state?: State) => source({ ...context, epoch: first + pass }, state);
    return new ChainPass('repeat', { open, count, untilEmpty: true }, state);
  };
}

/** One after another. */
export function concatenated<T>(sources: readonly Open<T>[]): Open<T> {
  return (context, state) => {
    const open = (i: number, state?: State) => sources[i]!(context, state);
    return new ChainPass('concatenate', { open, count: sources.length, untilEmpty: false }, state);
  };
}

interface Links<T> {
  readonly open: (link: number, state?: State) => Pass<T>;
  readonly count: number;
  /** Whether a link without elements is the end. */
  readonly untilEmpty: boolean;
}

class ChainPass<T> extends Pass<T> {
  readonly #step: string;
  readonly #links: Links<T>;
  #link: number;
  #empty: boolean;
  #current: Pass<T> | undefined;

  constructor(step: string, links: Links<T>, state: State | undefined) {
    super();
    const saved = partsOf<[number, number, State | null]>(step, state);
    const [link, empty, inner] = saved ?? [0, 1, null];
    this.#step = step;
    this.#links = links;
    this.#link = link;
    this.#empty = empty === 1;
    if (inner) this.#current = links.open(link, inner);
  }

  next(): Awaitable<Next<T>> {
    const got = this.#current?.next();
    if (!got || isPromise(got)) return run(this.#find(got));
    if (got.done) return run(this.#find());
    this.#empty = false;
    return got;
  }

  *#find(asked?: Promise<Next<T>>): Work<Next<T>> {
    let got: Awaitable<Next<T>> | undefined = asked;
    for (;;) {
      if (!this.#open()) return done;
      got ??= this.#current!.next();
      const item: Next<T> = isPromise(got) ? yield got : got;
      got = undefined;
      if (!item.done) {
        this.#empty = false;
        return item;
      }
      const closed = this.#leave();
      if (isPromise(closed)) yield closed;
    }
  }

  /** @returns whether there is a link to read */
  #open(): boolean {
    if (this.#current) return true;
    if (this.#link >= this.#links.count) return false;
    this.#current = this.#links.open(this.#link);
    return true;
  }

  #leave(): Awaitable<void> {
    const { count, untilEmpty } = this.#links;
    const closed = this.#current?.close();
    this.#current = undefined;
    this.#link = this.#empty && untilEmpty ? count : this.#link + 1;
    this.#empty = true;
    return closed;
  }

  override skip(count: number): Awaitable<number> {
    return run(this.#skip(count));
  }

  *#skip(count: number): Work<number> {
    let skipped = 0;
    while (skipped < count && this.#open()) {
      const got = this.#current!.skip(count - skipped);
      const more: number = isPromise(got) ? yield got : got;
      skipped += more;
      if (more > 0) this.#empty = false;
      if (skipped === count) break;
      const closed = this.#leave();
      if (isPromise(closed)) yield closed;
    }
    return skipped;
  }

  save(): State {
    return stateOf(this.#step, this.#link, Number(this.#empty), this.#current?.save() ?? null);
  }

  close(): Awaitable<void> {
    const current = this.#current;
    this.#current = undefined;
    this.#link = this.#links.count;
    return current?.close();
  }
}
