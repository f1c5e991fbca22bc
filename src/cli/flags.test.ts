import fc from 'fast-check';
import { expect, it } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { decimal, path, wholeNumber } from './flags.ts';

const seed = wholeNumber('--seed', 0, Number.MAX_SAFE_INTEGER);
const rate = decimal('--learning-rate', 'above 0', (value) => value > 0);

it('takes every whole number of the range as it is', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), (n) => {
      expect(seed(String(n))).toBe(n);
    }),
  );
});

it('takes every number that JavaScript prints', () => {
  const positive = fc.double({ noNaN: true, noDefaultInfinity: true, min: Number.MIN_VALUE });
  fc.assert(
    fc.property(positive, (x) => {
      expect(rate(String(x))).toBe(x);
    }),
  );
});

it.each(['', ' 1', '1 ', '-1', '+1', '1.5', '1e3', '0x10', 'Infinity', 'NaN', '9007199254740993', '١'])(
  'refuses %j as a whole number',
  (text) => {
    expect(() => seed(text)).toThrow(UsageError);
    expect(() => seed(text)).toThrow(
      `--seed must be a whole number from 0 to 9007199254740991, got '${text}'`,
    );
  },
);

it.each(['', '.', '0', '-0.1', '1,5', '1e', '1e999', '0x10', 'Infinity', 'NaN', '1 '])(
  'refuses %j as a number above 0',
  (text) => {
    expect(() => rate(text)).toThrow(`--learning-rate must be a number above 0, got '${text}'`);
  },
);

it('refuses the empty name, and one that no system can have', () => {
  expect(path('<data>')('-- it’s "odd"')).toBe('-- it’s "odd"');
  expect(() => path('<data>')('')).toThrow("<data> must be a name, got ''");
  expect(() => path('<data>')('a\0b')).toThrow(UsageError);
});
