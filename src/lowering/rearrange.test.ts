import fc from 'fast-check';
import { expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { gradient } from '../autodiff/gradient.ts';
import { input } from '../graph/leaves.ts';
import { topologicalOrder, type Value } from '../graph/value.ts';
import { type ConvAttributes, conv2d } from '../ops/conv.ts';
import { add, mul, relu, tanh } from '../ops/elementwise.ts';
import { maxPool2d } from '../ops/pool.ts';
import { leakyRelu } from '../ops/rectifiers.ts';
import { reduceMean } from '../ops/reduce.ts';
import { rearranged } from './rearrange.ts';

const { run } = useDevice();

/** Layers with a kernel and a bias each, and the tensors to feed them. */
class Network {
  readonly weights: Value[] = [];
  readonly feeds: Record<string, ReturnType<typeof uniform>> = {};

  conv(x: Value, filters: number, attributes: ConvAttributes = {}): Value {
    const kernel = this.#weight([3, 3, x.shape[3] as number, filters]);
    return conv2d(x, kernel, this.#weight([filters]), attributes);
  }

  #weight(shape: number[]): Value {
    const name = `w${this.weights.length}`;
    this.feeds[name] = uniform(randomStream(name), shape, -0.3, 0.3);
    this.weights.push(input(name, shape));
    return this.weights.at(-1)!;
  }
}

const convolutions = (outputs: readonly Value[]) =>
  topologicalOrder(outputs).filter(({ op }) => op === conv2d.op);
const pool = (x: Value) => maxPool2d(x, { poolSize: [2, 2] });

test('outputs and gradients are those of the graph as it was', async () => {
  const cases = fc.record({
    side: fc.integer({ min: 13, max: 20 }),
    poolSize: fc.integer({ min: 2, max: 3 }),
    strides: fc.integer({ min: 1, max: 3 }),
    pad: fc.integer({ min: 0, max: 1 }),
    slope: fc.constantFrom(0, 0.3),
    isShared: fc.boolean(),
    seed: fc.nat(),
  });
  const law = fc.asyncProperty(cases, async ({ side, poolSize, strides, pad, slope, isShared, seed }) => {
    const network = new Network();
    const active = (x: Value) => (slope === 0 ? relu(x) : leakyRelu(x, { alpha: slope }));
    const size = [poolSize, poolSize] as const;
    const x = input('x', ['batch', side, side, 1]);
    const first = active(network.conv(x, 5, { pads: [pad, pad, pad, pad] }));
    const below = maxPool2d(first, { poolSize: size, strides: [strides, strides], pads: [pad, pad, 0, pad] });
    const second = active(network.conv(below, 4));
    const y = pool(second);
    const others = isShared ? [reduceMean(mul(first, first)), reduceMean(second)] : [];
    const loss = others.reduce((sum, other) => add(sum, other), reduceMean(mul(y, tanh(y))));
    const now = rearranged([loss, y]);
    const outputsOf = (value: Value, pooled: Value) => ({
      loss: value,
      y: pooled,
      ...Object.fromEntries(gradient(value, network.weights).map((g, i) => [`g${i}`, g])),
    });
    const feeds = { ...network.feeds, x: uniform(randomStream(seed), [3, side, side, 1]) };
    const expected = await run(outputsOf(loss, y), feeds, 'portable');
    for (const purpose of ['portable', 'training'] as const) {
      const actual = await run(outputsOf(now(loss), now(y)), feeds, purpose);
      for (const [name, { shape, data }] of Object.entries(expected)) {
        expect(actual[name]!.shape).toEqual(shape);
        const error = relativeError(actual[name]!.data as Float32Array, data as Float32Array);
        expect(error, `${name}, ${purpose}`).toBeLessThan(1e-5);
      }
    }
  });
  await fc.assert(law, { seed: 4, numRuns: 25 });
});

test('what pools leave out is not computed, and activations are behind them', () => {
  const network = new Network();
  const x = input('x', ['batch', 28, 28, 1]);
  const first = pool(relu(network.conv(x, 32)));
  const y = relu(network.conv(pool(relu(network.conv(first, 64))), 64));
  const now = rearranged([y])(y);
  expect(now.shape).toEqual(y.shape);
  expect(convolutions([now]).map(({ shape }) => shape.slice(1))).toEqual([
    [24, 24, 32],
    [10, 10, 64],
    [3, 3, 64],
  ]);
  const activations = topologicalOrder([now]).filter(({ op }) => op === relu.op);
  expect(activations.map(({ shape }) => shape.slice(1))).toEqual([
    [12, 12, 32],
    [5, 5, 64],
    [3, 3, 64],
  ]);
});

test.each([
  ['of many filters', 128, (x: Value) => relu(x)],
  ['of a falling activation', 8, (x: Value) => leakyRelu(x, { alpha: -1 })],
  ['of another function', 8, (x: Value) => mul(x, tanh(x))],
])('a convolution %s stays as it is', (_, filters, activation) => {
  const network = new Network();
  const y = pool(activation(network.conv(input('x', ['batch', 13, 13, 32]), filters)));
  expect(rearranged([y])(y)).toBe(y);
});

test('what others read too is computed whole, and once', () => {
  const network = new Network();
  const whole = relu(network.conv(input('x', ['batch', 13, 13, 1]), 8));
  const outputs = [whole, pool(whole)];
  const now = rearranged(outputs);
  expect(now(whole)).toBe(whole);
  expect(convolutions(outputs.map(now))).toHaveLength(1);
});
