/**
 * Mean and variance of each channel, from rows that come part by part. Sums are taken in double precision, of
 * differences from the first row, so that no digits are lost where the mean is large.
 */
export class Moments {
  readonly #first: Float64Array;
  readonly #sum: Float64Array;
  readonly #squares: Float64Array;
  #rows = 0;

  /** @param firstRow any row of the data */
  constructor(firstRow: ArrayLike<number>) {
    this.#first = Float64Array.from(firstRow);
    this.#sum = new Float64Array(firstRow.length);
    this.#squares = new Float64Array(firstRow.length);
  }

  /** @param data rows one behind another */
  add(data: ArrayLike<number>): void {
    const channels = this.#first.length;
    for (let at = 0; at < data.length; at += channels) {
      for (let c = 0; c < channels; c++) {
        const difference = data[at + c]! - this.#first[c]!;
        this.#sum[c]! += difference;
        this.#squares[c]! += difference * difference;
      }
      this.#rows++;
    }
  }

  get mean(): Float64Array {
    return this.#sum.map((sum, c) => this.#first[c]! + sum / this.#rows);
  }

  get variance(): Float64Array {
    return this.#squares.map((squares, c) =>
      Math.max(0, squares / this.#rows - (this.#sum[c]! / this.#rows) ** 2),
    );
  }
}

/** Elements in row-major order after some axes have been brought behind the others. */
export function withAxesLast(
  data: Float32Array,
  shape: readonly number[],
  axes: readonly number[],
): Float32Array {
  const order = [...shape.keys()].filter((axis) => !axes.includes(axis)).concat(axes);
  if (order.every((axis, i) => axis === i)) return data;
  const strideOf = (axis: number) => shape.slice(axis + 1).reduce((product, size) => product * size, 1);
  const loops = order.map((axis) => ({ size: shape[axis]!, stride: strideOf(axis) }));
  const moved = new Float32Array(data.length);
  let written = 0;
  const copy = (depth: number, from: number): void => {
    const loop = loops[depth];
    if (!loop) moved[written++] = data[from]!;
    else for (let i = 0; i < loop.size; i++) copy(depth + 1, from + i * loop.stride);
  };
  copy(0, 0);
  return moved;
}
