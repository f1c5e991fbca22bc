/**
 * Buffers that are used again. Whoever is done with a batch gives its buffer back (also one that travelled to a worker
 * and came home), and a later batch of the same size is gathered in it.
 */
export class BufferPool {
  readonly #most: number;
  #free: ArrayBuffer[] = [];

  /** @param most how many free buffers are kept */
  constructor(most = 8) {
    this.#most = most;
  }

  /** A buffer of exactly `bytes`; what it holds is undefined. */
  take(bytes: number): ArrayBuffer {
    const i = this.#free.findIndex(({ byteLength }) => byteLength === bytes);
    return i < 0 ? new ArrayBuffer(bytes) : this.#free.splice(i, 1)[0]!;
  }

  /** Takes a buffer back, which its giver must not touch any more. One that was transferred away is passed over. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength === 0 || this.#free.includes(buffer)) return;
    this.#free.unshift(buffer);
    this.#free.length = Math.min(this.#free.length, this.#most);
  }
}

/** Puts rows of equal length one behind another into a buffer that the caller chose. */
export function gatherRows(rows: readonly Uint8Array[], buffer: ArrayBuffer): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(buffer);
  let at = 0;
  for (const row of rows) {
    whole.set(row, at);
    at += row.length;
  }
  return whole;
}
