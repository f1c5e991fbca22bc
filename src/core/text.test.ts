import { expect, it } from 'vitest';
import { align, plural } from './text.ts';

it('counts', () => {
  expect([0, 1, 2].map((count) => plural(count, 'file'))).toEqual(['0 files', '1 file', '2 files']);
});

it('aligns', () => {
  const rows = [
    ['', 'images', 'CNV'],
    ['validation', '1', '1234567'],
  ];
  expect(align(rows, 'lrr')).toBe('            images      CNV\nvalidation       1  1234567');
});
