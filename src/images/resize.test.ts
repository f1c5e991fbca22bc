import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { asFloats, type Levels, levelsOf, pixelsOf, toBytes } from './levels.ts';
import { freshMemory, RecycledMemory } from './memory.ts';
import type { Channels, Pixels } from './pixels.ts';
import { type ResizeMethod, resizeLevels, resizeMethods } from './resize.ts';
import { type Interpolation, interpolations } from './spans.ts';

interface Golden {
  shape: [height: number, width: number, channels: 1 | 3];
  source: string;
  size: [height: number, width: number];
  bilinear: string;
  'bilinear-tf1': string;
}
const goldens: Golden[] = JSON.parse(
  readFileSync(new URL('../../test/goldens/images/resized.json', import.meta.url), 'utf8'),
);

function floatsOf(base64: string): Float32Array {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'));
  return new Float32Array(bytes.buffer);
}

function resized(
  image: Levels,
  [height, width]: readonly [number, number],
  method: Interpolation,
  antialias = true,
): Levels {
  return resizeLevels(image, { height, width, method, antialias }, freshMemory);
}

const cases = goldens.flatMap((golden) => resizeMethods.map((method) => ({ ...golden, method })));

test.each(cases)('$method of $shape to $size equals TensorFlow', (golden) => {
  const [height, width, channels] = golden.shape;
  const data = new Uint8Array(Buffer.from(golden.source, 'base64'));
  const source = levelsOf({ dtype: 'uint8', data, height, width, channels });
  const result = resized(source, golden.size, golden.method).data;
  const expected = floatsOf(golden[golden.method]);
  expect(result.length).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < result.length; i++) worst = Math.max(worst, Math.abs(result[i]! - expected[i]!));
  expect(worst).toBeLessThan(1e-3);
});

const side = fc.integer({ min: 1, max: 24 });
const anyImage = fc
  .record({ height: side, width: side, channels: fc.constantFrom<Channels>(1, 3, 4) })
  .chain((shape) => {
    const length = shape.height * shape.width * shape.channels;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((data): Pixels<'uint8'> => ({ ...shape, dtype: 'uint8', data }));
  });
const anyMethod = fc.constantFrom<ResizeMethod>(...resizeMethods);
const anyInterpolation = fc.constantFrom(...interpolations);

describe('laws', () => {
  test('the same size gives the same pixels, unless a method blurs', () => {
    const exact = interpolations.filter((method) => !['gaussian', 'mitchellcubic'].includes(method));
    fc.assert(
      fc.property(anyImage, fc.constantFrom(...exact), fc.boolean(), (image, method, antialias) => {
        const same = resized(levelsOf(image), [image.height, image.width], method, antialias);
        expect(pixelsOf(same)).toEqual(image);
      }),
    );
  });

  test('no level leaves the range of the source', () => {
    fc.assert(
      fc.property(anyImage, side, side, anyMethod, (image, height, width, method) => {
        const { data } = resized(levelsOf(image), [height, width], method);
        expect(Math.min(...data)).toBeGreaterThanOrEqual(Math.min(...image.data) - 1e-3);
        expect(Math.max(...data)).toBeLessThanOrEqual(Math.max(...image.data) + 1e-3);
      }),
    );
  });

  test('floats give what bytes of the same levels give', () => {
    fc.assert(
      fc.property(anyImage, side, side, anyInterpolation, (image, height, width, method) => {
        const bytes = levelsOf(image);
        const fromBytes = resized(bytes, [height, width], method);
        const fromFloats = resized(asFloats(bytes, freshMemory), [height, width], method);
        fromBytes.data.forEach((level, i) => {
          expect(Math.abs(level - fromFloats.data[i]!)).toBeLessThan(1e-3);
        });
      }),
    );
  });

  test('memory that was used before changes nothing', () => {
    const memory = new RecycledMemory();
    fc.assert(
      fc.property(anyImage, side, side, anyInterpolation, (image, height, width, method) => {
        const fresh = resized(levelsOf(image), [height, width], method);
        const target = { height, width, method, antialias: true };
        const again = resizeLevels(levelsOf(image), target, memory);
        expect(again).toEqual(fresh);
        again.data.fill(77);
        memory.free(again.data);
      }),
    );
  });

  test('a region of whole pixels that copies is the crop', () => {
    const data = Uint8Array.from({ length: 36 }, (_, i) => i * 7);
    const image = levelsOf({ dtype: 'uint8', data, width: 6, height: 6, channels: 1 });
    const region = { left: 2, top: 1, width: 3, height: 2 };
    for (const method of ['bilinear', 'nearest', 'area'] as const) {
      const target = { height: 2, width: 3, method, antialias: true };
      const result = resizeLevels(image, target, freshMemory, region);
      expect([...result.data]).toEqual([8, 9, 10, 14, 15, 16].map((i) => i * 7));
    }
  });
});

test('what lies halfway between two whole levels is exactly there, unless floats are wanted', () => {
  const data = Uint8Array.from({ length: 217 }, (_, x) => x); // 31 of the source to 14 of the result
  const image: Pixels<'uint8'> = { dtype: 'uint8', data, height: 1, width: 217, channels: 1 };
  const places = Array.from({ length: 98 }, (_, i) => (i * 31) / 14);
  const bytes = pixelsOf(resized(levelsOf(image), [1, 98], 'bilinear-tf1')).data;
  expect([...bytes]).toEqual(places.map((place) => Math.floor(Math.min(216, place) + 0.5)));
  const floats = resized(levelsOf(image, false), [1, 98], 'bilinear-tf1').data;
  expect([...floats]).not.toEqual(places.map(Math.fround));
});

test('levels are rounded to the nearest, halves up, and cut at 0 and 255', () => {
  expect([...toBytes(Float32Array.of(-3, 0.49, 0.5, 1.5, 254.4, 254.5, 255.4, 300))]).toEqual([
    0, 0, 1, 2, 254, 255, 255, 255,
  ]);
});
