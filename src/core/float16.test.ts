import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromFloat16, toFloat16 } from './float16.ts';

const allHalves = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
const isNaNHalf = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;
const round = (value: number): number => toFloat16(Float32Array.of(value))[0]!;

describe('fromFloat16', () => {
  it.each([
    [0x0000, 0],
    [0x8000, -0],
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x7bff, 65504],
    [0x0400, 2 ** -14], // the smallest normal number
    [0x03ff, 1023 * 2 ** -24],
    [0x0001, 2 ** -24],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])('reads %i as %d', (bits, value) => {
    expect(fromFloat16(Uint16Array.of(bits))[0]).toBe(value);
  });
});

describe('toFloat16', () => {
  it('gives back all 65,536 halves; of NaNs, that they are NaN', () => {
    const back = toFloat16(fromFloat16(allHalves));
    const expected = allHalves.map((bits) => (isNaNHalf(bits) ? 0x7e00 : bits));
    // fromFloat16 gives the one NaN of its table, whose sign is the engine's choice.
    expect(back.map((bits) => (isNaNHalf(bits) ? 0x7e00 : bits))).toEqual(expected);
  });

  it.each([
    [1 + 2 ** -11, 0x3c00], // half way: the even neighbour is below
    [1 + 3 * 2 ** -11, 0x3c02], // half way: the even neighbour is above
    [1 + 2 ** -11 + 2 ** -23, 0x3c01], // just beyond half way
    [1 + 3 * 2 ** -11 - 2 ** -23, 0x3c01], // just before it
    [2 - 2 ** -12, 0x4000], // carries into the exponent
    [65504, 0x7bff],
    [65519, 0x7bff],
    [65520, 0x7c00], // half way to 2^16
    [1e30, 0x7c00],
    [-1e30, 0xfc00],
    [2 ** -25, 0x0000], // half way between 0 and the smallest number
    [2 ** -25 * (1 + 2 ** -23), 0x0001],
    [3 * 2 ** -25, 0x0002],
    [-(2 ** -24), 0x8001],
    [2 ** -14 - 2 ** -25, 0x0400], // the subnormals round up into the normals
    [1e-30, 0x0000],
    [-0, 0x8000],
    [Number.NEGATIVE_INFINITY, 0xfc00],
  ])('rounds %d to %i', (value, bits) => {
    expect(round(value)).toBe(bits);
  });

  it('rounds every float to the nearest half, ties to even', () => {
    const law = fc.property(fc.float({ noNaN: true, min: -65504, max: 65504 }), (value) => {
      const bits = round(value);
      const distance = (half: number): number => Math.abs(fromFloat16(Uint16Array.of(half))[0]! - value);
      for (const neighbour of [bits - 1, bits + 1]) {
        if (neighbour < 0 || neighbour > 0xffff || (neighbour & 0x7fff) > 0x7bff) continue;
        expect(distance(bits)).toBeLessThanOrEqual(distance(neighbour));
        if (distance(bits) === distance(neighbour)) expect(bits % 2).toBe(0);
      }
    });
    fc.assert(law, { numRuns: 2000 });
  });

  it('reads a view that begins in the middle of its buffer', () => {
    expect([...toFloat16(Float32Array.of(9, 1, -2).subarray(1))]).toEqual([0x3c00, 0xc000]);
  });
});
