import { divideDims, multiplyDims } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, cast, div, mul } from '../ops/elementwise.ts';
import { filled } from '../ops/reduce.ts';
import { concat, gather, range, reshape, shapeOf } from '../ops/shaping.ts';

/**
 * Rows [rows, channels] of a batch of images, one a pixel (or one of something else that every image has as many of).
 * Row number = a·batch + perImage·image + c, with `a` and `c` from the place within the image: so one table serves
 * batches of every size.
 */
export interface Rows {
  readonly value: Value;
  /** How many rows an image has. */
  readonly count: number;
  /** How far a row moves from one image to the next. */
  readonly perImage: number;
}

/** Where a row is found: `a` times the batch size, and `c`. */
export interface Address {
  readonly a: number;
  readonly c: number;
}

const int32s = (shape: number[], data: Int32Array<ArrayBuffer>) => constant(tensor('int32', shape, data));
const int32 = (value: number) => int32s([], Int32Array.of(value));
const int64 = (value: number) => constant(tensor('int64', [], BigInt64Array.of(BigInt(value))));

/**
 * Rows gathered through an index table. The result holds, for each of `lead` places, then each image, then each of
 * `trail` places, the row at `address(lead, trail)`, or `fill` in every channel where that is undefined. It replaces
 * padding, tiling, transposing and the shifts of a window, at the cost of one copy.
 *
 * @returns [lead · batch · trail, channels]
 */
export function pick(
  { value: rows, count, perImage }: Rows,
  lead: number,
  trail: number,
  address: (lead: number, trail: number) => Address | undefined,
  fill = 0,
): Value {
  const size = lead * trail;
  const [a, c, step] = [new Int32Array(size), new Int32Array(size), new Int32Array(size)];
  let outside = false;
  for (let l = 0, at = 0; l < lead; l++) {
    for (let t = 0; t < trail; t++, at++) {
      const found = address(l, t);
      outside ||= !found;
      a[at] = found ? found.a : count; // `count` · batch: the row behind the last
      c[at] = found ? found.c : 0;
      step[at] = found ? perImage : 0;
    }
  }
  const channels = rows.shape[1] as number;
  const source = outside ? concat(rows, filled(fill, [1, channels]), { axis: 0 }) : rows;
  const images = divideDims(rows.shape[0]!, count)!;
  const batch = cast(div(reshape(shapeOf(rows, { end: 1 }), { shape: [] }), int64(count)), { to: 'int32' });
  const image = reshape(range(int32(0), batch, int32(1), { length: images }), { shape: [images, 1] });
  const table = (data: Int32Array<ArrayBuffer>) => int32s([lead, 1, trail], data);
  const steps = step.every((s) => s === step[0]) ? int32(step[0] ?? 0) : table(step);
  const first = a.some((x) => x !== 0) ? add(mul(table(a), batch), table(c)) : table(c);
  const index = reshape(add(first, mul(image, steps)), { shape: [multiplyDims(size, images)] });
  return gather(source, index, { axis: 0 });
}
