import { availableParallelism } from 'node:os';
import { UsageError } from '../core/errors.ts';
import { type Awaitable, isPromise } from './pass.ts';

/** As a number of parallel calls or the size of a buffer: chosen from measured times. It changes speed, never order. */
export const AUTOTUNE = 'autotune' as const;

/** How many calls at a time, or how many elements ahead. */
export type Amount = number | typeof AUTOTUNE;

/** @throws {UsageError} when it is no whole number from `least` on */
export function checkCount(what: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${what} must be a whole number from ${least} on, got ${value}`);
}

export function checkAmount(what: string, value: Amount, least: number): Amount {
  if (value === AUTOTUNE) return value;
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${what} must be a whole number from ${least} on, or AUTOTUNE, got ${value}`);
}

/** How much may be under way now. */
export interface Limit {
  readonly value: number;
  /** An element was asked for, and had to be waited for so long: 0 when it was there. */
  waited(milliseconds: number): void;
}

export function limitOf(amount: Amount, most: number): Limit {
  if (amount === AUTOTUNE) return new TunedLimit(most);
  return { value: Math.min(amount, most), waited: () => {} };
}

/** AUTOTUNE never runs more calls, or keeps more elements ahead, than this for each processor. */
export const tunedMost = (): number => 4 * availableParallelism();

/** Times of fewer elements than this say nothing. */
const shortestWindow = 16;

/**
 * Grows while whoever asks has to wait and growing makes it faster; shrinks while nobody waits, so that memory and
 * processors are left to others.
 */
export class TunedLimit implements Limit {
  value = 2;
  readonly #most: number;
  readonly #now: () => number;
  #asked = 0;
  #waited = 0;
  #since: number;
  /** Elements a millisecond, before the last growth. */
  #rateBefore = 0;
  #before = 0;
  /** Windows to go before growing is tried again. */
  #rest = 0;

  /** @param now milliseconds */
  constructor(most: number, now: () => number = () => performance.now()) {
    this.#most = Math.max(1, most);
    this.value = Math.min(2, this.#most);
    this.#now = now;
    this.#since = now();
  }

  waited(milliseconds: number): void {
    this.#waited += milliseconds;
    if (++this.#asked < Math.max(shortestWindow, 2 * this.value)) return;
    const elapsed = Math.max(this.#now() - this.#since, 1e-3);
    this.#choose(this.#asked / elapsed, this.#waited / elapsed);
    [this.#asked, this.#waited, this.#since] = [0, 0, this.#now()];
  }

  #choose(rate: number, waiting: number): void {
    if (this.#rest > 0) this.#rest--;
    else if (waiting < 0.01) {
      this.value = Math.max(1, this.value - 1);
      this.#before = 0;
    } else if (waiting > 0.1) {
      if (this.#before > 0 && rate < 1.05 * this.#rateBefore) {
        [this.value, this.#before, this.#rest] = [this.#before, 0, 16];
      } else if (this.value < this.#most) {
        [this.#rateBefore, this.#before] = [rate, this.value];
        this.value = Math.min(this.#most, 2 * this.value);
      }
    }
  }
}

/** Lets no more than a limit of calls run at a time; the others wait in line. */
export class Permits {
  readonly limit: Limit;
  readonly #line: (() => void)[] = [];
  #taken = 0;

  constructor(limit: Limit) {
    this.limit = limit;
  }

  run<T>(work: () => Awaitable<T>): Awaitable<T> {
    if (this.#taken >= this.limit.value) {
      return new Promise<void>((resolve) => this.#line.push(resolve)).then(() => this.run(work));
    }
    this.#taken++;
    let result: Awaitable<T>;
    try {
      result = work();
    } catch (error) {
      this.#give();
      throw error;
    }
    if (isPromise(result)) return result.finally(() => this.#give());
    this.#give();
    return result;
  }

  #give(): void {
    this.#taken--;
    this.#line.shift()?.();
  }
}
