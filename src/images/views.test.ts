import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RandomStream } from '../core/random.ts';
import { defaultViewRanges, drawView, plainView, viewOf } from './views.ts';

test('view 0 is plain, view 1 mirrored, and the others are drawn', () => {
  expect(viewOf(1, 'a.jpeg', 0)).toEqual(plainView);
  expect(viewOf(1, 'a.jpeg', 1)).toEqual({ ...plainView, flip: true });
  expect(viewOf(1, 'a.jpeg', 2).rotation).not.toBe(0);
});

test('where mirroring is not allowed, no view is mirrored', () => {
  const ranges = { ...defaultViewRanges, flip: 0 };
  for (let index = 0; index < 50; index++) expect(viewOf(1, 'a.jpeg', index, ranges).flip).toBe(false);
});

test('a view depends on the seed, the name and its number, and on nothing else', () => {
  const view = viewOf(1, 'a.jpeg', 2);
  expect(viewOf(1, 'a.jpeg', 2)).toEqual(view);
  for (const other of [viewOf(2, 'a.jpeg', 2), viewOf(1, 'b.jpeg', 2), viewOf(1, 'a.jpeg', 3)]) {
    expect(other).not.toEqual(view);
  }
});

test('drawn views stay within their ranges, and within the image', () => {
  fc.assert(
    fc.property(fc.nat(), (seed) => {
      const { rotation, crop, contrast, brightness } = drawView(new RandomStream([seed, 0]));
      expect(Math.abs(rotation)).toBeLessThanOrEqual(10);
      expect(crop.size).toBeGreaterThanOrEqual(0.8);
      expect(Math.min(crop.top, crop.left)).toBeGreaterThanOrEqual(0);
      expect(Math.max(crop.top, crop.left) + crop.size).toBeLessThanOrEqual(1);
      expect(contrast).toBeGreaterThanOrEqual(0.8);
      expect(contrast).toBeLessThanOrEqual(1.2);
      expect(Math.abs(brightness)).toBeLessThanOrEqual(15);
    }),
  );
});
