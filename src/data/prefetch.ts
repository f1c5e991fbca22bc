import { type Amount, type Limit, limitOf, type Permits } from './limits.ts';
import {
  type Awaitable,
  type Context,
  done,
  isPromise,
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
import { partsOf, type State, stateOf } from './state.ts';

/** AUTOTUNE keeps no more elements ahead than this. */
const tunedMost = 32;

/** Makes elements ahead of whoever takes them. */
export function prefetched<T>(source: Open<T>, bufferSize: Amount): Open<T> {
  return (context, state) => {
    const [before] = partsOf<[State]>('prefetch', state) ?? [];
    const limit = limitOf(bufferSize, bufferSize === 'autotune' ? tunedMost : Number.POSITIVE_INFINITY);
    return new PrefetchPass(source(context, before), { limit, context });
  };
}

export interface PrefetchOptions<T> {
  readonly limit: Limit;
  readonly context: Pick<Context, 'saving' | 'pace'>;
  /** Shared with others that read beside it. */
  readonly permits?: Permits | undefined;
  /** Told whenever an element, a failure or the end has come. */
  readonly onCome?: (() => void) | undefined;
  /** Disposes of elements that were made and never taken. */
  readonly discard?: ((element: T) => Awaitable<void>) | undefined;
}

interface Ready<T> {
  readonly outcome: Settled<Next<T>>;
  readonly before: State | undefined;
}

export class PrefetchPass<T> extends Pass<T> {
  readonly #source: Pass<T>;
  readonly #options: PrefetchOptions<T>;
  readonly #ready: Ready<T>[] = [];
  #pulling: { readonly ended: Promise<void>; readonly before: State | undefined } | undefined;
  /** A source that answers at once is asked ahead only when this thread has nothing else to do. */
  #whenIdle: NodeJS.Immediate | undefined;
  #waits = false;
  #ended = false;

  constructor(source: Pass<T>, options: PrefetchOptions<T>) {
    super();
    this.#source = source;
    this.#options = options;
  }

  /** Whether `next` would answer at once. */
  get ready(): boolean {
    return this.#ready.length > 0 || this.#ended;
  }

  /** Begins to work ahead. */
  start(): this {
    if (this.#options.context.pace.ahead) this.#pull();
    this.#refill();
    return this;
  }

  next(): Awaitable<Next<T>> {
    if (this.#ready.length === 0 && !this.#pulling && !this.#ended) this.#pull();
    if (this.#ready.length === 0 && this.#pulling) return this.#wait(this.#pulling.ended);
    this.#options.limit.waited(0);
    return this.#give();
  }

  async #wait(ended: Promise<void>): Promise<Next<T>> {
    const since = performance.now();
    await ended;
    this.#options.limit.waited(performance.now() - since);
    return this.#give();
  }

  #give(): Next<T> {
    const first = this.#ready.shift();
    if (!first) return done;
    this.#refill();
    return unwrap(first.outcome);
  }

  #refill(): void {
    while (this.#waits && this.#mayPull()) this.#pull();
    if (this.#waits || !this.#mayPull()) return;
    this.#whenIdle ??= setImmediate(() => {
      this.#whenIdle = undefined;
      if (!this.#mayPull()) return;
      this.#pull();
      this.#refill();
    });
  }

  #mayPull(): boolean {
    const { limit, context } = this.#options;
    return !this.#ended && !this.#pulling && context.pace.ahead && this.#ready.length < limit.value;
  }

  #pull(): void {
    const { context, permits } = this.#options;
    const before = context.saving ? this.#source.save() : undefined;
    const ask = () => (this.#ended ? done : this.#source.next());
    try {
      const got = permits ? permits.run(ask) : ask();
      this.#waits = isPromise(got);
      if (!isPromise(got)) {
        this.#come({ value: got }, before);
        return;
      }
      const ended = settle(got).then((outcome) => {
        this.#pulling = undefined;
        this.#come(outcome, before);
        this.#refill();
      });
      this.#pulling = { ended, before };
    } catch (error) {
      this.#come({ error }, before);
    }
  }

  #come(outcome: Settled<Next<T>>, before: State | undefined): void {
    if ('value' in outcome && outcome.value.done) this.#ended = true;
    else this.#ready.push({ outcome, before });
    this.#options.onCome?.();
  }

  save(): State {
    return stateOf('prefetch', this.sourceState());
  }

  /** Of the source, as if nothing had been made ahead. */
  sourceState(): State {
    return (this.#ready[0] ?? this.#pulling)?.before ?? this.#source.save();
  }

  override skip(count: number): Awaitable<number> {
    return run(this.#skip(count));
  }

  *#skip(count: number): Work<number> {
    const isAhead = () => this.#ready.length > 0 || this.#pulling !== undefined;
    const { ahead, rest } = yield* skipBehind(this.#source, count, isAhead, () => super.skip(1));
    return ahead + rest;
  }

  async close(): Promise<void> {
    this.#ended = true;
    clearImmediate(this.#whenIdle);
    await this.#pulling?.ended;
    const { discard } = this.#options;
    for (const { outcome } of this.#ready.splice(0)) {
      if (discard && 'value' in outcome && !outcome.value.done) await discard(outcome.value.value);
    }
    await this.#source.close();
  }
}
