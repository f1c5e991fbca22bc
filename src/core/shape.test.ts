import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ShapeError } from './errors.ts';
import {
  addDims,
  broadcastShapes,
  type Dim,
  divideDims,
  formatShape,
  multiplyDims,
  normalizeAxis,
  sameShape,
  sizeOf,
  staticShape,
} from './shape.ts';

const number = fc.integer({ min: 1, max: 1000 });
const dim: fc.Arbitrary<Dim> = fc.oneof(
  number,
  number.map((n) => multiplyDims(n, 'batch')),
);

describe('dimensions', () => {
  it.each<[Dim, Dim, Dim]>([
    [3, 4, 12],
    [49, 'batch', '49*batch'],
    ['batch', 1, 'batch'],
    ['7*batch', 7, '49*batch'],
    [0, 'batch', 0],
  ])('%s times %s is %s', (a, b, product) => {
    expect(multiplyDims(a, b)).toBe(product);
    expect(multiplyDims(b, a)).toBe(product);
  });

  it('refuses the product of two symbols', () => {
    expect(() => multiplyDims('batch', '2*width')).toThrow(ShapeError);
  });

  it.each<[Dim, Dim, Dim | undefined]>([
    [12, 4, 3],
    [12, 5, undefined],
    [12, 0, undefined],
    ['49*batch', 'batch', 49],
    ['49*batch', 7, '7*batch'],
    ['49*batch', '49*batch', 1],
    ['batch', 2, undefined],
    ['batch', 'width', undefined],
    [12, 'batch', undefined],
  ])('%s divided by %s is %s', (a, b, quotient) => {
    expect(divideDims(a, b)).toBe(quotient);
  });

  it('division undoes multiplication', () => {
    const law = fc.property(dim, number, (a, b) => {
      expect(divideDims(multiplyDims(a, b), b)).toBe(a);
      expect(divideDims(multiplyDims(a, b), a)).toBe(b);
    });
    fc.assert(law);
  });

  it('adds numbers, and what one symbol gives', () => {
    expect(addDims(3, 4)).toBe(7);
    expect(addDims('batch', '2*batch')).toBe('3*batch');
    expect(addDims('2*batch', 1)).toBe('2*batch+1');
    expect(multiplyDims('2*batch+1', 3)).toBe('6*batch+3');
    expect(divideDims('6*batch+3', 3)).toBe('2*batch+1');
    expect(divideDims('6*batch+3', 6)).toBeUndefined();
    expect(() => addDims('batch', 'width')).toThrow(ShapeError);
  });
});

describe('shapes', () => {
  it('are written as in an error', () => {
    expect(formatShape(['batch', 224, 224, 3])).toBe('[batch, 224, 224, 3]');
  });

  it('count their elements', () => {
    expect(sizeOf([])).toBe(1);
    expect(sizeOf([2, 'batch', 3])).toBe('6*batch');
  });

  it('are static or say what is not', () => {
    expect(staticShape([2, 3], 'reshape')).toEqual([2, 3]);
    expect(() => staticShape([2, 'batch'], 'reshape')).toThrow(
      "reshape: a known size is needed, got 'batch'",
    );
  });

  it('are the same in rank and in every dimension', () => {
    expect(sameShape(['batch', 2], ['batch', 2])).toBe(true);
    expect(sameShape(['batch', 2], ['batch', 3])).toBe(false);
    expect(sameShape([1, 2], [2])).toBe(false);
  });

  it.each<[Dim[], Dim[], Dim[] | undefined]>([
    [[2, 3], [3], [2, 3]],
    [
      [2, 1],
      [1, 3],
      [2, 3],
    ],
    [['batch', 4], [1], ['batch', 4]],
    [[1], ['batch', 4], ['batch', 4]],
    [['batch'], ['batch'], ['batch']],
    [[2], [3], undefined],
    [['batch'], [2], undefined],
    [[], [5], [5]],
    [[0], [1], [0]],
  ])('%j and %j broadcast to %j', (a, b, result) => {
    expect(broadcastShapes(a, b)).toEqual(result);
    expect(broadcastShapes(b, a)).toEqual(result);
  });
});

describe('normalizeAxis', () => {
  it('counts from the front or the back', () => {
    expect(normalizeAxis(1, 4, 'concat')).toBe(1);
    expect(normalizeAxis(-1, 4, 'concat')).toBe(3);
    expect(normalizeAxis(-4, 4, 'concat')).toBe(0);
  });

  it.each([4, -5, 0.5, Number.NaN])('refuses %d among four', (axis) => {
    expect(() => normalizeAxis(axis, 4, 'concat')).toThrow(`concat: axis must lie in [-4, 4), got ${axis}`);
  });
});
