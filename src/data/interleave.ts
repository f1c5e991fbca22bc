import {
  type Inner,
  type InnerOf,
  InputPass,
  type InterleaveSettings,
  type Readers,
  readersOf,
} from './inner.ts';
import {
  type Awaitable,
  closeAll,
  done,
  isPromise,
  type Next,
  type Open,
  Pass,
  run,
  type Work,
} from './pass.ts';
import { PrefetchPass } from './prefetch.ts';
import { SloppyPass } from './sloppy.ts';
import { partsOf, type State, stateOf } from './state.ts';

/** Makes a dataset of each element and reads `cycleLength` of them in turn, `blockLength` elements of each. */
export function interleaved<T, U>(source: Open<T>, fn: InnerOf<T, U>, settings: InterleaveSettings): Open<U> {
  return (context, state) => {
    const inputs = <X>(make: (inner: Open<U>) => X, before?: State): InputPass<T, U, X> =>
      new InputPass(settings.step, source, fn, make, context, before);
    const readers = readersOf<U>(settings, context);
    if (readers && !(settings.deterministic ?? context.deterministic)) {
      const ahead = readers.ahead(inputs((inner) => readers.read(inner)));
      return new SloppyPass(settings, ahead, readers);
    }
    const read = (inner: Open<U>, state?: State) =>
      readers ? readers.read(inner, state) : inner(context, state);
    return new InterleavePass(settings, { inputs, read, readers }, state);
  };
}

interface Source<U> {
  readonly inputs: <X>(make: (inner: Open<U>) => X, before?: State) => Pass<Inner<X>>;
  readonly read: (inner: Open<U>, state?: State) => Pass<U>;
  readonly readers: Readers<U> | undefined;
}

/**
 * Place in the cycle, elements that its block has given, whether the input has ended; the input's state; for each place
 * of the cycle the input's state before its dataset, and the dataset's.
 */
type Saved = [slot: number, block: number, ended: number, input: State, slots: ([State, State] | null)[]];

class InterleavePass<U> extends Pass<U> {
  readonly #settings: InterleaveSettings;
  readonly #source: Source<U>;
  readonly #input: Pass<Inner<Pass<U>>>;
  /** What is read in turn; `undefined` where one has ended and the next is not there yet. */
  #slots: (Inner<Pass<U>> | undefined)[] = [];
  #slot = 0;
  #block = 0;
  #inputEnded = false;
  /** What is still to be restored. */
  #saved: Saved | undefined;

  constructor(settings: InterleaveSettings, source: Source<U>, state: State | undefined) {
    super();
    this.#settings = settings;
    this.#source = source;
    this.#saved = partsOf<Saved>(settings.step, state);
    const { inputs, read, readers } = source;
    const input = inputs((inner) => read(inner), this.#saved?.[3]);
    this.#input = readers ? readers.ahead(input) : input;
  }

  next(): Awaitable<Next<U>> {
    const got = this.#saved ? undefined : this.#slots[this.#slot]?.made.next();
    if (!got || isPromise(got) || got.done) return run(this.#find(got));
    this.#given();
    return got;
  }

  *#find(asked: Awaitable<Next<U>> | undefined): Work<Next<U>> {
    if (this.#saved) yield* this.#restore(this.#saved);
    let got = asked;
    for (;;) {
      const inner = this.#slots[this.#slot];
      if (inner) {
        got ??= inner.made.next();
        const item: Next<U> = isPromise(got) ? yield got : got;
        got = undefined;
        if (!item.done) {
          this.#given();
          return item;
        }
        this.#leave();
        const closed = inner.made.close();
        if (isPromise(closed)) yield closed;
      } else if (!this.#inputEnded) {
        const next = this.#input.next();
        const input: Next<Inner<Pass<U>>> = isPromise(next) ? yield next : next;
        if (input.done) this.#endInput();
        else this.#slots[this.#slot] = input.value;
      } else return done;
    }
  }

  #given(): void {
    if (++this.#block === this.#settings.blockLength) this.#turn(this.#slot + 1);
  }

  #turn(slot: number): void {
    const cycle = this.#inputEnded ? this.#slots.length : this.#settings.cycleLength;
    this.#slot = slot < cycle ? slot : 0;
    this.#block = 0;
  }

  /** The dataset whose turn it is has ended. Another takes its place when its turn comes again, while there are any. */
  #leave(): void {
    if (this.#inputEnded) {
      this.#slots.splice(this.#slot, 1);
      this.#turn(this.#slot);
    } else {
      this.#slots[this.#slot] = undefined;
      this.#turn(this.#slot + 1);
    }
  }

  /** From now on nothing takes an empty place. */
  #endInput(): void {
    this.#inputEnded = true;
    const before = this.#slots.slice(0, this.#slot).filter((slot) => slot).length;
    this.#slots = this.#slots.filter((slot) => slot);
    this.#turn(before);
  }

  *#restore([slot, block, ended, , slots]: Saved): Work<void> {
    this.#saved = undefined;
    for (const [i, saved] of slots.entries()) {
      if (!saved) {
        this.#slots[i] = undefined;
        continue;
      }
      const [before, state] = saved;
      const input = this.#source.inputs((inner) => inner, before);
      try {
        const got = input.next();
        const item: Next<Inner<Open<U>>> = isPromise(got) ? yield got : got;
        if (!item.done) this.#slots[i] = { made: this.#source.read(item.value.made, state), before };
      } finally {
        const closed = input.close();
        if (isPromise(closed)) yield closed;
      }
    }
    [this.#slot, this.#block, this.#inputEnded] = [slot, block, ended === 1];
  }

  save(): State {
    const slots = this.#slots.map((slot): [State, State] | null =>
      slot ? [slot.before!, stateBehind(slot.made)] : null,
    );
    const now: Saved = [this.#slot, this.#block, Number(this.#inputEnded), stateBehind(this.#input), slots];
    return stateOf(this.#settings.step, ...(this.#saved ?? now));
  }

  close(): Promise<void> {
    const passes = this.#slots.splice(0).flatMap((slot) => (slot ? [slot.made] : []));
    return closeAll([this.#input, ...passes]);
  }
}

/** The same state, whether or not it is read ahead. */
function stateBehind(pass: Pass<unknown>): State {
  return pass instanceof PrefetchPass ? pass.sourceState() : pass.save();
}
