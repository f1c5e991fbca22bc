import { expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { gradient } from '../autodiff/gradient.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { abs, maximum, relu, sigmoid, softplus, tanh } from './elementwise.ts';
import { averagePool2d, maxPool2d } from './pool.ts';
import { reduceMax, reduceSum } from './reduce.ts';
import { reshape } from './shaping.ts';
import { logSoftmax, softmax, softmaxCrossEntropy } from './softmax.ts';

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

test('cross-entropy is finite and right at logits of ±10⁴', async () => {
  const targets = constant(floats([1, 0, 0, 0, 1, 0, 1 / 3, 1 / 3, 1 / 3], [3, 3]));
  const logits = floats([far, -far, 0, far, -far, 0, far, far, far], [3, 3]);
  const [losses, slopes] = await valueAndGradient((x) => softmaxCrossEntropy(x, targets), logits);
  // The right class far ahead; the wrong one; a tie. The gradient is softmax − target.
  expect(largestDifference(losses, [0, 2 * far, Math.log(3)])).toBeLessThan(1e-6);
  expect(largestDifference(slopes, [0, 0, 0, 1, -1, 0, 0, 0, 0])).toBeLessThan(1e-6);
});
