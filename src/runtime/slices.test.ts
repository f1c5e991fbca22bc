import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { ComputeError, UsageError } from '../core/errors.ts';
import { floats, scalar, tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { cast, mul, tanh } from '../ops/elementwise.ts';
import { argMax, reduceMean, reduceSum } from '../ops/reduce.ts';

const device = useDevice();
const x = input('x', ['batch', 3, 2]);
const pixels = input('pixels', ['batch', 2], 'uint8');

describe('a run in slices', () => {
  test('gives what a whole run gives, whatever is left for the last', async () => {
    const program = await device.compile({
      wide: tanh(x),
      row: reduceSum(x, { axes: [1, 2] }),
      best: argMax(x),
      scaled: mul(cast(pixels, { to: 'float32' }), constant(1 / 255)),
    });
    const law = fc.asyncProperty(
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 13 }),
      async (rows, slice) => {
        const feeds = {
          x: uniform(randomStream(rows, slice), [rows, 3, 2]),
          pixels: tensor(
            'uint8',
            [rows, 2],
            Uint8Array.from({ length: rows * 2 }, (_, i) => i * 9),
          ),
        };
        expect(await program.run(feeds, { slice })).toEqual(await program.run(feeds));
      },
    );
    await fc.assert(law, { seed: 1, numRuns: 30 });
  });

  test('gives transferred memory back whole', async () => {
    const program = await device.compile({ y: tanh(x) });
    const feed = uniform(randomStream(), [5, 3, 2]);
    const values = [...feed.data];
    const returned: ArrayBuffer[] = [];
    await program.run({ x: feed }, { slice: 2, transfer: ['x'], recycle: (buffer) => returned.push(buffer) });
    expect(returned.map((buffer) => [...new Float32Array(buffer)])).toEqual([values]);
  });

  test('takes state into every slice', async () => {
    const program = await device.compile({ y: mul(x, input('factor', [])) });
    await device.device.setState({ factor: scalar(2) });
    const feeds = { x: uniform(randomStream(), [5, 3, 2]) };
    const { y } = await program.run(feeds, { slice: 2 });
    expect(y!.data).toEqual(feeds.x.data.map((value) => 2 * value));
  });

  test('refuses what has no rows to put together, or unlike numbers of them', async () => {
    const five = uniform(randomStream(), [5, 3, 2]);
    const mean = await device.compile({ mean: reduceMean(x) });
    await expect(mean.run({ x: five }, { slice: 2 })).rejects.toThrow(ComputeError);
    await expect(mean.run({ x: five }, { slice: 1 })).rejects.toThrow(/test: .*'mean' is \[\] for 1/);
    const two = await device.compile({ y: tanh(x), w: tanh(input('z', ['rows'])) });
    await expect(two.run({ x: five, z: floats([1, 2, 3]) }, { slice: 2 })).rejects.toThrow(
      'x [5, 3, 2], z [3]',
    );
  });

  test.each([0, -1, 1.5])('refuses slices of %d rows', async (slice) => {
    const program = await device.compile({ y: tanh(x) });
    const running = program.run({ x: uniform(randomStream(), [2, 3, 2]) }, { slice });
    await expect(running).rejects.toThrow(UsageError);
    await expect(running).rejects.toThrow(`got ${slice}`);
  });
});
