import {
  type Awaitable,
  done,
  isPromise,
  type Next,
  type Open,
  type Pass,
  run,
  Step,
  type Work,
} from './pass.ts';
import { partsOf, type State } from './state.ts';

/** Opens a step that keeps one number beside what it reads from. */
function counting<T, U>(
  step: string,
  source: Open<T>,
  start: number,
  make: (source: Pass<T>, count: number) => Pass<U>,
): Open<U> {
  return (context, state) => {
    const [count, before] = partsOf<[number, State]>(step, state) ?? [start, undefined];
    return make(source(context, before), count);
  };
}

/** The first `count` elements. */
export function taken<T>(source: Open<T>, count: number): Open<T> {
  return counting('take', source, 0, (pass, seen) => new TakePass(pass, count, seen));
}

class TakePass<T> extends Step<T, T> {
  readonly #count: number;
  #seen: number;

  constructor(source: Pass<T>, count: number, seen: number) {
    super('take', source);
    this.#count = count;
    this.#seen = seen;
  }

  next(): Awaitable<Next<T>> {
    if (this.#seen >= this.#count) return done;
    const got = this.source.next();
    return isPromise(got) ? got.then((item) => this.#came(item)) : this.#came(got);
  }

  #came(item: Next<T>): Next<T> {
    if (!item.done) this.#seen++;
    return item;
  }

  protected override own(): readonly number[] {
    return [this.#seen];
  }
}

/** Every `step`th element from place `first` on. Those between are not computed where they need not be. */
export function spaced<T>(name: string, source: Open<T>, first: number, step: number): Open<T> {
  return counting(name, source, first, (pass, gap) => new SpacedPass(name, pass, step, gap));
}

class SpacedPass<T> extends Step<T, T> {
  readonly #step: number;
  /** How many elements to leave out before the next. */
  #gap: number;

  constructor(name: string, source: Pass<T>, step: number, gap: number) {
    super(name, source);
    this.#step = step;
    this.#gap = gap;
  }

  next(): Awaitable<Next<T>> {
    if (this.#gap === 0) {
      this.#gap = this.#step - 1;
      return this.source.next();
    }
    return run(this.#find());
  }

  *#find(): Work<Next<T>> {
    const leftOut = this.source.skip(this.#gap);
    if (isPromise(leftOut)) yield leftOut;
    this.#gap = this.#step - 1;
    const got = this.source.next();
    return isPromise(got) ? yield got : got;
  }

  override skip(count: number): Awaitable<number> {
    return run(this.#skip(count));
  }

  *#skip(count: number): Work<number> {
    if (count === 0) return 0;
    const last = this.#gap + (count - 1) * this.#step; // the place of the last one that is left out
    const got = this.source.skip(last + 1);
    const skipped: number = isPromise(got) ? yield got : got;
    const left = Math.ceil((skipped - this.#gap) / this.#step);
    this.#gap = this.#step - 1;
    return Math.max(0, left);
  }

  protected override own(): readonly number[] {
    return [this.#gap];
  }
}

/** Elements with their numbers, from `start` on. */
export function numbered<T>(source: Open<T>, start: number): Open<[number, T]> {
  return counting('enumerate', source, start, (pass, number) => new NumberedPass(pass, number));
}

class NumberedPass<T> extends Step<T, [number, T]> {
  #number: number;

  constructor(source: Pass<T>, number: number) {
    super('enumerate', source);
    this.#number = number;
  }

  next(): Awaitable<Next<[number, T]>> {
    const number = this.#number++;
    const got = this.source.next();
    return isPromise(got) ? got.then((item) => this.#came(item, number)) : this.#came(got, number);
  }

  #came(item: Next<T>, number: number): Next<[number, T]> {
    return item.done ? done : { done: false, value: [number, item.value] };
  }

  override skip(count: number): Awaitable<number> {
    const came = (skipped: number): number => {
      this.#number += skipped;
      return skipped;
    };
    const got = this.source.skip(count);
    return isPromise(got) ? got.then(came) : came(got);
  }

  protected override own(): readonly number[] {
    return [this.#number];
  }
}
