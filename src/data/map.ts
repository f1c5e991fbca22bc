import { elementError } from './errors.ts';
import { type Amount, type Limit, limitOf } from './limits.ts';
import {
  type Awaitable,
  type Context,
  done,
  isPromise,
  isThenable,
  type Next,
  type Open,
  Pass,
  run,
  type Settled,
  settle,
  skipBehind,
  unwrap,
  type Work,
} from './pass.ts';
import { partsOf, type State, stateOf, unrepeatable } from './state.ts';

export interface ParallelOptions {
  /** How many calls may run at a time; 1 by default. */
  readonly numParallelCalls?: Amount | undefined;
  /** `false`: elements come in the order in which their calls end. By default they keep theirs. */
  readonly deterministic?: boolean | undefined;
}

/** Applies a function, to several elements at a time where it gives promises. */
export function mapped<T, U>(
  step: string,
  source: Open<T>,
  fn: (element: T, index: number) => U | PromiseLike<U>,
  { numParallelCalls = 1, deterministic }: ParallelOptions,
): Open<U> {
  return (context, state) => {
    const [index, before] = partsOf<[number, State]>(step, state) ?? [0, undefined];
    return new MapPass(source(context, before), fn, {
      step,
      index,
      limit: limitOf(numParallelCalls, context.threads),
      inOrder: deterministic ?? context.deterministic,
      context,
    });
  };
}

interface MapOptions {
  readonly step: string;
  /** How many elements came before. */
  readonly index?: number;
  readonly limit: Limit;
  readonly inOrder: boolean;
  readonly context: Pick<Context, 'saving' | 'pace'>;
}

/** A call of the function: what came of it, once it has ended. */
interface Call<U> {
  outcome?: Settled<U>;
  readonly ended: Promise<void> | undefined;
  /** Of the element. */
  readonly index: number;
  /** Where the source was before it. */
  readonly before: State | undefined;
}

export class MapPass<T, U> extends Pass<U> {
  readonly #source: Pass<T>;
  readonly #fn: (element: T, index: number) => U | PromiseLike<U>;
  readonly #options: MapOptions;
  readonly #calls: Call<U>[] = [];
  #index: number;
  /** An element that the source was asked for and has not given yet, and where the source was before. */
  #pulling: { readonly ended: Promise<void>; readonly before: State | undefined } | undefined;
  #ended = false;
  /** Calls `next` again, which waits. */
  #wake: (() => void) | undefined;

  constructor(source: Pass<T>, fn: (element: T, index: number) => U | PromiseLike<U>, options: MapOptions) {
    super();
    this.#source = source;
    this.#fn = fn;
    this.#options = options;
    this.#index = options.index ?? 0;
  }

  next(): Awaitable<Next<U>> {
    this.#fill();
    const call = this.#take();
    if (call) {
      this.#options.limit.waited(0);
      return { done: false, value: unwrap(call.outcome!) };
    }
    if (this.#calls.length === 0 && !this.#pulling) return done;
    return this.#wait();
  }

  async #wait(): Promise<Next<U>> {
    const since = performance.now();
    for (;;) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const call = this.#take();
      if (call) {
        this.#options.limit.waited(performance.now() - since);
        return { done: false, value: unwrap(call.outcome!) };
      }
      if (this.#calls.length === 0 && !this.#pulling) return done;
    }
  }

  /** The call whose turn it is, if it has ended. */
  #take(): Call<U> | undefined {
    if (this.#options.inOrder) return this.#calls[0]?.outcome ? this.#calls.shift() : undefined;
    const i = this.#calls.findIndex(({ outcome }) => outcome);
    return i < 0 ? undefined : this.#calls.splice(i, 1)[0];
  }

  /** Starts calls, as many as may run. One that answers at once gains nothing from being ahead. */
  #fill(): void {
    const { limit, context } = this.#options;
    while (!this.#ended && !this.#pulling && this.#calls.length < (context.pace.ahead ? limit.value : 1)) {
      const before = context.saving ? this.#source.save() : undefined;
      try {
        const got = this.#source.next();
        if (isPromise(got)) this.#pull(got, before);
        else if (!this.#accept(got, before)) return;
      } catch (error) {
        this.#calls.push({ outcome: { error }, ended: undefined, index: this.#index++, before });
      }
    }
  }

  #pull(got: Promise<Next<T>>, before: State | undefined): void {
    const ended = settle(got).then((item) => {
      this.#pulling = undefined;
      if ('error' in item) {
        this.#calls.push({ outcome: item, ended: undefined, index: this.#index++, before });
      } else if (this.#accept(item.value, before)) {
        this.#fill();
      }
      this.#wake?.();
    });
    this.#pulling = { ended, before };
  }

  /** @returns whether a call is running now, so that others may beside it */
  #accept(item: Next<T>, before: State | undefined): boolean {
    if (item.done) {
      this.#ended = true;
      return false;
    }
    const index = this.#index++;
    const failure = (error: unknown) => ({
      error: elementError(this.#options.step, index, error, item.value),
    });
    let result: U | PromiseLike<U>;
    try {
      result = this.#fn(item.value, index);
    } catch (error) {
      this.#calls.push({ outcome: failure(error), ended: undefined, index, before });
      return false;
    }
    if (!isThenable(result)) {
      this.#calls.push({ outcome: { value: result }, ended: undefined, index, before });
      return false;
    }
    const end = (outcome: Settled<U>): void => {
      call.outcome = outcome;
      this.#wake?.();
    };
    const call: Call<U> = {
      ended: Promise.resolve(result).then(
        (value) => end({ value }),
        (error) => end(failure(error)),
      ),
      index,
      before,
    };
    this.#calls.push(call);
    return true;
  }

  save(): State {
    const { step, inOrder } = this.#options;
    if (!inOrder) return unrepeatable(step);
    const [first] = this.#calls;
    const before = (first ?? this.#pulling)?.before ?? this.#source.save();
    return stateOf(step, first?.index ?? this.#index, before);
  }

  override skip(count: number): Awaitable<number> {
    return run(this.#skip(count));
  }

  *#skip(count: number): Work<number> {
    const isAhead = () => this.#calls.length > 0 || this.#pulling !== undefined;
    const { ahead, rest } = yield* skipBehind(this.#source, count, isAhead, () => super.skip(1));
    this.#index += rest;
    return ahead + rest;
  }

  async close(): Promise<void> {
    this.#ended = true;
    await this.#pulling?.ended;
    await Promise.all(this.#calls.map(({ ended }) => ended));
    await this.#source.close();
  }
}
