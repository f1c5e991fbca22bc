import { elementError } from './errors.ts';
import { type Amount, AUTOTUNE, type Limit, limitOf, Permits, tunedMost } from './limits.ts';
import {
  type Awaitable,
  type Context,
  done,
  isPromise,
  isThenable,
  type Next,
  type Open,
  type Pass,
  run,
  Step,
  type Work,
} from './pass.ts';
import { PrefetchPass } from './prefetch.ts';
import { partsOf, type State } from './state.ts';

export interface InterleaveSettings {
  /** What errors and states call the step. */
  readonly step: string;
  /** How many inner datasets are read in turn. */
  readonly cycleLength: number;
  /** How many elements of one come before the turn passes on. */
  readonly blockLength: number;
  /** How many inner datasets may be at work at a time. */
  readonly numParallelCalls: Amount;
  readonly deterministic: boolean | undefined;
  /** How many elements of each are made ahead, where several are at work. */
  readonly bufferSize: number;
  /** How many datasets are opened before their turn, where several are at work. */
  readonly openedAhead: number | undefined;
}

/** The inner dataset of an element. */
export type InnerOf<T, U> = (element: T) => Awaitable<Open<U>>;

/** What was made of an inner dataset, and where the input was before its element. */
export interface Inner<X> {
  readonly made: X;
  readonly before: State | undefined;
}

/** The inner datasets, one after another. */
export class InputPass<T, U, X> extends Step<T, Inner<X>> {
  readonly #step: string;
  readonly #fn: InnerOf<T, U>;
  readonly #make: (inner: Open<U>) => X;
  readonly #saving: boolean;
  #index: number;

  constructor(
    step: string,
    source: Open<T>,
    fn: InnerOf<T, U>,
    make: (inner: Open<U>) => X,
    context: Context,
    state: State | undefined,
  ) {
    const [index, before] = partsOf<[number, State]>('input', state) ?? [0, undefined];
    super('input', source(context, before));
    this.#step = step;
    this.#fn = fn;
    this.#make = make;
    this.#saving = context.saving;
    this.#index = index;
  }

  next(): Awaitable<Next<Inner<X>>> {
    return run(this.#take());
  }

  *#take(): Work<Next<Inner<X>>> {
    const before = this.#saving ? this.save() : undefined;
    const got = this.source.next();
    const item: Next<T> = isPromise(got) ? yield got : got;
    if (item.done) return done;
    const index = this.#index++;
    try {
      const found = this.#fn(item.value);
      const inner: Open<U> = isThenable(found) ? yield Promise.resolve(found) : found;
      return { done: false, value: { made: this.#make(inner), before } };
    } catch (error) {
      throw elementError(this.#step, index, error, item.value);
    }
  }

  protected override own(): readonly number[] {
    return [this.#index];
  }
}

/** How inner datasets are opened when several work at a time: each reads ahead, as far as permits allow. */
export class Readers<U> {
  readonly #settings: InterleaveSettings;
  readonly #context: Context;
  readonly #permits: Permits;
  /** Told whenever something has come that was not there. */
  onCome: () => void = () => {};

  constructor(settings: InterleaveSettings, context: Context, limit: Limit) {
    this.#settings = settings;
    this.#context = context;
    this.#permits = new Permits(limit);
  }

  read(inner: Open<U>, state?: State): PrefetchPass<U> {
    const { limit } = this.#permits;
    return new PrefetchPass(inner(this.#context, state), {
      limit: { value: this.#settings.bufferSize, waited: (milliseconds) => limit.waited(milliseconds) },
      context: this.#context,
      permits: this.#permits,
      onCome: () => this.onCome(),
    }).start();
  }

  /** Opens the next ones before their turn. */
  ahead<X extends Pass<U>>(inputs: Pass<Inner<X>>): PrefetchPass<Inner<X>> {
    const { cycleLength, openedAhead } = this.#settings;
    const { limit } = this.#permits;
    return new PrefetchPass(inputs, {
      limit: {
        get value() {
          return openedAhead ?? Math.min(cycleLength, limit.value);
        },
        waited: () => {},
      },
      context: this.#context,
      onCome: () => this.onCome(),
      discard: ({ made }) => made.close(),
    }).start();
  }
}

/** `undefined` where one works at a time. */
export function readersOf<U>(settings: InterleaveSettings, context: Context): Readers<U> | undefined {
  const { numParallelCalls, cycleLength } = settings;
  const tuned = numParallelCalls === AUTOTUNE;
  const most = Math.min(context.threads, tuned ? Math.min(cycleLength, tunedMost()) : cycleLength);
  if (most === 1 || numParallelCalls === 1) return undefined;
  return new Readers(settings, context, limitOf(numParallelCalls, most));
}
