import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import * as layers from './layers.ts';

const x = (...shape: (number | null)[]) => layers.input({ shape });
const merges = [
  ['Add', layers.add],
  ['Subtract', layers.subtract],
  ['Multiply', layers.multiply],
  ['Average', layers.average],
  ['Maximum', layers.maximum],
  ['Minimum', layers.minimum],
] as const;

describe.each(merges)('%s', (_, make) => {
  const named = () => make({ name: 'mine' });

  test('broadcasts, with ones behind the batch for a lower rank', () => {
    expect(named().apply([x(7, 6, 3), x(3)]).shape).toEqual(['batch', 7, 6, 3]);
    expect(named().apply([x(1, 6), x(7, 1)]).shape).toEqual(['batch', 7, 6]);
    expect(named().apply([x(null, 6), x(1, 6)]).shape).toEqual(['batch', 'size1', 6]);
  });

  test('refuses shapes that do not broadcast, and a single input', () => {
    const apply = () => named().apply([x(7, 6), x(7, 5)]);
    expect(apply).toThrow(ShapeError);
    expect(apply).toThrow("layer 'mine'");
    expect(apply).toThrow('[batch, 7, 6]');
    expect(() => named().apply(x(3))).toThrow(UsageError);
    expect(() => named().apply(x(3))).toThrow(/layer 'mine'.*2.*got 1/);
  });
});

test('Subtract takes no more than two', () => {
  expect(() => layers.subtract({ name: 'mine' }).apply([x(3), x(3), x(3)])).toThrow("layer 'mine'");
});
