/** Where decoding and operations get the memory of what they make. What it holds is undefined. */
export interface Memory {
  bytes(length: number): Uint8Array<ArrayBuffer>;
  floats(length: number): Float32Array<ArrayBuffer>;
  /** Takes back what nobody reads any more. */
  free(data: ArrayBufferView): void;
}

/** Every result in memory of its own. */
export const freshMemory: Memory = {
  bytes: (length) => new Uint8Array(length),
  floats: (length) => new Float32Array(length),
  free: () => {},
};

const mostBuffers = 16;
const mostBytes = 2 ** 26;

/**
 * Memory that is used again for the next image. Fresh pages cost about as much as decoding does, and a worker's images
 * have few sizes.
 */
export class RecycledMemory implements Memory {
  #free: ArrayBuffer[] = [];

  bytes(length: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#take(length));
  }

  floats(length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#take(4 * length));
  }

  free({ buffer, byteLength }: ArrayBufferView): void {
    if (!(buffer instanceof ArrayBuffer) || buffer.byteLength !== byteLength) return;
    if (byteLength === 0 || this.#free.includes(buffer)) return;
    this.#free.unshift(buffer);
    let bytes = 0;
    this.#free = this.#free.filter((kept, i) => {
      bytes += kept.byteLength;
      return i < mostBuffers && bytes <= mostBytes;
    });
  }

  #take(length: number): ArrayBuffer {
    const i = this.#free.findIndex(({ byteLength }) => byteLength === length);
    return i < 0 ? new ArrayBuffer(length) : this.#free.splice(i, 1)[0]!;
  }
}
