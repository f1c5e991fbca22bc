import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { tensor } from '../core/tensor.ts';
import { type Labels, toCategorical } from './to-categorical.ts';

describe('toCategorical', () => {
  it("gives the rows of Keras' own example", () => {
    const { shape, data } = toCategorical([0, 1, 2, 3], 4);
    expect(shape).toEqual([4, 4]);
    expect([...data]).toEqual([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]);
  });

  it('has one 1 a row, at the label', () => {
    const cases = fc.array(fc.nat(20), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(cases, fc.nat(5), (labels, more) => {
        const classes = Math.max(...labels) + 1 + more;
        const { shape, data } = toCategorical(labels, classes);
        expect(shape).toEqual([labels.length, classes]);
        labels.forEach((label, i) => {
          const row = [...data.subarray(i * classes, (i + 1) * classes)];
          expect(row).toEqual(Array.from({ length: classes }, (_, c) => Number(c === label)));
        });
      }),
    );
  });

  it.each<[name: string, labels: Labels]>([
    ['number[]', [2, 0, 1]],
    ['Uint8Array', Uint8Array.of(2, 0, 1)],
    ['Int32Array', Int32Array.of(2, 0, 1)],
    ['a tensor of uint8', tensor('uint8', [3], Uint8Array.of(2, 0, 1))],
    ['a tensor of int64', tensor('int64', [3], BigInt64Array.of(2n, 0n, 1n))],
    ['a tensor of whole float32', tensor('float32', [3], Float32Array.of(2, 0, 1))],
    ['a column', tensor('uint8', [3, 1], Uint8Array.of(2, 0, 1))],
  ])('takes %s', (_, labels) => {
    const { dtype, shape, data } = toCategorical(labels);
    expect([dtype, shape, [...data]]).toEqual(['float32', [3, 3], [0, 0, 1, 1, 0, 0, 0, 1, 0]]);
  });

  it('adds an axis to labels of more axes', () => {
    expect(toCategorical(tensor('uint8', [2, 2], Uint8Array.of(0, 1, 1, 0))).shape).toEqual([2, 2, 2]);
    expect(toCategorical(tensor('uint8', [], Uint8Array.of(1)), 3).shape).toEqual([3]);
  });

  it('gives no rows for no labels', () => {
    expect(toCategorical([], 4).shape).toEqual([0, 4]);
    expect(() => toCategorical([])).toThrow(
      new UsageError('toCategorical: there are no labels to tell the number of classes: give numClasses'),
    );
  });

  it.each<[labels: Labels, classes: number | undefined, message: string]>([
    [[0, -1], undefined, 'toCategorical: label 1 must be a whole number from 0 on, got -1'],
    [[0, -1], 3, 'toCategorical: label 1 must be a whole number from 0 to 2, got -1'],
    [[3], 3, 'toCategorical: label 0 must be a whole number from 0 to 2, got 3'],
    [[0.5], 3, 'got 0.5'],
    [[Number.NaN], undefined, 'got NaN'],
    [[Number.POSITIVE_INFINITY], undefined, 'got Infinity'],
    [tensor('int64', [1], BigInt64Array.of(-5n)), 2, 'got -5'],
    [[1e12], undefined, 'toCategorical: 1000000000001 classes of labels of shape [1] are more than'],
  ])('refuses %o of %s classes', (labels, classes, message) => {
    expect(() => toCategorical(labels, classes)).toThrow(DataError);
    expect(() => toCategorical(labels, classes)).toThrow(message);
  });

  it.each([0, -1, 2.5, Number.NaN, Number.POSITIVE_INFINITY])('refuses %s classes', (classes) => {
    expect(() => toCategorical([0], classes)).toThrow(
      new UsageError(`toCategorical: numClasses must be a whole number above 0, got ${classes}`),
    );
  });
});
