import {
  type Awaitable,
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
import { partsOf, type State } from './state.ts';

/** What a function decided about an element. */
export interface Decision<T> {
  readonly element: T;
  readonly keep: boolean;
}

/** A function's word on an element; whatever is neither true nor false is a forgotten `return` or a slip. */
export function decision<T>(fn: (element: T) => boolean | Promise<boolean>) {
  return (element: T) => {
    const decide = (keep: boolean) => {
      if (typeof keep === 'boolean') return { element, keep };
      throw new TypeError(`the function must say true or false, got ${keep}`);
    };
    const keep = fn(element);
    return isThenable(keep) ? keep.then(decide) : decide(keep);
  };
}

/** Leaves out what is not to be kept. */
export function kept<T>(source: Open<Decision<T>>): Open<T> {
  return (context, state) => {
    const [before] = partsOf<[State]>('kept', state) ?? [];
    return new KeptPass('kept', source(context, before));
  };
}

class KeptPass<T> extends Step<Decision<T>, T> {
  next(): Awaitable<Next<T>> {
    return run(this.#find());
  }

  *#find(): Work<Next<T>> {
    for (;;) {
      const got = this.source.next();
      const item: Next<Decision<T>> = isPromise(got) ? yield got : got;
      if (item.done) return done;
      if (item.value.keep) return { done: false, value: item.value.element };
    }
  }
}

/** Ends before the first element that is not to be kept. */
export function leading<T>(source: Open<Decision<T>>): Open<T> {
  return (context, state) => {
    const [ended, before] = partsOf<[number, State]>('takeWhile', state) ?? [0, undefined];
    return new LeadingPass(source(context, before), ended !== 0);
  };
}

class LeadingPass<T> extends Step<Decision<T>, T> {
  #ended: boolean;

  constructor(source: Pass<Decision<T>>, ended: boolean) {
    super('takeWhile', source);
    this.#ended = ended;
  }

  next(): Awaitable<Next<T>> {
    if (this.#ended) return done;
    const got = this.source.next();
    return isPromise(got) ? got.then((item) => this.#judge(item)) : this.#judge(got);
  }

  #judge(item: Next<Decision<T>>): Next<T> {
    if (!item.done && item.value.keep) return { done: false, value: item.value.element };
    this.#ended = true;
    return done;
  }

  protected override own(): readonly number[] {
    return [Number(this.#ended)];
  }
}
