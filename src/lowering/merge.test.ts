import fc from 'fast-check';
import { expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { keyTensor, randomStream, uniform } from '../../test/support/random.ts';
import { floats } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { topologicalOrder, type Value } from '../graph/value.ts';
import { windowOf } from '../ops/conv.ts';
import { add, cast, maximum, mul, neg, sub } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reduceSum } from '../ops/reduce.ts';
import { concat, pad, slice, transpose } from '../ops/shaping.ts';
import { dropout } from '../ops/threefry.ts';
import { asPlain } from './layout.ts';
import { mergeCommon } from './merge.ts';
import { winogradFilterGradient, winogradForward, winogradInputGradient } from './winograd.ts';

const x = input('x', [2, 2]);

test('the same computation twice becomes one', () => {
  const build = (seed: Value) => {
    const product = matMul(add(seed, constant(2)), transpose(seed, { perm: [1, 0] }), { transposeA: true });
    return reduceSum(concat(product, slice(product, { starts: [0], ends: [1] }), { axis: 0 }), { axes: [1] });
  };
  const [a, b, other] = mergeCommon([build(x), build(x), build(input('z', [2, 2]))]);
  expect(a).toBe(b);
  expect(a).not.toBe(other);
});

test.each<[string, Value, Value]>([
  ['operator', add(x, x), sub(x, x)],
  ['inputs', sub(x, constant(1)), sub(constant(1), x)],
  ['attribute', cast(x, { to: 'int32' }), cast(x, { to: 'float64' })],
  ['a flag', matMul(x, x), matMul(x, x, { transposeB: true })],
  ['both flags', matMul(x, x, { transposeA: true }), matMul(x, x, { transposeB: true })],
  ['a constant behind the inputs', reduceSum(x, { axes: [0] }), reduceSum(x, { axes: [1] })],
  ['pads', pad(x, { before: [1, 0], after: [0, 0] }), pad(x, { before: [0, 0], after: [1, 0] })],
  ['a constant', add(x, constant(1)), add(x, constant(2))],
  ['a constant’s shape', add(x, constant(floats([1], [1]))), add(x, constant(1))],
  ['a name of weights', add(x, constant(floats([1]), 'a')), add(x, constant(floats([1]), 'b'))],
  ['a key', dropout(x, constant(keyTensor(1)), 0.5), dropout(x, constant(keyTensor(2)), 0.5)],
])('what differs in %s stays two', (_, a, b) => {
  const [first, second] = mergeCommon([a, b]);
  expect(first).not.toBe(second);
});

const countProducts = (outputs: readonly Value[]) =>
  topologicalOrder(outputs).filter(({ op }) => op === matMul.op).length;

test('the transforms that Winograd’s forward pass and gradients share are computed once', () => {
  const [images, kernel] = [input('images', ['batch', 8, 8, 4]), input('kernel', [3, 3, 4, 4])];
  const window = windowOf([3, 3], { pads: [1, 1, 1, 1] });
  const dy = asPlain(input('dy', ['batch', 8, 8, 4]));
  const outputs = [
    winogradForward(asPlain(images), kernel, 4, window, [8, 8, 4]).value,
    winogradFilterGradient(asPlain(images), dy, 4, window),
    winogradInputGradient(dy, kernel, asPlain(images), 4, window).value,
  ];
  // Each has two transforms of two products, one product and the way back; of images, kernel and gradient one transform is left.
  expect(countProducts(outputs)).toBe(3 * (2 + 2 + 1 + 2));
  expect(countProducts(mergeCommon(outputs))).toBe(3 * (2 + 2 + 1 + 2) - 3 * 2);
});

const { run } = useDevice();
/** Float32 in JavaScript rounds as a graph does. */
const functions: { op: (a: Value, b: Value) => Value; compute: (a: number, b: number) => number }[] = [
  { op: add, compute: (a, b) => a + b },
  { op: sub, compute: (a, b) => a - b },
  { op: (a, b) => maximum(a, b), compute: Math.max },
  { op: (a) => neg(a), compute: (a) => -a },
  { op: (a) => mul(a, constant(0.5)), compute: (a) => a * 0.5 },
];

test('merging changes no result', async () => {
  const law = fc.asyncProperty(
    fc.array(fc.tuple(fc.nat(4), fc.nat(), fc.nat()), { minLength: 1, maxLength: 25 }),
    async (steps) => {
      const inputs = [input('p', [2, 3]), input('q', [2, 3])];
      const feeds = { p: uniform(randomStream('p'), [2, 3]), q: uniform(randomStream('q'), [2, 3]) };
      const values: Value[] = [...inputs];
      const expected: Float32Array[] = [feeds.p.data, feeds.q.data];
      for (const [kind, left, right] of steps) {
        const [i, j] = [left % values.length, right % values.length];
        const { op, compute } = functions[kind]!;
        values.push(op(values[i]!, values[j]!));
        expected.push(expected[i]!.map((a, at) => compute(a, expected[j]![at]!)));
      }
      const outputs = Object.fromEntries(values.map((value, i) => [`y${i}`, value]));
      const results = await run(outputs, feeds);
      expected.forEach((data, i) => {
        expect(relativeError(results[`y${i}`]!.data as Float32Array, data)).toBe(0);
      });
    },
  );
  await fc.assert(law, { seed: 3, numRuns: 30 });
});
