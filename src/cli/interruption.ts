import { constants } from 'node:os';

const signals = ['SIGINT', 'SIGTERM'] as const;
type Interrupt = (typeof signals)[number];

/**
 * npm hands a Ctrl-C on to a program that has had it from the terminal already: what comes so soon after is no second
 * wish. In milliseconds.
 */
const oneKeystroke = 500;

export interface Interruption {
  /** Aborted by the first signal, or by `stop`. */
  readonly signal: AbortSignal;
  /** 130 after Ctrl-C, 143 after SIGTERM, `undefined` where neither came. */
  readonly exitStatus: number | undefined;
  /** Ends the job as a signal would. */
  stop(): void;
  /** Gives the signals back to the system. */
  dispose(): void;
}

/**
 * The first Ctrl-C (or SIGTERM) asks the job to end after its step; a second one ends the process at once.
 *
 * @param onFirst tells the person
 * @param beforeEnd puts the terminal right
 */
export function awaitInterruption(onFirst: () => void, beforeEnd: () => void): Interruption {
  const controller = new AbortController();
  let first: { readonly signal: Interrupt; readonly at: number } | undefined;
  const handle = (signal: Interrupt): void => {
    if (!first) {
      first = { signal, at: performance.now() };
      controller.abort();
      onFirst();
    } else if (performance.now() - first.at > oneKeystroke) {
      beforeEnd();
      dispose();
      // process.exit would abort, with words of the C++ library, if a graph is running; the system's own way does not.
      process.kill(process.pid, signal);
    }
  };
  const dispose = (): void => {
    for (const name of signals) process.removeListener(name, handle);
  };
  for (const name of signals) process.on(name, handle);
  return {
    signal: controller.signal,
    get exitStatus() {
      return first && 128 + constants.signals[first.signal];
    },
    stop: () => controller.abort(),
    dispose,
  };
}
