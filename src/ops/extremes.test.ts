import { expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { gradient } from '../autodiff/gradient.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import {
  abs,
  clip,
  expm1,
  greaterEqual,
  isNaN as isNotANumber,
  log1p,
  logicalAnd,
  logicalNot,
  maximum,
  minimum,
  pow,
  relu,
  round,
  sigmoid,
  softplus,
  tanh,
  where,
} from './elementwise.ts';
import { averagePool2d, maxPool2d } from './pool.ts';
import { relu6 } from './rectifiers.ts';
import { logSumExp, reduceMax, reduceSum } from './reduce.ts';
import { reshape, zerosLike } from './shaping.ts';
import { logSoftmax, softmax, softmaxCrossEntropy } from './softmax.ts';
import { sort } from './sorting.ts';

const { run } = useDevice();

/** The value of `f` and the gradient of its sum. */
async function valueAndGradient(f: (x: Value) => Value, x: Tensor): Promise<[number[], number[]]> {
  const value = input('x', x.shape);
  const y = f(value);
  const [dx] = gradient(reduceSum(y), [value]);
  const results = await run({ y, dx: dx! }, { x });
  return [[...(results.y!.data as Float32Array)], [...(results.dx!.data as Float32Array)]];
}

function largestDifference(actual: readonly number[], expected: readonly number[]): number {
  expect(actual.length).toBe(expected.length);
  return Math.max(...actual.map((value, i) => Math.abs(value - expected[i]!)));
}

const far = 1e4;
const images = (x: Value) => reshape(x, { shape: [1, 1, 4, 1] });

test.each<[string, (x: Value) => Value, number[], number[], number[]]>([
  ['softplus', softplus, [-far, 0, far], [0, Math.fround(Math.log(2)), far], [0, 0.5, 1]],
  ['sigmoid', sigmoid, [-far, far], [0, 1], [0, 0]],
  ['tanh', tanh, [-far, far], [-1, 1], [0, 0]],
  ['softmax', softmax, [far, -far, 0], [1, 0, 0], [0, 0, 0]],
  ['logSoftmax', logSoftmax, [far, -far, 0], [0, -2 * far, -far], [-2, 1, 1]],
  ['relu at its kink', relu, [-1, 0, 2], [0, 0, 2], [0, 0, 1]],
  ['abs at its kink', abs, [-2, 0, 3], [2, 0, 3], [-1, 0, 1]],
  ['the larger of equal ones', (x) => maximum(x, constant(1)), [0, 1, 2], [1, 1, 2], [0, 1, 1]],
  ['the second of equal ones', (x) => maximum(constant(1), x), [0, 1, 2], [1, 1, 2], [0, 0, 1]],
  ['the smaller of equal ones', (x) => minimum(x, constant(1)), [0, 1, 2], [0, 1, 1], [1, 1, 0]],
  ['clip at its ends', (x) => clip(x, { min: 0, max: 1 }), [-1, 0, 1, 2], [0, 0, 1, 1], [0, 1, 1, 0]],
  ['relu6 at its ends', relu6, [-1, 0, 3, 6, 7], [0, 0, 3, 6, 6], [0, 0, 1, 0, 0]],
  ['a power of zero', (x) => pow(x, constant(2)), [0, -2], [0, 4], [0, -4]],
  ['the power 0', (x) => pow(x, constant(0)), [0, 3, -2], [1, 1, 1], [0, 0, 0]],
  ['a power by zero', (x) => pow(constant(0), x), [1, 2], [0, 0], [0, 0]],
  ['log1p', log1p, [1e-9, far, -0.5], [1e-9, 9.21044037, -Math.LN2], [1, 1 / 10001, 2]],
  ['expm1', expm1, [-far, 0, 1e-9], [-1, 0, 1e-9], [0, 1, 1]],
  ['logSumExp', (x) => logSumExp(x), [far, -far, far], [Math.fround(far + Math.LN2)], [0.5, 0, 0.5]],
  ['halves', round, [0.5, 1.5, 2.5, -0.5], [0, 2, 2, 0], [0, 0, 0, 0]],
  ['equal elements in order', (x) => sort(x), [2, 1, 2, 1], [1, 1, 2, 2], [1, 1, 1, 1]],
  ['equal largest elements', (x) => reduceMax(x), [3, 1, 3], [3], [0.5, 0, 0.5]],
  [
    'equal elements of a pool',
    (x) => maxPool2d(images(x), { poolSize: [1, 4] }),
    [1, 5, 5, 5],
    [5],
    [0, 1, 0, 0],
  ],
  [
    'a pool of nothing but one value',
    (x) => averagePool2d(images(x), { poolSize: [1, 2] }),
    [2, 2, 2, 2],
    [2, 2],
    [0.5, 0.5, 0.5, 0.5],
  ],
  [
    'a pool below zero, beside its pads',
    (x) => maxPool2d(images(x), { poolSize: [1, 2], strides: [1, 2], pads: [0, 1, 0, 1] }),
    [-4, -3, -2, -1],
    [-4, -2, -1],
    [1, 0, 1, 1],
  ],
])('%s', async (_, f, x, value, slope) => {
  const [y, dx] = await valueAndGradient(f, floats(x));
  expect(largestDifference(y, value)).toBeLessThan(1e-6);
  expect(largestDifference(dx, slope)).toBeLessThan(1e-6);
});

test('log1p and expm1 keep their digits near zero', async () => {
  const x = floats([1e-5, -1e-5, 3e-8, -3e-8, 0.3, -0.3]);
  const value = input('x', [6]);
  const { a, b } = await run({ a: log1p(value), b: expm1(value) }, { x });
  const relative = (actual: Tensor | undefined, f: (x: number) => number) =>
    Math.max(...x.data.map((v, i) => Math.abs((actual!.data as Float32Array)[i]! / f(v) - 1)));
  expect(relative(a, Math.log1p)).toBeLessThan(5e-7);
  expect(relative(b, Math.expm1)).toBeLessThan(5e-7);
});

test('NaN is seen, and conditions combine', async () => {
  const x = input('x', [4]);
  const none = isNotANumber(x);
  const positive = logicalAnd(logicalNot(none), greaterEqual(x, constant(0)));
  const y = where(positive, x, zerosLike(x));
  const results = await run({ none, positive, y }, { x: floats([Number.NaN, -1, 0, 2]) });
  expect([...(results.none!.data as Uint8Array)]).toEqual([1, 0, 0, 0]);
  expect([...(results.positive!.data as Uint8Array)]).toEqual([0, 0, 1, 1]);
  expect([...(results.y!.data as Float32Array)]).toEqual([0, 0, 0, 2]);
});

test('cross-entropy is finite and right at logits of ±10⁴', async () => {
  const targets = constant(floats([1, 0, 0, 0, 1, 0, 1 / 3, 1 / 3, 1 / 3], [3, 3]));
  const logits = floats([far, -far, 0, far, -far, 0, far, far, far], [3, 3]);
  const [losses, slopes] = await valueAndGradient((x) => softmaxCrossEntropy(x, targets), logits);
  // The right class far ahead; the wrong one; a tie. The gradient is softmax − target.
  expect(largestDifference(losses, [0, 2 * far, Math.log(3)])).toBeLessThan(1e-6);
  expect(largestDifference(slopes, [0, 0, 0, 1, -1, 0, 0, 0, 0])).toBeLessThan(1e-6);
});
