import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Pixels } from './pixels.ts';
import { type ResizeMethod, resizeMethods, resizeToFloats, toBytes } from './resize.ts';

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

const cases = goldens.flatMap((golden) => resizeMethods.map((method) => ({ ...golden, method })));

test.each(cases)('$method of $shape to $size equals TensorFlow', (golden) => {
  const [height, width, channels] = golden.shape;
  const source = { height, width, channels, data: Buffer.from(golden.source, 'base64') };
  const result = resizeToFloats(source, ...golden.size, golden.method);
  const expected = floatsOf(golden[golden.method]);
  expect(result.length).toBe(expected.length);
  const worst = result.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  expect(worst).toBeLessThan(1e-3);
});

const side = fc.integer({ min: 1, max: 24 });
const anyImage = fc
  .record({ height: side, width: side, channels: fc.constantFrom<1 | 3>(1, 3) })
  .chain((shape) => {
    const length = shape.height * shape.width * shape.channels;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((data): Pixels => ({ ...shape, data }));
  });
const anyMethod = fc.constantFrom<ResizeMethod>('bilinear', 'bilinear-tf1');

describe('laws', () => {
  test('the same size gives the same pixels', () => {
    fc.assert(
      fc.property(anyImage, anyMethod, (image, method) => {
        expect([...toBytes(resizeToFloats(image, image.height, image.width, method))]).toEqual([
          ...image.data,
        ]);
      }),
    );
  });

  test('no level leaves the range of the source', () => {
    fc.assert(
      fc.property(anyImage, side, side, anyMethod, (image, height, width, method) => {
        const result = resizeToFloats(image, height, width, method);
        expect(Math.min(...result)).toBeGreaterThanOrEqual(Math.min(...image.data) - 1e-3);
        expect(Math.max(...result)).toBeLessThanOrEqual(Math.max(...image.data) + 1e-3);
      }),
    );
  });

  test('a region of whole pixels that copies is the crop', () => {
    const data = Uint8Array.from({ length: 36 }, (_, i) => i * 7);
    const image: Pixels = { data, width: 6, height: 6, channels: 1 };
    const result = resizeToFloats(image, 2, 3, 'bilinear', { left: 2, top: 1, width: 3, height: 2 });
    expect([...result]).toEqual([8, 9, 10, 14, 15, 16].map((i) => i * 7));
  });
});

test('levels are rounded to the nearest, halves up, and cut at 0 and 255', () => {
  expect([...toBytes(Float32Array.of(-3, 0.49, 0.5, 1.5, 254.4, 254.5, 255.4, 300))]).toEqual([
    0, 0, 1, 2, 254, 255, 255, 255,
  ]);
});
