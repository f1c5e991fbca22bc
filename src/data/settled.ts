/** How a promise ended, as a value: a failure waits here for its turn and is never an unhandled rejection. */
export type Settled<T> = { readonly value: T } | { readonly error: unknown };

export function settle<T>(promise: Promise<T>): Promise<Settled<T>> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** The value, or the failure thrown. */
export function unwrap<T>(settled: Settled<T>): T {
  if ('error' in settled) throw settled.error;
  return settled.value;
}
