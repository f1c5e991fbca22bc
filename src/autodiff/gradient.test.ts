import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { ShapeError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { topologicalOrder, type Value } from '../graph/value.ts';
import { conv2d, conv2dFilterGradient, conv2dInputGradient } from '../ops/conv.ts';
import {
  add,
  cast,
  ceil,
  floor,
  greater,
  log,
  mask,
  mul,
  round,
  sign,
  stopGradient,
  tanh,
  where,
} from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { maxPool2d } from '../ops/pool.ts';
import { argMax, reduceMean, reduceSum } from '../ops/reduce.ts';
import { gradient } from './gradient.ts';

const { run } = useDevice();
const x = input('x', ['batch', 3]);
const feeds = { x: floats([1, -2, 3, 4, 5, -6], [2, 3]) };

async function gradientsOf(loss: Value, wrt: Value[]): Promise<number[][]> {
  const gradients = gradient(loss, wrt);
  expect(gradients.map(({ shape }) => shape)).toEqual(wrt.map(({ shape }) => shape));
  const results = await run(Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])), feeds);
  return gradients.map((_, i) => [...(results[`g${i}`]!.data as Float32Array)]);
}

describe('gradient', () => {
  test('adds up over every way to the loss', async () => {
    const y = mul(x, x);
    expect(await gradientsOf(reduceSum(add(mul(y, x), y)), [x])).toEqual([[5, 8, 33, 56, 85, 96]]); // 3x² + 2x
  });

  test('by values in between, and by the loss itself', async () => {
    const y = mul(x, constant(2));
    const loss = reduceSum(mul(y, y));
    expect(await gradientsOf(loss, [y, loss])).toEqual([[4, -8, 12, 16, 20, -24], [1]]);
  });

  test('of what the loss does not depend on is zero, in its shape', async () => {
    const after = add(reduceSum(x), constant(1));
    const [zero, slope, later] = await gradientsOf(reduceSum(x), [mul(x, x), x, after]);
    expect(zero).toEqual([0, 0, 0, 0, 0, 0]);
    expect(slope).toEqual([1, 1, 1, 1, 1, 1]);
    expect(later).toEqual([0]);
  });

  test('passes nothing through conditions, signs and sizes, which do not change with what they are taken of', async () => {
    const counted = mul(reduceMean(x), x); // the mean's gradient divides by the size of x
    const second = reduceSum(mul(gradient(reduceSum(mul(counted, x)), [x])[0]!, sign(x)));
    expect((await gradientsOf(second, [x]))[0]!.every(Number.isFinite)).toBe(true);
    const positive = mask(greater(x, constant(0)), x);
    expect(await gradientsOf(reduceSum(mul(positive, x)), [x])).toEqual([[1, 0, 1, 1, 1, 0]]);
    const [[first]] = (await gradientsOf(reduceSum(mul(stopGradient(mul(x, x)), x)), [x])) as [[number]];
    expect(first).toBe(1); // x², not 3x²
    const steps = reduceSum(add(add(floor(x), ceil(x)), add(round(x), x)));
    expect(await gradientsOf(steps, [x])).toEqual([[1, 1, 1, 1, 1, 1]]);
  });

  test('of what `where` did not take is zero, be it infinite', async () => {
    const positive = greater(x, constant(0));
    const [slope] = await gradientsOf(reduceSum(where(positive, log(x), constant(0))), [x]);
    expect(slope!.slice(0, 3)).toEqual([1, -0, Math.fround(1 / 3)]);
  });

  test('builds no gradient that was not asked for', () => {
    const [images, w] = [input('images', ['batch', 8, 8, 2]), input('w', [3, 3, 2, 4])];
    const loss = reduceSum(tanh(conv2d(images, w, undefined)));
    const ops = topologicalOrder(gradient(loss, [w])).map(({ op }) => op);
    expect(ops).toContain(conv2dFilterGradient.op);
    expect(ops).not.toContain(conv2dInputGradient.op);
  });

  test('follows a chain of ten thousand operators', async () => {
    let y = x;
    for (let i = 0; i < 10_000; i++) y = add(y, constant(1));
    const [g] = gradient(reduceSum(y), [x]);
    const { g: ones } = await run({ g: g! }, feeds);
    expect([...(ones!.data as Float32Array)]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

const images = input('images', ['batch', 4, 4, 2]);

describe('gradient refuses', () => {
  test.each<[string, () => unknown, string[]]>([
    ['a loss that is no scalar', () => gradient(mul(x, x), [x]), ['scalar', 'float32[batch, 3]']],
    [
      'an operator without gradient',
      () => gradient(reduceSum(cast(argMax(matMul(x, x, { transposeB: true })), { to: 'float32' })), [x]),
      ['ArgMax', 'input 0', 'float32[batch, batch]'],
    ],
    [
      'the gradient of a max pool’s gradient',
      () =>
        gradient(
          reduceSum(
            gradient(reduceSum(mul(maxPool2d(images, { poolSize: [2, 2] }), constant(2))), [images])[0]!,
          ),
          [images],
        ),
      ['MaxPool2DGradient'],
    ],
  ])('%s', (_, call, words) => {
    expect(call).toThrow(ShapeError);
    for (const word of words) expect(call).toThrow(word);
  });
});
