/** The signals by which a machine that is taken away tells its processes, and by which a person ends them. */
const signals = ['SIGINT', 'SIGTERM'] as const;

/**
 * Ends a run after its step when the process is told to end, so that it is saved, and then the process. A second signal
 * ends the process at once.
 */
export class Preemption {
  readonly #controller = new AbortController();
  readonly #onSignal = (name: NodeJS.Signals): void => {
    this.#received = name;
    this.#stopListening();
    this.#onFirst(name);
    this.#controller.abort();
  };
  readonly #onFirst: (name: NodeJS.Signals) => void;
  #received: NodeJS.Signals | undefined;
  readonly signal: AbortSignal;

  /** @param handles whether it listens to the process' signals */
  constructor(handles: boolean, outer: AbortSignal | undefined, onFirst: (name: NodeJS.Signals) => void) {
    this.#onFirst = onFirst;
    const own = this.#controller.signal;
    this.signal = outer ? AbortSignal.any([own, outer]) : own;
    if (handles) for (const name of signals) process.on(name, this.#onSignal);
  }

  /** When all is saved: ends the process as the signal would have. */
  finish(): void {
    this.#stopListening();
    if (this.#received) process.kill(process.pid, this.#received);
  }

  #stopListening(): void {
    for (const name of signals) process.removeListener(name, this.#onSignal);
  }
}
