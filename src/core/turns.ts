import { setImmediate } from 'node:timers/promises';

/** Work in small steps, one a `yield`, so that whoever runs it may do something else in between. */
export type Steps<T> = Generator<void, T>;

/** Does the work in one go. */
export function atOnce<T>(work: Steps<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Does the work, and lets others on this thread have their turn whenever it has gone on for a few milliseconds. */
export async function inTurns<T>(work: Steps<T>, milliseconds = 8): Promise<T> {
  let start = performance.now();
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    if (performance.now() - start < milliseconds) continue;
    await setImmediate();
    start = performance.now();
  }
}

/** So many bytes are copied in about a millisecond. */
const copiedAtOnce = 2 ** 22;

/** Pieces of a file as one array. */
export function* concatenated(pieces: readonly Uint8Array[]): Steps<Uint8Array<ArrayBuffer>> {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    for (let from = 0; from < piece.length; from += copiedAtOnce) {
      const part = piece.subarray(from, from + copiedAtOnce);
      whole.set(part, at);
      at += part.length;
      yield;
    }
  }
  return whole;
}
