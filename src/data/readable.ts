import { UsageError } from '../core/errors.ts';
import { type ElementSpec, specOf } from './element-spec.ts';
import { DatasetIterator, type IteratorState } from './iterator.ts';
import { checkCount } from './limits.ts';
import { type Context, isThenable, type Open, type Pass } from './pass.ts';
import { drain } from './reading.ts';

export interface IteratorOptions {
  /** Default: the next one, counted from 0; with a state, the state's. */
  readonly epoch?: number | undefined;
  /** Where to go on, from the `save()` of an iterator of the same pipeline. */
  readonly state?: IteratorState | undefined;
  /** Ends the pass and all work behind it: `next` then fails with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What is known of a dataset beside its elements. */
export interface Known {
  readonly cardinality: number | undefined;
  readonly spec?: (() => Promise<ElementSpec | undefined>) | undefined;
}

/** What all datasets can do, whatever they are made of: be read. */
export abstract class Readable<T> implements AsyncIterable<T> {
  /** How many elements a pass has; `Infinity` for an endless dataset, `undefined` where only reading tells. */
  readonly cardinality: number | undefined;
  protected readonly open: Open<T>;
  protected readonly spec: () => Promise<ElementSpec | undefined>;
  #passes = 0;

  constructor(open: Open<T>, { cardinality, spec }: Known) {
    this.open = open;
    this.cardinality = cardinality;
    this.spec = spec ?? (() => this.#firstSpec());
  }

  /** Reads one pass. Without a number, each reading of this dataset is the next epoch: 0, 1, 2, … */
  iterate(epoch: number = this.#passes++): AsyncIterableIterator<T, undefined> {
    checkCount('iterate: epoch', epoch, 0);
    return new DatasetIterator({ epoch, open: () => this.open(contextOf(epoch)), saving: false });
  }

  /**
   * Opens one pass, whose place can be saved, and taken up again in another process.
   *
   * @example
   * const iterator = batches.iterator({ epoch: 3 });
   * await iterator.next();
   * const state = JSON.stringify(iterator.save());
   * const rest = batches.iterator({ state: JSON.parse(state) });
   * @throws {UsageError} while reading, when the state is of another pipeline
   */
  iterator({ epoch, state, signal }: IteratorOptions = {}): DatasetIterator<T> {
    if (state && epoch !== undefined && epoch !== state.epoch) {
      throw new UsageError(`iterator: the state is of epoch ${state.epoch}, and epoch ${epoch} is asked for`);
    }
    const number = checkCount('iterator: epoch', state?.epoch ?? epoch ?? this.#passes++, 0);
    const position = state?.position ?? undefined;
    const open = () => this.open({ ...contextOf(number), saving: true }, position);
    return new DatasetIterator({ epoch: number, open, position, saving: true, signal });
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return this.iterate();
  }

  #next(): Pass<T> {
    return this.open(contextOf(this.#passes++));
  }

  /** All elements of the next pass. Never ends on an endless dataset. */
  async toArray(): Promise<T[]> {
    const elements: T[] = [];
    await this.forEach((element) => void elements.push(element));
    return elements;
  }

  /** Calls a function for each element of the next pass, and waits for it before the next. */
  async forEach(fn: (element: T, index: number) => void | PromiseLike<void>): Promise<void> {
    await drain(this.#next(), fn);
  }

  /**
   * Combines all elements of the next pass, in their order.
   *
   * @example await Dataset.range(5).reduce(0, (sum, n) => sum + n) // 10
   */
  async reduce<U>(initial: U, fn: (value: U, element: T) => U | PromiseLike<U>): Promise<U> {
    let value = initial;
    const keep = (next: U): void => {
      value = next;
    };
    await drain(this.#next(), (element) => {
      const next = fn(value, element);
      return isThenable(next) ? next.then(keep) : keep(next);
    });
    return value;
  }

  /**
   * What elements are like: dtype and shape of tensors, parts by name, the types of all else. The first element of epoch
   * 0 tells; the axis of batches whose last may be smaller is `'batch'`.
   *
   * @returns `undefined` where there is no element
   */
  elementSpec(): Promise<ElementSpec | undefined> {
    return this.spec();
  }

  async #firstSpec(): Promise<ElementSpec | undefined> {
    for await (const element of this.iterate(0)) return specOf(element);
    return undefined;
  }
}

function contextOf(epoch: number): Context {
  return {
    epoch,
    saving: false,
    deterministic: true,
    threads: Number.POSITIVE_INFINITY,
    pace: { ahead: true },
  };
}
