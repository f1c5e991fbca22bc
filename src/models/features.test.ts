import { beforeAll, describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import * as layers from '../layers/layers.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import type { Batch } from '../training/trainable.ts';
import { Features } from './features.ts';
import { model as functional } from './functional.ts';
import { initialize } from './weights.ts';

const device = useDevice();
const width = 6;
/** Of one row of features. */
const rowBytes = 4 * width;

const x = layers.input({ name: 'x', shape: [width] });
const dense = (name: string, input: SymbolicTensor) =>
  layers.dense({ name, units: width, activation: 'tanh' }).apply(input);
const low = dense('low', x);
const high = dense('high', low);
const side = dense('side', low);
const { network } = functional({ inputs: x, outputs: [high, side] });
initialize(network, 1);

const values = uniform(randomStream('features'), [20, width]);

/** Rows from `from` to `to` under their numbers as keys; `asked` says how often the inputs were asked for. */
function batch(from: number, to: number) {
  const counter = { asked: 0 };
  const rows = floats(values.data.slice(from * width, to * width), [to - from, width]);
  const made: Batch = {
    keys: Array.from({ length: to - from }, (_, i) => String(from + i)),
    inputs: async () => {
      counter.asked++;
      return { ...rows, data: rows.data.slice() };
    },
    targets: floats([]),
  };
  return Object.assign(counter, { batch: made, rows });
}

/** tanh(… tanh(x · kernel + bias) …) through these layers, in double precision. */
function expected(rows: Tensor<'float32'>, ...through: SymbolicTensor[]): number[] {
  let data = Array.from(rows.data);
  for (const { layer } of through) {
    const [kernel, bias] = layer.weights.map(({ value }) => value!.data as Float32Array);
    data = data.map((_, at) => {
      const [row, column] = [Math.floor(at / width), at % width];
      let sum = bias![column]!;
      for (let i = 0; i < width; i++) sum += data[row * width + i]! * kernel![i * width + column]!;
      return Math.tanh(sum);
    });
  }
  return data;
}

function expectClose(found: Tensor | undefined, wanted: number[]): void {
  expect(found!.data).toHaveLength(wanted.length);
  wanted.forEach((value, i) => {
    expect(found!.data[i]).toBeCloseTo(value, 5);
  });
}

const open = (limit = 2 ** 20, of = network) => new Features(device.device, of, limit);
let first: ReturnType<typeof batch>;
beforeAll(() => {
  first = batch(0, 4);
});

describe('features', () => {
  test('are what the layers compute, in slices too, and the input itself', async () => {
    const { batch: many, rows } = batch(0, 20);
    const [a, b, c] = await open().of(many, [high, side, x]);
    expectClose(a, expected(rows, low, high));
    expectClose(b, expected(rows, low, side));
    expect(c).toEqual(rows);
  });

  test('are computed once for each example, and put together in any order', async () => {
    const features = open();
    const [one, other] = [batch(0, 4), batch(4, 8)];
    await features.of(one.batch, [high]);
    await features.of(other.batch, [high]);
    const [again] = await features.of(one.batch, [high]);
    expectClose(again, expected(one.rows, low, high));
    const mixed: Batch = { ...one.batch, keys: ['6', '1'] };
    const [found] = await features.of(mixed, [high]);
    const all = expected(batch(0, 8).rows, low, high);
    expectClose(found, [...all.slice(6 * width, 7 * width), ...all.slice(width, 2 * width)]);
    expect([one.asked, other.asked]).toEqual([1, 1]);
    await features.of(batch(0, 2).batch, [high]);
    const partly = batch(7, 9);
    await features.of(partly.batch, [high]);
    expect(partly.asked).toBe(1);
  });

  test('of examples without a key are computed each time', async () => {
    const features = open();
    const one = batch(0, 4);
    const { keys: _, ...nameless } = one.batch;
    await features.of(nameless, [high]);
    await features.of(nameless, [high]);
    expect(one.asked).toBe(2);
  });

  test('of a later layer are computed from kept ones of an earlier', async () => {
    const features = open();
    const one = batch(0, 4);
    await features.of(one.batch, [low]);
    const [found] = await features.of(one.batch, [high]);
    expectClose(found, expected(one.rows, low, high));
    expect(one.asked).toBe(1);
    await features.of(one.batch, [side, high]);
    expect(one.asked).toBe(1);
  });

  test('that are to be kept come from the same pass', async () => {
    const features = open();
    const one = batch(0, 4);
    const found = await features.of(one.batch, [high], [low]);
    expect(found).toHaveLength(1);
    await features.of(one.batch, [low, side]);
    expect(one.asked).toBe(1);
  });

  test('are handed out as copies', async () => {
    const features = open();
    const one = batch(0, 4);
    for (let repeat = 0; repeat < 3; repeat++) {
      const [found] = await features.of(one.batch, [high]);
      expectClose(found, expected(one.rows, low, high));
      (found!.data as Float32Array).fill(9);
    }
  });

  test('leave a tensor that was given to its owner', async () => {
    const { rows, batch: one } = batch(0, 4);
    const before = rows.data.slice();
    await open().of({ ...one, inputs: rows }, [high]);
    expect(rows.data).toEqual(before);
  });

  test('give back the memory of inputs that were made for them', async () => {
    const { batch: one } = batch(0, 4);
    const returned: number[] = [];
    await open().of({ ...one, recycle: (buffer) => returned.push(buffer.byteLength) }, [high]);
    expect(returned).toEqual([4 * rowBytes]);
  });
});

describe('within the limit', () => {
  test.each([
    { rows: 8, asked: [1, 1] },
    { rows: 7, asked: [1, 2] },
    { rows: 3, asked: [2, 2] },
    { rows: 0, asked: [2, 2] },
  ])(
    'of $rows rows, two batches of four are asked for $asked times in two passes',
    async ({ rows, asked }) => {
      const features = open(rows * rowBytes);
      const both = [batch(0, 4), batch(4, 8)];
      for (let pass = 0; pass < 2; pass++) {
        for (const one of both) {
          const [found] = await features.of(one.batch, [high]);
          expectClose(found, expected(one.rows, low, high));
        }
      }
      expect(both.map((one) => one.asked)).toEqual(asked);
    },
  );

  test('values of old weights make room for new ones', async () => {
    const features = open(4 * rowBytes);
    const [kernel] = high.layer.weights;
    for (let change = 0; change < 3; change++) {
      kernel!.value = uniform(randomStream('change', change), [width, width]);
      const one = batch(0, 4);
      for (let pass = 0; pass < 2; pass++) {
        const [found] = await features.of(one.batch, [high]);
        expectClose(found, expected(one.rows, low, high));
      }
      expect(one.asked).toBe(1);
    }
  });
});

test('a weight that changes makes what depends on it void, and nothing else', async () => {
  const features = open();
  await features.of(first.batch, [high, side]);
  expect(first.asked).toBe(1);
  high.layer.weights[0]!.value = uniform(randomStream('other'), [width, width]);
  const [kept] = await features.of(first.batch, [side]);
  expect(first.asked).toBe(1);
  expectClose(kept, expected(first.rows, low, side));
  const [found] = await features.of(first.batch, [high]);
  expect(first.asked).toBe(2);
  expectClose(found, expected(first.rows, low, high));
  low.layer.weights[1]!.value = floats(new Float32Array(width).fill(0.5));
  const [afterLow] = await features.of(first.batch, [side]);
  expect(first.asked).toBe(3);
  expectClose(afterLow, expected(first.rows, low, side));
});

test('an error of the inputs arrives, and spoils nothing', async () => {
  const features = open();
  const { batch: one, rows } = batch(0, 4);
  const failing: Batch = { ...one, inputs: () => Promise.reject(new Error('no such image')) };
  await expect(features.of(failing, [high])).rejects.toThrow('no such image');
  const [found] = await features.of(one, [high]);
  expectClose(found, expected(rows, low, high));
});

test('of large maps are those of the whole network, which runs in two parts', async () => {
  const images = layers.input({ name: 'images', shape: [64, 60, 1] });
  const halved = layers.averagePooling2d({ name: 'halved', poolSize: 2 }).apply(images);
  const average = layers.globalAveragePooling2d({ name: 'average' }).apply(halved);
  // Three rounds of the second part, the last one not full; the input itself is asked for too.
  const pixels = uniform(randomStream('large maps'), [70, 64, 60, 1]);
  const inputs = async () => ({ ...pixels, data: pixels.data.slice() });
  const own = functional({ inputs: images, outputs: average }).network;
  const [found, given] = await open(0, own).of({ inputs }, [average, images]);
  const size = 64 * 60;
  const means = Array.from({ length: 70 }, (_, i) => {
    const image = pixels.data.subarray(i * size, (i + 1) * size);
    return image.reduce((sum, value) => sum + value, 0) / size;
  });
  expect(found!.shape).toEqual([70, 1]);
  expectClose(found, means);
  expect(given).toEqual(pixels);
});
