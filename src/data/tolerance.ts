import { SystemError, UsageError } from '../core/errors.ts';
import { type IgnoredErrors, isAbort } from './errors.ts';
import { type Awaitable, isPromise, type Next, type Open, type Pass, run, Step, type Work } from './pass.ts';
import { partsOf, type State } from './state.ts';

/** Leaves out elements that fail. */
export function tolerant<T>(source: Open<T>, into: IgnoredErrors | undefined): Open<T> {
  return (context, state) => {
    const [before] = partsOf<[State]>('ignoreErrors', state) ?? [];
    return new TolerantPass(source(context, before), into);
  };
}

class TolerantPass<T> extends Step<T, T> {
  readonly #into: IgnoredErrors | undefined;

  constructor(source: Pass<T>, into: IgnoredErrors | undefined) {
    super('ignoreErrors', source);
    this.#into = into;
  }

  next(): Awaitable<Next<T>> {
    return run(this.#find());
  }

  *#find(): Work<Next<T>> {
    for (;;) {
      try {
        const got = this.source.next();
        return isPromise(got) ? yield got : got;
      } catch (error) {
        // A wrong call or a full disk is no matter of one element.
        if (error instanceof UsageError || error instanceof SystemError || isAbort(error)) throw error;
        this.#into?.add(error);
      }
    }
  }
}
