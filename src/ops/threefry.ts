import { ShapeError } from '../core/errors.ts';
import { threefryParity, threefryRotations } from '../core/random.ts';
import { type Shape, sizeOf } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  add,
  bitwiseXor,
  cast,
  cos,
  div,
  less,
  log,
  mask,
  mul,
  shiftLeft,
  shiftRight,
  sqrt,
  sub,
} from './elementwise.ts';
import { gather, range, reshape, shapeOf } from './shaping.ts';

const uint32 = (value: number): Value => constant(tensor('uint32', [], Uint32Array.of(value)));
const int64 = (value: number): Value => constant(tensor('int64', [], BigInt64Array.of(BigInt(value))));

/** The running number of each element of `shape`, uint32, in one row; `like` has the sizes of its symbols. */
function counters(shape: Shape, like: Value): Value {
  const sizes = shape.map((dim) => {
    if (typeof dim === 'number') return int64(dim);
    const axis = like.shape.indexOf(dim);
    if (axis < 0) throw new ShapeError(`random numbers: ${like} has no axis of size '${dim}'`);
    return reshape(shapeOf(like, { start: axis, end: axis + 1 }), { shape: [] });
  });
  const size = sizes.reduce((product, axis) => mul(product, axis), int64(1));
  return cast(range(int64(0), size, int64(1), { length: sizeOf(shape) }), { to: 'uint32' });
}

/**
 * Threefry-2x32's block at each counter, two independent numbers: `core/random.ts` inside a graph, bit for bit.
 *
 * @param key uint32 [2]
 * @param counter uint32, any shape; the counter's second half is 0
 */
export function threefryBits(key: Value, counter: Value): readonly [Value, Value] {
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
  return [x0, x1];
}

/** Uniform in [0, 1), in steps of 2⁻²⁴. */
function fraction(bits: Value): Value {
  return mul(cast(shiftRight(bits, uint32(8)), { to: 'float32' }), constant(2 ** -24));
}

interface RandomAttributes {
  /** Default: the shape of `like`. Symbols are sizes that `like` has too. */
  readonly shape?: Shape;
}

/** Numbers in [0, 1), 24 bits, one for each element of `like`; the same key gives the same numbers. */
export function randomUniform(key: Value, like: Value, { shape = like.shape }: RandomAttributes = {}): Value {
  const [bits] = threefryBits(key, counters(shape, like));
  return reshape(fraction(bits), { shape });
}

/**
 * Standard normal numbers, one for each element of `like`; the same key gives the same numbers. By Box and Muller, "A note
 * on the generation of random normal deviates", 1958, from both numbers of a block.
 */
export function randomNormal(key: Value, like: Value, { shape = like.shape }: RandomAttributes = {}): Value {
  const [first, second] = threefryBits(key, counters(shape, like)).map(fraction) as [Value, Value];
  const radius = sqrt(mul(constant(-2), log(sub(constant(1), first))));
  return reshape(mul(radius, cos(mul(constant(2 * Math.PI), second))), { shape });
}

/** 1 with the given probability, else 0: float32, one for each element of `like`. */
export function bernoulli(
  key: Value,
  like: Value,
  { probability, ...attributes }: RandomAttributes & { readonly probability: number },
): Value {
  return cast(less(randomUniform(key, like, attributes), constant(probability)), { to: 'float32' });
}

interface DropoutAttributes {
  /** Size 1 where all elements along an axis share their fate; null where not. Default: each has its own. */
  readonly noiseShape?: readonly (number | null)[];
}

/**
 * Sets a share of the elements to zero and scales the rest so that the mean stays.
 *
 * @param key uint32 [2]: another one at each step
 * @param rate the share, in [0, 1)
 */
export function dropout(x: Value, key: Value, rate: number, { noiseShape }: DropoutAttributes = {}): Value {
  if (rate === 0) return x;
  const shape = noiseShape ? noiseShape.map((size, axis) => size ?? x.shape[axis]!) : x.shape;
  if (shape.length !== x.rank || shape.some((size, axis) => size !== 1 && size !== x.shape[axis]))
    throw new ShapeError(
      `dropout: noiseShape must have 1 or null for each axis of ${x}, got [${noiseShape}]`,
    );
  const dropped = mask(less(randomUniform(key, x, { shape }), constant(rate)), x);
  return mul(x, div(sub(constant(1), dropped), constant(1 - rate)));
}
