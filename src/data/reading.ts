import { setImmediate } from 'node:timers/promises';
import { isPromise, type Pass } from './pass.ts';

/** So long, in milliseconds, elements that come at once keep this thread from other work. */
const turn = 8;
const elementsBetweenLooks = 256;

/** Gives every element of a pass to a function, and closes it. */
export async function drain<T>(
  pass: Pass<T>,
  each: (element: T, index: number) => void | PromiseLike<void>,
): Promise<void> {
  try {
    let since = performance.now();
    for (let index = 0; ; index++) {
      const got = pass.next();
      const item = isPromise(got) ? await got : got;
      if (item.done) return;
      const called = each(item.value, index);
      if (called) await called;
      if (index % elementsBetweenLooks > 0 || performance.now() - since < turn) continue;
      await setImmediate();
      since = performance.now();
    }
  } finally {
    await pass.close();
  }
}
