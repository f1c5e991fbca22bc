import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { gradient } from '../autodiff/gradient.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { topologicalOrder, type Value } from '../graph/value.ts';
import { conv2d } from '../ops/conv.ts';
import { add, expm1, log1p, mul, relu, sub, tanh } from '../ops/elementwise.ts';
import { averagePool2d, maxPool2d } from '../ops/pool.ts';
import { squareplus } from '../ops/rectifiers.ts';
import { reduceMean, reduceSum } from '../ops/reduce.ts';
import { lower } from './lower.ts';

const pair = (value: number) => [value, value] as const;
const around = (value: number) => [value, value, value, value] as const;

const { compile, run } = useDevice();

/** A network that is being built: its weights are inputs, named in order. */
class Chain {
  readonly weights: Value[] = [];
  readonly feeds: Record<string, Tensor> = {};
  x: Value;
  readonly #stream: ReturnType<typeof randomStream>;

  constructor(x: Value, seed: number) {
    this.x = x;
    this.#stream = randomStream('chain', seed);
  }

  get channels(): number {
    return this.x.shape[3] as number;
  }

  get side(): number {
    return Math.min(this.x.shape[1] as number, this.x.shape[2] as number);
  }

  weight(shape: readonly number[], size = 1): Value {
    const name = `w${this.weights.length}`;
    this.feeds[name] = uniform(this.#stream, shape, -size, size);
    this.weights.push(input(name, shape));
    return this.weights.at(-1)!;
  }

  conv(kernel: number, filters: number, stride: number, pad: number): void {
    if (this.side + 2 * pad < kernel) return;
    const w = this.weight([kernel, kernel, this.channels, filters], 2 / (kernel * Math.sqrt(this.channels)));
    const attributes = { strides: pair(stride), pads: around(pad) };
    this.x = conv2d(this.x, w, this.weight([filters]), attributes);
  }

  pool(pool: typeof maxPool2d, size: number, stride: number): void {
    if (this.side >= size) this.x = pool(this.x, { poolSize: pair(size), strides: pair(stride) });
  }
}

const links: Record<string, (chain: Chain) => void> = {
  'conv 3×3': (c) => c.conv(3, 16, 1, 1),
  'conv 3×3 of 18': (c) => c.conv(3, 18, 1, 0),
  'conv 1×1': (c) => c.conv(1, 17, 1, 0),
  'conv 5×5': (c) => c.conv(5, 3, 2, 2),
  relu: (c) => {
    c.x = relu(c.x);
  },
  residual: (c) => {
    c.x = add(tanh(c.x), c.x);
  },
  'a number a channel': (c) => {
    c.x = sub(c.weight([c.channels]), mul(c.x, c.weight([1, 1, 1, c.channels])));
  },
  'a number a pixel': (c) => {
    c.x = mul(c.x, c.weight([c.x.shape[1] as number, c.x.shape[2] as number, 1]));
  },
  'max pool': (c) => c.pool(maxPool2d, 2, 2),
  'max pool that overlaps': (c) => c.pool(maxPool2d, 3, 2),
  'average pool': (c) => c.pool(averagePool2d, 2, 1),
};

const chains = fc.record({
  height: fc.integer({ min: 6, max: 12 }),
  width: fc.integer({ min: 6, max: 12 }),
  channels: fc.constantFrom(2, 16),
  links: fc.array(fc.constantFrom(...Object.keys(links)), { minLength: 2, maxLength: 6 }),
  seed: fc.nat(1000),
});

describe('lowering changes the arithmetic, not the result', () => {
  test('of a network, its loss and its gradients, for every purpose and batch', async () => {
    const law = fc.asyncProperty(chains, async ({ height, width, channels, links: names, seed }) => {
      const x = input('x', ['batch', height, width, channels]);
      const chain = new Chain(x, seed);
      // Two convolutions that Winograd may take come first, so that layouts meet in what follows.
      for (const name of ['conv 3×3', 'relu', 'conv 3×3', ...names]) links[name]!(chain);
      const features = reduceMean(chain.x, { axes: [1, 2] });
      const loss = reduceMean(mul(features, tanh(features)));
      const wrt = [x, ...chain.weights];
      const outputs = {
        y: chain.x,
        loss,
        ...Object.fromEntries(gradient(loss, wrt).map((g, i) => [`g${i}`, g])),
      };
      const [portable, ...others] = await Promise.all([
        compile(outputs, 'portable'),
        compile(outputs, 'training'),
        compile(outputs, 'frozen'),
      ]);
      for (const batch of [1, 2, 5]) {
        const images = uniform(randomStream('images', seed, batch), [batch, height, width, channels]);
        const feeds = { ...chain.feeds, x: images };
        const expected = await portable.run(feeds);
        for (const program of others) {
          const actual = await program.run(feeds);
          for (const name of Object.keys(outputs)) {
            expect(actual[name]!.shape, name).toEqual(expected[name]!.shape);
            const [a, b] = [actual, expected].map((results) => results[name]!.data as Float32Array);
            // The other arithmetic may flip a ReLU or a maximum that is within its rounding, once in a while.
            expect(relativeError(a!, b!), name).toBeLessThan(name.startsWith('g') ? 1e-2 : 1e-4);
          }
        }
      }
      await Promise.all([portable, ...others].map((program) => program.dispose()));
    });
    await fc.assert(law, { seed: 5, numRuns: 20 });
  });

  test('of sums over any axes, whichever sizes are equal', async () => {
    const [x, w] = [input('x', [16, 16, 13, 16]), input('w', [3, 3, 16, 16])];
    // 13 wide, so that tiles of most sizes reach beyond the image, where the difference is not zero.
    const y = sub(conv2d(x, w, undefined, { pads: [1, 1, 1, 1] }), constant(1));
    const axes = [[0, 1, 2], [2, -4, 1], [0, 1, 3], [0, 2, 3], [1, 2, 3], [3]];
    const outputs = Object.fromEntries(
      axes.flatMap((list) =>
        [false, true].map((keepDims) => [`${list} ${keepDims}`, reduceSum(y, { axes: list, keepDims })]),
      ),
    );
    const stream = randomStream('sums');
    const feeds = { x: uniform(stream, [16, 16, 13, 16]), w: uniform(stream, [3, 3, 16, 16]) };
    const expected = await run(outputs, feeds, 'portable');
    const actual = await run(outputs, feeds, 'training');
    for (const name of Object.keys(outputs)) {
      expect(actual[name]!.shape, name).toEqual(expected[name]!.shape);
      const [a, b] = [actual, expected].map((results) => results[name]!.data as Float32Array);
      expect(relativeError(a!, b!), name).toBeLessThan(1e-4);
    }
  });
});

test('outputs keep their order and shapes, and what is ONNX’s already stays as it is', () => {
  const x = input('x', ['batch', 8, 8, 16]);
  const y = conv2d(x, constant(uniform(randomStream('w'), [3, 3, 16, 16])), undefined);
  const plain = mul(x, tanh(x));
  const lowered = lower([y, plain, x], 'training');
  expect(lowered.map(({ shape }) => shape)).toEqual([['batch', 6, 6, 16], x.shape, x.shape]);
  expect(lowered.slice(1)).toEqual([plain, x]);
});

test('what ONNX lacks is written in other operators, also within each other and twice', async () => {
  const x = input('x', ['batch', 3]);
  const y = log1p(squareplus(expm1(x), { b: 2 }));
  const z = mul(log1p(x), y);
  const names = topologicalOrder(lower([y, z], 'portable')).map(({ op }) => op);
  expect(names.some(({ compose }) => compose)).toBe(false);
  const values = Float32Array.of(0.25, 0.5, 1);
  const results = await run({ y, z }, { x: floats(values, [1, 3]) });
  values.forEach((v, i) => {
    const inner = Math.expm1(v);
    const expected = Math.log1p((inner + Math.sqrt(inner * inner + 2)) / 2);
    expect((results.y!.data as Float32Array)[i]).toBeCloseTo(expected, 6);
    expect((results.z!.data as Float32Array)[i]).toBeCloseTo(expected * Math.log1p(v), 6);
  });
});
