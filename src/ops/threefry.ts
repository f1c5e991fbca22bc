import { ShapeError } from '../core/errors.ts';
import { threefryParity, threefryRotations } from '../core/random.ts';
import { sizeOf } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { add, bitwiseXor, cast, div, less, mask, mul, shiftLeft, shiftRight, sub } from './elementwise.ts';
import { gather, range, reshape, shapeOf } from './shaping.ts';

const uint32 = (value: number): Value => constant(tensor('uint32', [], Uint32Array.of(value)));
const int64 = (value: number): Value => constant(tensor('int64', [], BigInt64Array.of(BigInt(value))));

/** The running number of each element of `x`, uint32, in one row. */
function counters(x: Value): Value {
  const sizes = x.shape.map((_, axis) => reshape(shapeOf(x, { start: axis, end: axis + 1 }), { shape: [] }));
  const size = sizes.reduce((product, axis) => mul(product, axis), int64(1));
  return cast(range(int64(0), size, int64(1), { length: sizeOf(x.shape) }), { to: 'uint32' });
}

/**
 * The first number of Threefry-2x32's block at each counter: `core/random.ts` inside a graph, bit for bit.
 *
 * @param key uint32 [2]
 * @param counter uint32, any shape; the counter's second half is 0
 */
export function threefryBits(key: Value, counter: Value): Value {
  if (key.dtype !== 'uint32' || key.shape[0] !== 2)
    throw new ShapeError(`Threefry: a key uint32[2] is needed, got ${key}`);
  const [k0, k1] = [0, 1].map((i) => gather(key, int64(i), { axis: 0 })) as [Value, Value];
  const keys = [k0, k1, bitwiseXor(bitwiseXor(k0, k1), uint32(threefryParity))];
  let x0 = add(counter, k0);
  let x1 = k1;
  for (let round = 0; round < 20; round++) {
    const rotation = threefryRotations[round % 8]!;
    x0 = add(x0, x1);
    const rotated = add(shiftLeft(x1, uint32(rotation)), shiftRight(x1, uint32(32 - rotation)));
    x1 = bitwiseXor(rotated, x0);
    if (round % 4 === 3) {
      const group = (round + 1) / 4;
      x0 = add(x0, keys[group % 3]!);
      x1 = add(x1, add(keys[(group + 1) % 3]!, uint32(group)));
    }
  }
  return x0;
}

/** Numbers in [0, 1), 24 bits, one for each element of `like`; the same key gives the same numbers. */
export function randomUniform(key: Value, like: Value): Value {
  const bits = shiftRight(threefryBits(key, counters(like)), uint32(8));
  return reshape(mul(cast(bits, { to: 'float32' }), constant(2 ** -24)), { shape: like.shape });
}

/**
 * Sets a share of the elements to zero and scales the rest so that the mean stays.
 *
 * @param key uint32 [2]: another one at each step
 * @param rate the share, in [0, 1)
 */
export function dropout(x: Value, key: Value, rate: number): Value {
  if (rate === 0) return x;
  const dropped = mask(less(randomUniform(key, x), constant(rate)), x);
  return mul(x, div(sub(constant(1), dropped), constant(1 - rate)));
}
