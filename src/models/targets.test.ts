import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import type { Batch } from '../training/trainable.ts';
import { objectiveOf } from './objective.ts';
import { type ClassWeight, targetsOf } from './targets.ts';

const one = objectiveOf({ loss: 'mse' }, ['only']);
const two = objectiveOf({ loss: 'mse' }, ['kind', 'size']);
const y = floats([1, 2, 3]);
const of = (batch: Partial<Batch>, objectives = one, classWeight?: ClassWeight) =>
  targetsOf({ targets: y, ...batch }, objectives, 3, classWeight);
const weightOf = (batch: Partial<Batch>, classWeight?: ClassWeight) =>
  of(batch, one, classWeight).feeds['weight/0']!;

describe('targets', () => {
  test('go to outputs by place or name', () => {
    const [a, b] = [floats([1, 2, 3]), floats([1, 2, 3, 4, 5, 6], [3, 2])];
    for (const targets of [a, [a], { only: a }]) expect(of({ targets }).feeds['target/0']).toBe(a);
    for (const targets of [[a, b], { size: b, kind: a }]) {
      const { feeds, specs } = of({ targets }, two);
      expect([feeds['target/0'], feeds['target/1']]).toEqual([a, b]);
      expect(specs[1]).toEqual({ shape: [3, 2], dtype: 'float32', weightShape: [3] });
    }
  });

  test('of an output that is not measured are not fed', () => {
    const half = objectiveOf({ loss: [null, 'mse'] }, ['kind', 'size']);
    const { feeds, specs } = of({ targets: { size: y } }, half);
    expect(Object.keys(feeds).sort()).toEqual(['target/1', 'weight/1']);
    expect(specs[0]).toBeUndefined();
    const told = objectiveOf({ loss: [null, 'mse'], metrics: [['mae'], []] }, ['kind', 'size']);
    expect(() => of({ targets: { size: y } }, told)).toThrow(
      "targets of 'kind' must be a tensor, got undefined",
    );
  });

  test('are of one kind whatever their count, and of another for another dtype or inner shape', () => {
    const kind = (targets: Tensor, weights?: Tensor) =>
      targetsOf({ targets, ...(weights && { weights }) }, one, targets.shape[0]!).kind;
    const whole = tensor('uint8', [2], Uint8Array.of(1, 0));
    expect(kind(floats([1]))).toBe(kind(floats([1, 2, 3])));
    expect(kind(floats([1, 2, 3]), floats([1, 2, 3]))).toBe(kind(floats([1, 2, 3])));
    const others = [
      kind(floats([1])),
      kind(whole),
      kind(floats([1, 2], [2, 1])),
      kind(floats([1]), floats([1], [1, 1])),
    ];
    expect(new Set(others).size).toBe(4);
  });
});

describe('weights of examples', () => {
  test('are 1 where none are given, and those of all outputs where one tensor is', () => {
    expect(weightOf({})).toEqual(floats([1, 1, 1]));
    const weights = floats([1, 2, 3]);
    const { feeds } = of({ targets: [y, y], weights }, two);
    expect([feeds['weight/0'], feeds['weight/1']]).toEqual([weights, weights]);
    const some = of({ targets: [y, y], weights: { size: weights } }, two).feeds;
    expect([some['weight/0'], some['weight/1']]).toEqual([floats([1, 1, 1]), weights]);
  });

  test.each([
    tensor('uint8', [3], Uint8Array.of(1, 2, 3)),
    tensor('int64', [3], BigInt64Array.of(1n, 2n, 3n)),
    tensor('float64', [3], Float64Array.of(1, 2, 3)),
    tensor('float16', [3], Uint16Array.of(0x3c00, 0x4000, 0x4200)),
  ])('may be of any dtype: $dtype', (weights) => {
    expect(weightOf({ weights })).toEqual(floats([1, 2, 3]));
  });
});

describe('weights of classes', () => {
  const expected = floats([5, 1, 7]);
  const byClass = { 0: 5, 2: 7 };
  test.each<[string, Tensor]>([
    ['numbers', floats([0, 1, 2])],
    ['bytes', tensor('uint8', [3], Uint8Array.of(0, 1, 2))],
    ['long integers', tensor('int64', [3], BigInt64Array.of(0n, 1n, 2n))],
    ['half-precision numbers', tensor('float16', [3], Uint16Array.of(0, 0x3c00, 0x4000))],
    ['numbers in an axis of one', tensor('int32', [3, 1], Int32Array.of(0, 1, 2))],
    ['rows', floats([1, 0, 0, 0, 1, 0, 0, 0, 1], [3, 3])],
    ['rows of shares', floats([0.6, 0.4, 0, 0.1, 0.8, 0.1, 0.2, 0.3, 0.5], [3, 3])],
  ])('by %s', (_, targets) => {
    expect(weightOf({ targets }, byClass)).toEqual(expected);
    expect(weightOf({ targets }, [5, 1, 7])).toEqual(expected);
  });

  test('multiply those of examples, which stay as they are', () => {
    const targets = floats([0, 1, 2]);
    const weights = floats([1, 2, 3, 4, 5, 6], [3, 2]);
    expect(weightOf({ targets, weights }, byClass)).toEqual(floats([5, 10, 3, 4, 35, 42], [3, 2]));
    expect(weights).toEqual(floats([1, 2, 3, 4, 5, 6], [3, 2]));
  });

  test('are for one output', () => {
    expect(() => of({ targets: [y, y] }, two, byClass)).toThrow(UsageError);
    const half = objectiveOf({ loss: [null, 'mse'] }, ['kind', 'size']);
    const { feeds } = of({ targets: { size: floats([0, 1, 2]) } }, half, byClass);
    expect(feeds['weight/1']).toEqual(expected);
    expect(() => of({ targets: floats(new Float32Array(12), [3, 2, 2]) }, one, byClass)).toThrow(ShapeError);
  });
});

describe('refuses', () => {
  test.each<[string, object, string]>([
    [
      'one tensor for two outputs',
      { targets: y },
      'targets must be given for each of the outputs kind, size',
    ],
    ['another count', { targets: [y] }, 'targets must be 2 tensors (kind, size), got 1'],
    ['another output', { targets: { sort: y } }, "targets: there is no output 'sort'; there are kind, size"],
    [
      'no targets',
      { targets: undefined },
      'targets must be tensors for the outputs kind, size, got undefined',
    ],
    ['what is no tensor', { targets: [y, [1, 2, 3]] }, "targets of 'size' must be a tensor, got 1,2,3"],
    [
      'weights of another output',
      { targets: [y, y], weights: { sort: y } },
      "weights: there is no output 'sort'",
    ],
  ])('%s', (_, batch, message) => {
    expect(() => of(batch, two)).toThrow(UsageError);
    expect(() => of(batch, two)).toThrow(message);
  });

  test('other counts of examples', () => {
    const short = floats([1, 2]);
    expect(() => of({ targets: short })).toThrow(ShapeError);
    expect(() => of({ targets: short })).toThrow("targets of 'only' are [2] for 3 examples");
    expect(() => of({ weights: short })).toThrow("weights of 'only' are [2] for 3 examples");
  });
});
