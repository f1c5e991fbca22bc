/**
 * Counter-based random numbers: Threefry-2x32 with 20 rounds (Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011). A number depends on its key and its counter alone, so nothing has to be saved to go on after a
 * crash, and the order of threads changes nothing. `ops/threefry.ts` computes the same function inside a graph.
 */
export type Key = readonly [number, number];

export const threefryRotations = [13, 15, 26, 6, 17, 29, 16, 24] as const;
export const threefryParity = 0x1bd11bda;

/** The block of key `key` at counter (`c0`, `c1`): two independent 32-bit numbers. */
export function threefry(key: Key, c0: number, c1: number): [number, number] {
  const keys = [key[0] >>> 0, key[1] >>> 0, (threefryParity ^ key[0] ^ key[1]) >>> 0];
  let x0 = (c0 + keys[0]!) >>> 0;
  let x1 = (c1 + keys[1]!) >>> 0;
  for (let round = 0; round < 20; round++) {
    const rotation = threefryRotations[round % 8]!;
    x0 = (x0 + x1) >>> 0;
    x1 = ((x1 << rotation) | (x1 >>> (32 - rotation))) >>> 0;
    x1 = (x1 ^ x0) >>> 0;
    if (round % 4 === 3) {
      const group = (round + 1) / 4;
      x0 = (x0 + keys[group % 3]!) >>> 0;
      x1 = (x1 + keys[(group + 1) % 3]! + group) >>> 0;
    }
  }
  return [x0, x1];
}

/** FNV-1a, to turn a purpose ("shuffle", a layer's name) into a number of a key. */
function hash(text: string): number {
  let h = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) h = Math.imul(h ^ byte, 0x01000193);
  return h >>> 0;
}

/**
 * The key of a purpose: `deriveKey(seed, 'shuffle', epoch)`. Each part is folded in by one block of Threefry, so
 * different paths give independent streams.
 *
 * @param seed a whole number from 0 to 2⁵³ − 1
 */
export function deriveKey(seed: number, ...path: (string | number)[]): Key {
  let key: Key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0];
  for (const part of path) {
    key =
      typeof part === 'string'
        ? threefry(key, hash(part), 1)
        : threefry(key, part >>> 0, (Math.floor(part / 2 ** 32) >>> 0) | 0);
  }
  return key;
}

/** A stream of numbers from one key; the position is its only state. */
export class RandomStream {
  #spare: number | undefined;
  #counter = 0;
  readonly #key: Key;

  constructor(key: Key) {
    this.#key = key;
  }

  /** A whole number from 0 to 2³² − 1. */
  uint32(): number {
    if (this.#spare !== undefined) {
      const value = this.#spare;
      this.#spare = undefined;
      return value;
    }
    const [first, second] = threefry(this.#key, this.#counter++, 0);
    this.#spare = second;
    return first;
  }

  /** Uniform in [low, high), 24 bits. */
  uniform(low = 0, high = 1): number {
    return low + (this.uint32() >>> 8) * 2 ** -24 * (high - low);
  }

  /** A whole number in [0, bound), each as likely as the others. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const value = this.uint32();
      if (value < limit) return value % bound;
    }
  }

  /** Standard normal, by Box and Muller. */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }

  /** The numbers 0 … count − 1 in random order (Fisher and Yates). */
  permutation(count: number): Uint32Array {
    const order = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = count - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  }
}
