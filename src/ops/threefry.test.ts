import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { keyTensor, randomStream, uniform } from '../../test/support/random.ts';
import { gradient } from '../autodiff/gradient.ts';
import { type Key, RandomStream, threefry } from '../core/random.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import { reduceSum } from './reduce.ts';
import { bernoulli, dropout, randomNormal, randomUniform, threefryBits } from './threefry.ts';

const { run, compile } = useDevice();
const key = input('key', [2], 'uint32');

test('a graph gives the bits of core/random.ts', async () => {
  const word = fc.oneof(
    fc.integer({ min: 0, max: 0xffffffff }),
    fc.constantFrom(0, 1, 0x80000000, 0xffffffff),
  );
  const [bits, more] = threefryBits(key, input('counter', ['count'], 'uint32'));
  const program = await compile({ bits, more });
  const law = fc.asyncProperty(
    word,
    word,
    fc.array(word, { minLength: 1, maxLength: 9 }),
    async (a, b, counters) => {
      const results = await program.run({
        key: tensor('uint32', [2], Uint32Array.of(a, b)),
        counter: tensor('uint32', [counters.length], Uint32Array.from(counters)),
      });
      const blocks = counters.map((counter) => threefry([a, b], counter, 0));
      expect([...(results.bits!.data as Uint32Array)]).toEqual(blocks.map(([first]) => first));
      expect([...(results.more!.data as Uint32Array)]).toEqual(blocks.map(([, second]) => second));
    },
  );
  await fc.assert(law, { seed: 1, numRuns: 40 });
});

test('a key that is no pair of uint32 is refused', () => {
  const counter = input('counter', [4], 'uint32');
  expect(() => threefryBits(input('key', [2]), counter)).toThrow('uint32[2] is needed, got float32[2]');
  expect(() => threefryBits(input('key', [3], 'uint32'), counter)).toThrow('got uint32[3]');
});

const uniformAt = ([a, b]: Key, i: number) => (threefry([a, b], i, 0)[0] >>> 8) * 2 ** -24;
const keyOf = ({ data }: Tensor<'uint32'>): Key => [data[0]!, data[1]!];

test('uniform numbers are counted row by row, whatever the batch', async () => {
  const like = input('like', ['batch', 3, 2]);
  const program = await compile({ y: randomUniform(key, like) });
  for (const batch of [1, 4]) {
    const { y } = await program.run({ key: keyTensor(), like: uniform(randomStream(), [batch, 3, 2]) });
    expect(y!.shape).toEqual([batch, 3, 2]);
    const expected = Array.from({ length: batch * 6 }, (_, i) => uniformAt(keyOf(keyTensor()), i));
    expect([...(y!.data as Float32Array)]).toEqual(expected);
  }
});

test('normal numbers are those of a stream with the same key', async () => {
  const like = input('like', ['batch', 5]);
  const { y } = await run(
    { y: randomNormal(key, like) },
    { key: keyTensor(), like: uniform(randomStream(), [2000, 5]) },
  );
  const stream = new RandomStream(keyOf(keyTensor()));
  const values = [...(y!.data as Float32Array)];
  expect(Math.max(...values.map((value) => Math.abs(value - stream.normal())))).toBeLessThan(1e-5);
  const moment = (power: number) => values.reduce((sum, v) => sum + v ** power, 0) / values.length;
  expect(Math.abs(moment(1))).toBeLessThan(0.05);
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.07);
  expect(Math.abs(moment(4) - 3)).toBeLessThan(0.5);
});

test('a shape of its own takes the sizes that it names from another value', async () => {
  const like = input('like', [3, 'batch']);
  const mask = bernoulli(key, like, { probability: 0.25, shape: ['batch', 1, 7] });
  const feeds = { key: keyTensor(), like: uniform(randomStream(), [3, 500]) };
  const { y } = await run({ y: mask }, feeds);
  expect(y!.shape).toEqual([500, 1, 7]);
  const values = [...(y!.data as Float32Array)];
  expect(new Set(values)).toEqual(new Set([0, 1]));
  expect(Math.abs(values.reduce((sum, v) => sum + v, 0) / values.length - 0.25)).toBeLessThan(0.04);
  expect(() => randomUniform(key, like, { shape: ['rows'] })).toThrow("no axis of size 'rows'");
});

describe('dropout', () => {
  const rate = 0.3;
  const size = 40_000;
  const x = uniform(randomStream('dropout'), [size / 4, 4], 0.5, 1.5);
  const value = input('x', ['batch', 4]);
  const dropped = async (keys: Tensor<'uint32'>) => {
    const y = dropout(value, key, rate);
    const [dx] = gradient(reduceSum(y), [value]);
    const results = await run({ y, dx: dx! }, { x, key: keys });
    return [results.y!.data as Float32Array, results.dx!.data as Float32Array] as const;
  };

  test('zeroes a share of the elements and scales the rest, and so its gradient', async () => {
    const [y, dx] = await dropped(keyTensor(1));
    const kept = Array.from(y, (_, i) => uniformAt(keyOf(keyTensor(1)), i) >= Math.fround(rate));
    const share = kept.filter((k) => !k).length / size;
    expect(Math.abs(share - rate)).toBeLessThan(5 * Math.sqrt((rate * (1 - rate)) / size));
    kept.forEach((keeps, i) => {
      if (!keeps && (y[i] !== 0 || dx[i] !== 0)) expect.fail(`element ${i} was kept`);
      if (keeps && Math.abs(y[i]! * (1 - rate) - x.data[i]!) > 1e-6) expect.fail(`element ${i} is ${y[i]}`);
      if (keeps && Math.abs(dx[i]! * (1 - rate) - 1) > 1e-6) expect.fail(`its gradient is ${dx[i]}`);
    });
    const mean = (values: Float32Array) => values.reduce((sum, v) => sum + v, 0) / size;
    expect(Math.abs(mean(y) - mean(x.data))).toBeLessThan(0.02);
  });

  test('drops the same with the same key, and other elements with another', async () => {
    const [first] = await dropped(keyTensor(1));
    const [again] = await dropped(keyTensor(1));
    const [other] = await dropped(keyTensor(2));
    expect(again).toEqual(first);
    const differing = first.filter((v, i) => (v === 0) !== (other[i] === 0)).length / size;
    expect(Math.abs(differing - 2 * rate * (1 - rate))).toBeLessThan(0.02); // as of independent masks
  });

  test('drops whole channels by a shape of noise', async () => {
    const images = input('images', ['batch', 2, 2, 50]);
    const y = dropout(images, key, rate, { noiseShape: [null, 1, 1, null] });
    const results = await run(
      { y },
      { images: floats(new Float32Array(800).fill(1), [4, 2, 2, 50]), key: keyTensor() },
    );
    const at = (image: number, pixel: number, channel: number) =>
      (results.y!.data as Float32Array)[(image * 4 + pixel) * 50 + channel]!;
    const dropped = Array.from({ length: 200 }, (_, i) => {
      const pixels = [0, 1, 2, 3].map((pixel) => at(Math.floor(i / 50), pixel, i % 50));
      expect(new Set(pixels).size).toBe(1);
      return pixels[0] === 0;
    });
    expect(Math.abs(dropped.filter(Boolean).length / 200 - rate)).toBeLessThan(0.15);
    expect(() => dropout(images, key, rate, { noiseShape: [null, 2, 1, 3] })).toThrow('noiseShape');
  });

  test('of rate 0 is nothing', () => {
    expect(dropout(value, key, 0)).toBe(value);
  });
});
