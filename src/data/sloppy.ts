import type { Inner, InterleaveSettings, Readers } from './inner.ts';
import { type Awaitable, closeAll, done, isPromise, type Next, Pass, run, type Work } from './pass.ts';
import type { PrefetchPass } from './prefetch.ts';
import { type State, unrepeatable } from './state.ts';

/** Reads datasets in turn, and passes over those that have nothing ready. */
export class SloppyPass<U> extends Pass<U> {
  readonly #settings: InterleaveSettings;
  readonly #input: PrefetchPass<Inner<PrefetchPass<U>>>;
  readonly #slots: PrefetchPass<U>[] = [];
  #slot = 0;
  #block = 0;
  #inputEnded = false;
  #wake: (() => void) | undefined;

  constructor(
    settings: InterleaveSettings,
    input: PrefetchPass<Inner<PrefetchPass<U>>>,
    readers: Readers<U>,
  ) {
    super();
    this.#settings = settings;
    this.#input = input;
    readers.onCome = () => this.#wake?.();
  }

  next(): Awaitable<Next<U>> {
    return run(this.#find());
  }

  *#find(): Work<Next<U>> {
    for (;;) {
      while (this.#slots.length < this.#settings.cycleLength && !this.#inputEnded && this.#input.ready) {
        const got = this.#input.next();
        const input: Next<Inner<PrefetchPass<U>>> = isPromise(got) ? yield got : got;
        if (input.done) this.#inputEnded = true;
        else this.#slots.push(input.value.made);
      }
      const inner = this.#firstReady();
      if (inner) {
        const got = inner.next();
        const item: Next<U> = isPromise(got) ? yield got : got;
        if (!item.done) {
          if (++this.#block === this.#settings.blockLength) this.#turn(this.#slot + 1);
          return item;
        }
        this.#slots.splice(this.#slot, 1);
        this.#turn(this.#slot);
        const closed = inner.close();
        if (isPromise(closed)) yield closed;
      } else if (this.#inputEnded && this.#slots.length === 0) return done;
      else {
        yield new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  /** The first that has something ready, from the one whose turn it is on. */
  #firstReady(): PrefetchPass<U> | undefined {
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = (this.#slot + i) % this.#slots.length;
      if (!this.#slots[slot]!.ready) continue;
      if (i > 0) this.#turn(slot);
      return this.#slots[slot];
    }
    return undefined;
  }

  #turn(slot: number): void {
    this.#slot = slot < this.#slots.length ? slot : 0;
    this.#block = 0;
  }

  save(): State {
    return unrepeatable(this.#settings.step);
  }

  close(): Promise<void> {
    return closeAll([this.#input, ...this.#slots.splice(0)]);
  }
}
