import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkGradient } from '../../test/support/check-gradient.ts';
import { useDevice } from '../../test/support/device.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { floats } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { fillModes, interpolations, type WarpOptions, warp } from './warp.ts';

const device = useDevice();
const { compile } = device;

/** TensorFlow's rule for one place along an axis of `size` pixels, whole or not. */
const moved: Record<WarpOptions['fillMode'], (place: number, size: number) => number> = {
  constant: (place) => place,
  nearest: (place, size) => Math.min(Math.max(place, 0), size - 1),
  // d c b a | a b c d | d c b a: step by step to the neighbour that is mirrored.
  reflect: (place, size) => {
    let at = place;
    while (at < -0.5 || at > size - 0.5) at = at < -0.5 ? -1 - at : 2 * size - 1 - at;
    return Math.min(Math.max(at, 0), size - 1);
  },
  wrap: (place, size) => {
    if (size === 1) return 0;
    const steps = (distance: number) => Math.trunc(distance / (size - 1));
    const at =
      place < 0 ? place + size * (steps(-place) + 1) : place > size - 1 ? place - size * steps(place) : place;
    return Math.min(Math.max(at, 0), size - 1);
  },
};

const [height, width] = [3, 4];
const photo = uniform(randomStream('photo'), [1, height, width, 1]);

function expectedAt(x: number, y: number, { interpolation, fillMode, fillValue }: WarpOptions): number {
  const [column, row] = [moved[fillMode](x, width), moved[fillMode](y, height)];
  const read = (c: number, r: number) =>
    c < 0 || r < 0 || c >= width || r >= height ? fillValue : photo.data[r * width + c]!;
  const nearest = (place: number) => Math.sign(place) * Math.floor(Math.abs(place) + 0.5);
  if (interpolation === 'nearest') return read(nearest(column), nearest(row));
  const [left, top] = [Math.floor(column), Math.floor(row)];
  const across = (r: number) => (left + 1 - column) * read(left, r) + (column - left) * read(left + 1, r);
  return (top + 1 - row) * across(top) + (row - top) * across(top + 1);
}

const modes = fillModes.flatMap((fillMode) =>
  interpolations.map((interpolation): [string, string, WarpOptions] => [
    fillMode,
    interpolation,
    { fillMode, interpolation, fillValue: 0.25 },
  ]),
);

test.each(modes)('%s, %s: reads near and far beyond the image as TensorFlow does', async (_, __, options) => {
  const places = { x: input('columns', [1, 1, width, 1]), y: input('rows', [1, height, 1, 1]) };
  const program = await compile({ y: warp(input('images', photo.shape), places, options) });
  // Quarters are exact in single precision, so that no place is on another side of an edge for its rounding.
  const quarters = (length: number) =>
    fc.array(
      fc.integer({ min: -60, max: 60 }).map((four) => four / 4),
      { minLength: length, maxLength: length },
    );
  const law = fc.asyncProperty(quarters(width), quarters(height), async (x, y) => {
    const feeds = { images: photo, columns: floats(x, [1, 1, width, 1]), rows: floats(y, [1, height, 1, 1]) };
    const result = await program.run(feeds);
    const found = [...(result.y!.data as Float32Array)];
    y.forEach((row, i) => {
      x.forEach((column, j) => {
        expect(found[i * width + j], `${column}, ${row}`).toBeCloseTo(expectedAt(column, row, options), 4);
      });
    });
  });
  await fc.assert(law, { seed: 1, numRuns: 60 });
});

test('a single row and column are all that there is', async () => {
  for (const fillMode of ['reflect', 'wrap', 'nearest'] as const) {
    const places = { x: constant(floats([-3.5], [1, 1, 1, 1])), y: constant(floats([2.5], [1, 1, 1, 1])) };
    const y = warp(input('images', [1, 1, 1, 2]), places, {
      fillMode,
      interpolation: 'bilinear',
      fillValue: 0,
    });
    const results = await device.run({ y }, { images: floats([3, 4], [1, 1, 1, 2]) });
    expect([...(results.y!.data as Float32Array)]).toEqual([3, 4]);
  }
});

test.each(modes)('%s, %s: the gradient is that of the values', async (fillMode, interpolation, options) => {
  const places = {
    x: constant(uniform(randomStream('x'), [2, height, width, 1], -3, width + 2)),
    y: constant(uniform(randomStream('y'), [2, height, width, 1], -3, height + 2)),
  };
  const row = {
    name: `warp by ${fillMode}, ${interpolation}`,
    shapes: [[2, height, width, 2]],
    f: (images: Parameters<typeof warp>[0]) => warp(images, places, options),
  };
  await checkGradient(row, device);
});
