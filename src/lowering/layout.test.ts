import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { constant, input } from '../graph/leaves.ts';
import { add } from '../ops/elementwise.ts';
import {
  asPlain,
  channelsFirst,
  cleaned,
  convert,
  imagesLast,
  plain,
  rowOrder,
  rowsOf,
  tiles,
} from './layout.ts';

const size = fc.integer({ min: 1, max: 9 });
const anyLayout = fc.oneof(
  fc.constantFrom(plain, channelsFirst, imagesLast),
  fc.integer({ min: 1, max: 6 }).map((m) => tiles(m)),
);

test('a place of a row order and the pixel there are inverse', () => {
  const law = fc.property(anyLayout, size, size, (layout, height, width) => {
    const order = rowOrder(layout, height, width);
    const pixels = new Set<string>();
    for (let lead = 0; lead < order.lead; lead++) {
      for (let trail = 0; trail < order.trail; trail++) {
        const pixel = order.pixel(lead, trail);
        if (!pixel) continue;
        pixels.add(String(pixel));
        expect(order.address(...pixel)).toEqual({ a: lead * order.trail, c: trail });
      }
    }
    expect(pixels.size).toBe(height * width);
  });
  fc.assert(law, { seed: 1, numRuns: 50 });
});

describe('layouts', () => {
  const { run } = useDevice();
  const cases = fc.record({
    shape: fc.tuple(fc.integer({ min: 1, max: 3 }), size, size, fc.integer({ min: 1, max: 4 })),
    layouts: fc.array(anyLayout, { minLength: 1, maxLength: 3 }),
  });

  test('any way through layouts and back changes no bit', async () => {
    const law = fc.asyncProperty(cases, async ({ shape, layouts }) => {
      const x = uniform(randomStream(...shape), shape);
      const there = layouts.reduce(convert, asPlain(input('x', ['batch', ...shape.slice(1)])));
      const { y } = await run({ y: convert(there, plain).value }, { x });
      expect(y).toEqual(x);
    });
    await fc.assert(law, { seed: 2, numRuns: 40 });
  });

  test('rows outside the images are zero once cleaned, and only then', async () => {
    const x = uniform(randomStream('clean'), [2, 5, 4, 3], 1, 2);
    const tiled = convert(asPlain(input('x', ['batch', 5, 4, 3])), tiles(3));
    const dirty = { ...tiled, value: add(tiled.value, constant(1)), clean: false };
    const clean = cleaned(dirty);
    const results = await run({ dirty: dirty.value, clean: rowsOf(clean).rows.value }, { x });
    const zeros = (name: string) => (results[name]!.data as Float32Array).filter((v) => v === 0).length;
    expect(results.clean!.shape).toEqual([9 * 2 * 4, 3]);
    expect(zeros('clean')).toBe((9 * 2 * 4 - 2 * 5 * 4) * 3);
    expect(zeros('dirty')).toBe(0);
    expect(cleaned(clean)).toBe(clean);
  });
});
