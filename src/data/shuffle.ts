import { DataError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
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

export interface ShuffleSettings {
  readonly bufferSize: number;
  readonly seed: number;
  readonly reshuffle: boolean;
}

/**
 * Keeps `bufferSize` elements and gives a random one of them for each that comes; a buffer of all elements gives every
 * order with the same probability.
 */
export function shuffled<T>(source: Open<T>, settings: ShuffleSettings): Open<T> {
  return (context, state) => new ShufflePass(source, settings, context, state);
}

/** How many elements were taken from the source, failed ones too, how many were given, and which of them failed. */
type Counts = [taken: number, given: number, failed: readonly number[]];

class ShufflePass<T> extends Pass<T> {
  readonly #open: Open<T>;
  readonly #context: Context;
  readonly #bufferSize: number;
  readonly #random: RandomStream;
  readonly #kept: T[] = [];
  readonly #failed: number[] = [];
  #source: Pass<T> | undefined;
  #taken = 0;
  #given = 0;
  #ended = false;
  /** Where to go on, before anything was asked for. */
  #counts: Counts | undefined;

  constructor(open: Open<T>, settings: ShuffleSettings, context: Context, state: State | undefined) {
    super();
    const { bufferSize, seed, reshuffle } = settings;
    this.#open = open;
    this.#context = context;
    this.#bufferSize = bufferSize;
    this.#random = new RandomStream(deriveKey(seed, 'shuffle', reshuffle ? context.epoch : 0));
    this.#counts = partsOf<Counts>('shuffle', state);
  }

  next(): Awaitable<Next<T>> {
    if (this.#source && this.#kept.length === this.#bufferSize && !this.#ended) {
      const got = this.#pull();
      if (!isPromise(got)) return got.done ? this.#draw() : this.#exchange(got.value);
      return got.then((item) => (item.done ? this.#draw() : this.#exchange(item.value)));
    }
    return this.#ended ? this.#draw() : run(this.#begin());
  }

  /** Fills the buffer, from the beginning or as it was. */
  *#begin(): Work<Next<T>> {
    if (this.#counts) {
      const counts = this.#counts;
      this.#counts = undefined;
      try {
        yield* this.#restoring(counts);
      } catch (error) {
        this.#kept.length = 0;
        this.#ended = true;
        throw error;
      }
    }
    this.#source ??= this.#open(this.#context);
    while (!this.#ended && this.#kept.length < this.#bufferSize) {
      const got = this.#pull();
      const item: Next<T> = isPromise(got) ? yield got : got;
      if (!item.done) this.#kept.push(item.value);
    }
    if (this.#ended) return this.#draw();
    const got = this.#pull();
    const item: Next<T> = isPromise(got) ? yield got : got;
    return item.done ? this.#draw() : this.#exchange(item.value);
  }

  #pull(): Awaitable<Next<T>> {
    try {
      const got = this.#source!.next();
      return isPromise(got)
        ? got.then(
            (item) => this.#came(item),
            (error) => this.#fail(error),
          )
        : this.#came(got);
    } catch (error) {
      return this.#fail(error);
    }
  }

  #came(item: Next<T>): Next<T> {
    if (item.done) this.#ended = true;
    else this.#taken++;
    return item;
  }

  #fail(error: unknown): never {
    this.#failed.push(this.#taken++);
    throw error;
  }

  /** A random element of those kept, whose place the new one takes. */
  #exchange(element: T): Next<T> {
    this.#given++;
    return { done: false, value: exchange(this.#kept, this.#random, element) };
  }

  /** A random element of those kept, when none comes any more. */
  #draw(): Next<T> {
    if (this.#kept.length === 0) return done;
    this.#given++;
    return { done: false, value: draw(this.#kept, this.#random) };
  }

  /** Shuffles places instead of elements up to where the state was saved, then fetches the elements that were kept. */
  *#restoring([taken, given, failed]: Counts): Work<void> {
    const failures = new Set(failed);
    const places: number[] = [];
    let [place, drawn] = [0, 0];
    for (; place < taken; place++) {
      if (failures.has(place)) continue;
      if (places.length < this.#bufferSize) places.push(place);
      else {
        exchange(places, this.#random, place);
        drawn++;
      }
    }
    for (; drawn < given; drawn++) draw(places, this.#random);

    const pace = { ahead: false };
    this.#source = this.#open({ ...this.#context, pace });
    const order = places.map((_, i) => i).sort((a, b) => places[a]! - places[b]!);
    let at = 0;
    for (const i of order) {
      const got = this.#forward(places[i]! - at);
      if (isPromise(got)) yield got;
      const item = this.#source.next();
      const { done, value }: Next<T> = isPromise(item) ? yield item : item;
      if (done) throw this.#shorter(taken);
      this.#kept[i] = value;
      at = places[i]! + 1;
    }
    const got = this.#forward(taken - at);
    if (isPromise(got)) yield got;
    pace.ahead = true;
    [this.#taken, this.#given] = [taken, given];
    this.#failed.push(...failed);
  }

  #forward(count: number): Awaitable<void> {
    const check = (skipped: number): void => {
      if (skipped < count) throw this.#shorter(count);
    };
    const got = this.#source!.skip(count);
    return isPromise(got) ? got.then(check) : check(got);
  }

  #shorter(taken: number): DataError {
    return new DataError(
      `shuffle: the state was saved after ${taken} elements of its source, which has fewer now: it must hold what it held`,
    );
  }

  save(): State {
    return stateOf('shuffle', ...(this.#counts ?? [this.#taken, this.#given, [...this.#failed]]));
  }

  close(): Awaitable<void> {
    this.#ended = true;
    this.#kept.length = 0;
    return this.#source?.close();
  }
}

function exchange<T>(kept: T[], random: RandomStream, element: T): T {
  const i = random.below(kept.length);
  const chosen = kept[i]!;
  kept[i] = element;
  return chosen;
}

function draw<T>(kept: T[], random: RandomStream): T {
  const i = random.below(kept.length);
  const chosen = kept[i]!;
  kept[i] = kept[kept.length - 1]!;
  kept.pop();
  return chosen;
}
