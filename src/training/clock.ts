import type { EpochTimes } from './callback.ts';

/** Tells where the time since it was made went, and where that of the last step went. */
export class EpochClock {
  readonly #since = performance.now();
  readonly #sums = { waiting: 0, computing: 0 };
  readonly #last = { waiting: 0, computing: 0 };

  async during<T>(what: 'waiting' | 'computing', work: () => Promise<T>): Promise<T> {
    const since = performance.now();
    try {
      return await work();
    } finally {
      this.#last[what] = performance.now() - since;
      this.#sums[what] += this.#last[what];
    }
  }

  /** Of the last step, in milliseconds. */
  get last(): { readonly waited: number; readonly computed: number } {
    return { waited: this.#last.waiting, computed: this.#last.computing };
  }

  times(): EpochTimes {
    const [waiting, computing] = [this.#sums.waiting / 1000, this.#sums.computing / 1000];
    const all = (performance.now() - this.#since) / 1000;
    return { waiting, computing, other: Math.max(0, all - waiting - computing) };
  }
}
