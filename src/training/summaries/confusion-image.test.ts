import { expect, test } from 'vitest';
import { ShapeError } from '../../core/errors.ts';
import { confusionImage, confusionTable } from './confusion-image.ts';

const counts = [
  [3, 1, 0],
  [0, 0, 0],
  [0, 0, 7],
];

test('a cell is the darker, the greater its share of the row; a row without examples is grey', () => {
  const { shape, data } = confusionImage(counts);
  expect(shape).toEqual([255, 255, 3]);
  const center = (row: number, column: number): number[] => {
    const at = ((row * 85 + 42) * 255 + column * 85 + 42) * 3;
    return [...data.subarray(at, at + 3)];
  };
  expect([0, 1, 2].map((column) => center(0, column))).toEqual([
    [70, 100, 144],
    [193, 203, 218],
    [255, 255, 255],
  ]);
  expect(center(1, 1)).toEqual([208, 208, 208]);
  expect(center(2, 2)).toEqual([8, 48, 107]);
  expect(center(2, 0)).toEqual([255, 255, 255]);
});

test('more classes than pixels wanted are a pixel each', () => {
  const many = Array.from({ length: 300 }, (_, r) =>
    Array.from({ length: 300 }, (_, c) => (r === c ? 1 : 0)),
  );
  const { shape, data } = confusionImage(many);
  expect(shape).toEqual([300, 300, 3]);
  for (const i of [0, 123, 299])
    expect([...data.subarray(i * 301 * 3, i * 301 * 3 + 3)]).toEqual([8, 48, 107]);
});

test('the table has names as they are', () => {
  expect(confusionTable(counts, ['CNV', 'a|b_c', '<b>\n&'])).toBe(
    [
      '| true / predicted | CNV | a\\|b\\_c | &lt;b> &amp; |',
      '| --- | ---: | ---: | ---: |',
      '| **CNV** | 3 | 1 | 0 |',
      '| **a\\|b\\_c** | 0 | 0 | 0 |',
      '| **&lt;b> &amp;** | 0 | 0 | 7 |',
    ].join('\n'),
  );
});

test('refuses what is no square, and other names than classes', () => {
  expect(() => confusionImage([])).toThrow(ShapeError);
  expect(() => confusionImage([[1, 2]])).toThrow('got 1 rows, one of 2 counts');
  expect(() => confusionTable([[1]], ['a', 'b'])).toThrow('of 1 classes needs as many class names, got 2');
});
