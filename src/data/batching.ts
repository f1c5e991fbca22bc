import { ElementError } from './errors.ts';
import { type Awaitable, done, isPromise, type Next, type Open, Pass, run, Step, type Work } from './pass.ts';
import { partsOf, type State, stateOf } from './state.ts';
import { type Batched, Misfit, type Rows, rowsOf, type Sliced, stack } from './structure.ts';

/** Elements by `size`. */
export function batched<T>(source: Open<T>, size: number, dropRemainder: boolean): Open<Batched<T>> {
  return (context, state) => {
    const [index, before] = partsOf<[number, State]>('batch', state) ?? [0, undefined];
    return new BatchPass(source(context, before), size, dropRemainder, index);
  };
}

class BatchPass<T> extends Step<T, Batched<T>> {
  readonly #size: number;
  readonly #dropRemainder: boolean;
  /** How many elements came before. */
  #index: number;

  constructor(source: Pass<T>, size: number, dropRemainder: boolean, index: number) {
    super('batch', source);
    this.#size = size;
    this.#dropRemainder = dropRemainder;
    this.#index = index;
  }

  next(): Awaitable<Next<Batched<T>>> {
    return run(this.#gather());
  }

  /** A failed element fails its batch, which is told when all of the batch was asked for. */
  *#gather(): Work<Next<Batched<T>>> {
    const elements: T[] = [];
    const failures: unknown[] = [];
    const first = this.#index;
    while (this.#index - first < this.#size) {
      try {
        const got = this.source.next();
        const item: Next<T> = isPromise(got) ? yield got : got;
        if (item.done) break;
        elements.push(item.value);
      } catch (error) {
        failures.push(error);
      }
      this.#index++;
    }
    const count = this.#index - first;
    if (count === 0 || (this.#dropRemainder && count < this.#size)) return done;
    if (failures.length > 0) throw failures[0];
    try {
      return { done: false, value: stack(elements) };
    } catch (error) {
      if (!(error instanceof Misfit)) throw error;
      throw new ElementError('batch', first + error.place, error, elements[error.place]);
    }
  }

  override skip(count: number): Awaitable<number> {
    const size = this.#size;
    const whole = this.#dropRemainder ? Math.floor : Math.ceil;
    const came = (skipped: number): number => {
      this.#index += skipped;
      return whole(skipped / size);
    };
    const got = this.source.skip(count * size);
    return isPromise(got) ? got.then(came) : came(got);
  }

  protected override own(): readonly number[] {
    return [this.#index];
  }
}

/** The rows of each element, one after another. */
export function unbatched<T>(source: Open<T>): Open<Sliced<T>> {
  return (context, state) => {
    const [index, row, before] = partsOf<[number, number, State]>('unbatch', state) ?? [0, 0, undefined];
    return new UnbatchPass(source(context, before), index, row, context.saving);
  };
}

class UnbatchPass<T> extends Pass<Sliced<T>> {
  readonly #source: Pass<T>;
  readonly #saving: boolean;
  #rows: Rows<Sliced<T>> | undefined;
  /** Where the source was before these rows. */
  #before: State | undefined;
  /** Which batch comes next, and which row of it. */
  #index: number;
  #row: number;

  constructor(source: Pass<T>, index: number, row: number, saving: boolean) {
    super();
    this.#source = source;
    this.#index = index;
    this.#row = row;
    this.#saving = saving;
  }

  next(): Awaitable<Next<Sliced<T>>> {
    if (this.#rows && this.#row < this.#rows.length) {
      return { done: false, value: this.#rows.at(this.#row++) };
    }
    return run(this.#cut());
  }

  *#cut(): Work<Next<Sliced<T>>> {
    for (;;) {
      if (this.#rows) this.#row = 0;
      this.#rows = undefined;
      this.#before = this.#saving ? this.#source.save() : undefined;
      const got = this.#source.next();
      const item: Next<T> = isPromise(got) ? yield got : got;
      if (item.done) return done;
      const index = this.#index++;
      try {
        this.#rows = rowsOf('unbatch', item.value);
      } catch (error) {
        throw new ElementError('unbatch', index, error, item.value);
      }
      if (this.#row < this.#rows.length) return { done: false, value: this.#rows.at(this.#row++) };
    }
  }

  save(): State {
    if (!this.#rows) return stateOf('unbatch', this.#index, this.#row, this.#source.save());
    return stateOf('unbatch', this.#index - 1, this.#row, this.#before ?? this.#source.save());
  }

  close(): Awaitable<void> {
    this.#rows = undefined;
    return this.#source.close();
  }
}
