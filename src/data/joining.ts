import { deriveKey, RandomStream } from '../core/random.ts';
import {
  type Awaitable,
  type Context,
  closeAll,
  done,
  isPromise,
  type Next,
  type Open,
  Pass,
  run,
  type Work,
} from './pass.ts';
import { partsOf, type State, stateOf } from './state.ts';

/** One element of each, together; the shortest ends it. */
export function zipped<T>(
  sources: readonly Open<unknown>[],
  together: (elements: readonly unknown[]) => T,
): Open<T> {
  return (context, state) => {
    const states = partsOf<State[]>('zip', state);
    return new ZipPass(
      sources.map((open, i) => open(context, states?.[i])),
      together,
    );
  };
}

class ZipPass<T> extends Pass<T> {
  readonly #sources: readonly Pass<unknown>[];
  readonly #together: (elements: readonly unknown[]) => T;

  constructor(sources: readonly Pass<unknown>[], together: (elements: readonly unknown[]) => T) {
    super();
    this.#sources = sources;
    this.#together = together;
  }

  next(): Awaitable<Next<T>> {
    return run(this.#take());
  }

  /** A failure of one is told when all were asked, so that they stay side by side. */
  *#take(): Work<Next<T>> {
    const elements: unknown[] = [];
    const failures: unknown[] = [];
    for (const source of this.#sources) {
      try {
        const got = source.next();
        const item: Next<unknown> = isPromise(got) ? yield got : got;
        if (item.done) return done;
        elements.push(item.value);
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
    return { done: false, value: this.#together(elements) };
  }

  override skip(count: number): Awaitable<number> {
    return run(this.#skip(count));
  }

  *#skip(count: number): Work<number> {
    let least = count;
    for (const source of this.#sources) {
      const got = source.skip(count);
      least = Math.min(least, isPromise(got) ? yield got : got);
    }
    return least;
  }

  save(): State {
    return stateOf('zip', ...this.#sources.map((source) => source.save()));
  }

  close(): Promise<void> {
    return closeAll(this.#sources);
  }
}

export interface SampleSettings {
  readonly seed: number;
  /** How often each is chosen, in proportion. */
  readonly weights: readonly number[];
  readonly stopOnEmptyDataset: boolean;
}

/** Each element from one of the sources, chosen at random. */
export function sampled<T>(sources: readonly Open<T>[], settings: SampleSettings): Open<T> {
  return (context, state) => new SamplePass(sources, settings, context, state);
}

class SamplePass<T> extends Pass<T> {
  readonly #sources: readonly Pass<T>[];
  readonly #stops: boolean;
  readonly #random: RandomStream;
  /** 0 where a source has ended. */
  readonly #weights: number[];
  #draws: number;

  constructor(
    sources: readonly Open<T>[],
    { seed, weights, stopOnEmptyDataset }: SampleSettings,
    context: Context,
    state: State | undefined,
  ) {
    super();
    const saved = partsOf<[number, readonly number[], ...State[]]>('sampleFromDatasets', state);
    const [draws, left, ...states] = saved ?? [0, weights];
    this.#sources = sources.map((open, i) => open(context, states[i]));
    this.#stops = stopOnEmptyDataset;
    this.#random = new RandomStream(deriveKey(seed, 'sampleFromDatasets', context.epoch));
    this.#weights = [...left];
    this.#draws = draws;
    for (let i = 0; i < draws; i++) this.#random.uint32();
  }

  next(): Awaitable<Next<T>> {
    return run(this.#take());
  }

  *#take(): Work<Next<T>> {
    for (;;) {
      const chosen = this.#choose();
      if (chosen === undefined) return done;
      const got = this.#sources[chosen]!.next();
      const item: Next<T> = isPromise(got) ? yield got : got;
      if (!item.done) return item;
      if (this.#stops) this.#weights.fill(0);
      this.#weights[chosen] = 0;
    }
  }

  #choose(): number | undefined {
    const sum = this.#weights.reduce((a, b) => a + b, 0);
    if (sum === 0) return undefined;
    this.#draws++;
    let at = this.#random.uint32() * 2 ** -32 * sum;
    let last: number | undefined;
    for (const [i, weight] of this.#weights.entries()) {
      if (weight === 0) continue;
      if (at < weight) return i;
      at -= weight;
      last = i;
    }
    return last; // where rounding leaves a little
  }

  save(): State {
    const states = this.#sources.map((source) => source.save());
    return stateOf('sampleFromDatasets', this.#draws, [...this.#weights], ...states);
  }

  close(): Promise<void> {
    return closeAll(this.#sources);
  }
}
