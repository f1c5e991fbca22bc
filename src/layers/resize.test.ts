import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { ShapeError } from '../core/errors.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import { flip } from '../ops/rearranging.ts';
import { type ResizeOptions, resizeImages, resizeMethods } from './resize.ts';

const { run } = useDevice();
const of = ({ shape, dtype }: Tensor) => input('x', ['batch', ...shape.slice(1)], dtype);

async function resized(x: Tensor, size: readonly [number, number], options: ResizeOptions) {
  const { y } = await run({ y: resizeImages(of(x), size, options) }, { x });
  return y!;
}

const options = resizeMethods.flatMap((method) => [false, true].map((antialias) => ({ method, antialias })));
const sizes = [
  [4, 5],
  [11, 13],
  [3, 20],
  [1, 1],
] as const;

describe.each(options)('$method, antialias: $antialias', (options) => {
  test.each(sizes)('an even image stays even in [%i, %i]', async (height, width) => {
    const even = floats(new Float32Array(2 * 7 * 9 * 2).fill(0.75), [2, 7, 9, 2]);
    const { shape, data } = await resized(even, [height, width], options);
    expect(shape).toEqual([2, height, width, 2]);
    for (const value of data as Float32Array) expect(value).toBeCloseTo(0.75, 5);
  });

  test('an image of this size stays as it is', () => {
    const x = input('x', ['batch', 7, 9, 2]);
    expect(resizeImages(x, [7, 9], options)).toBe(x);
  });

  // In the middle between two pixels 'nearest' takes the later one, which a mirror makes the earlier.
  if (options.method === 'nearest') return;
  test('a mirrored image becomes the mirror of its result', async () => {
    const x = uniform(randomStream('resize'), [2, 7, 9, 2]);
    const image = of(x);
    const axes = [1, 2];
    const size = [5, 13] as const;
    const { mirrored, direct } = await run(
      {
        mirrored: flip(resizeImages(flip(image, { axes }), size, options), { axes }),
        direct: resizeImages(image, size, options),
      },
      { x },
    );
    expect(relativeError(mirrored!.data as Float32Array, direct!.data as Float32Array)).toBeLessThan(1e-5);
  });
});

const column = (...values: number[]) => floats(values, [1, values.length, 1, 1]);
const numbersOf = async (x: Tensor, to: number, options: ResizeOptions) => [
  ...((await resized(x, [to, 1], options)).data as Float32Array),
];

test('area takes the mean of what a new pixel covers, pixels in part too', async () => {
  expect(await numbersOf(column(1, 3, 5, 7), 2, { method: 'area' })).toEqual([2, 6]);
  const [first, second] = await numbersOf(column(3, 6, 9), 2, { method: 'area' });
  expect(first).toBeCloseTo((3 + 6 / 2) / 1.5, 5);
  expect(second).toBeCloseTo((6 / 2 + 9) / 1.5, 5);
});

test('antialiasing takes every pixel into account', async () => {
  const spot = column(0, 0, 0, 0, 0, 1, 0, 0, 0);
  expect(await numbersOf(spot, 3, { method: 'bilinear' })).toEqual([0, 0, 0]);
  const seen = await numbersOf(spot, 3, { method: 'bilinear', antialias: true });
  expect(seen[1]).toBeCloseTo(2 / 9, 5);
  expect(seen[2]).toBeCloseTo(1 / 8, 5); // of 2 + 3 + 2 + 1 ninths that lie within the image, one
});

test('nearest takes images of any dtype', async () => {
  const x = tensor('uint8', [1, 2, 3, 1], Uint8Array.of(1, 2, 3, 4, 5, 6));
  const larger = await resized(x, [4, 5], { method: 'nearest' });
  expect(larger.dtype).toBe('uint8');
  const rows = [
    [1, 1, 2, 3, 3],
    [4, 4, 5, 6, 6],
  ];
  expect([...(larger.data as Uint8Array)]).toEqual([rows[0], rows[0], rows[1], rows[1]].flat());
});

test('other images than float32, and images of unknown sizes, are refused', () => {
  const bilinear = { method: 'bilinear' } as const;
  const bytes = input('x', ['batch', 4, 4, 3], 'uint8');
  expect(() => resizeImages(bytes, [2, 2], bilinear)).toThrow(ShapeError);
  expect(() => resizeImages(bytes, [2, 2], bilinear)).toThrow("by 'bilinear' takes float32, got uint8");
  expect(() => resizeImages(input('x', ['batch', 'rows', 4, 3]), [2, 2], bilinear)).toThrow('must be known');
  expect(() => resizeImages(input('x', ['batch', 4]), [2, 2], bilinear)).toThrow('are needed');
});
