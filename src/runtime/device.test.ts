import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomStream, uniform } from '../../test/support/random.ts';
import { arrayTypes, type DataOf, type DType } from '../core/dtype.ts';
import { ComputeError, UsageError } from '../core/errors.ts';
import { floats, scalar, type Tensor, tensor } from '../core/tensor.ts';
import { defineOp } from '../graph/define-op.ts';
import { constant, input } from '../graph/leaves.ts';
import { conv2d } from '../ops/conv.ts';
import { add, mul, relu } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reduceMean } from '../ops/reduce.ts';
import { Device, type Program } from './device.ts';

const x = input('x', ['batch', 2]);
const doubled = { name: 'double', outputs: { y: mul(x, constant(2)) } };

let device: Device;
let double: Program;
beforeAll(async () => {
  device = await Device.open({ threads: 1 });
  double = await device.compile(doubled);
});
afterAll(() => device.close());

describe('state', () => {
  const count = input('count', []);

  test('stays on the device, is fed to the next run, and is shared by programs', async () => {
    const up = await device.compile({
      name: 'up',
      outputs: { seen: count },
      state: { count: add(count, input('by', [])) },
    });
    const reader = await device.compile({ name: 'reader', outputs: { twice: mul(count, constant(2)) } });
    await device.setState({ count: scalar(10) });
    for (const seen of [10, 13, 16]) {
      expect(await up.run({ by: scalar(3) })).toEqual({ seen: scalar(seen) });
      expect(await reader.run({})).toEqual({ twice: scalar(2 * (seen + 3)) });
    }
    expect(await device.getState(['count'])).toEqual({ count: scalar(19) });
  });

  test('is handed out and taken as copies', async () => {
    const given = scalar(1);
    await device.setState({ count: given });
    given.data[0] = 5;
    const { count: taken } = await device.getState(['count']);
    taken!.data[0] = 7;
    expect(await device.getState(['count'])).toEqual({ count: scalar(1) });
  });

  test('that is fed is taken from the feed, for this run alone', async () => {
    const reader = await device.compile({ name: 'reader', outputs: { seen: count } });
    await device.setState({ count: scalar(1) });
    expect(await reader.run({ count: scalar(4) })).toEqual({ seen: scalar(4) });
    expect(await reader.run({})).toEqual({ seen: scalar(1) });
  });

  test('that does not exist is named', async () => {
    await expect(device.getState(['nowhere'])).rejects.toThrow("there is no state 'nowhere'");
  });
});

describe('a failure arrives as a ComputeError with the graph’s name, and the device works on', () => {
  const one = floats([1, 2], [1, 2]);
  const both = { name: 'both', outputs: { y: add(x, input('z', ['batch', 2])) } };

  test.each<[string, Record<string, Tensor>, string[]]>([
    ['a feed that is missing', { z: one }, ["'x' was not fed"]],
    ['another shape', { x: floats([1, 2, 3], [1, 3]), z: one }, ['x', 'Got: 3 Expected: 2']],
    ['another rank', { x: floats([1, 2], [2]), z: one }, ['x', 'rank']],
    ['another dtype', { x: tensor('int32', [1, 2], Int32Array.of(1, 2)), z: one }, ['int32', 'float']],
    [
      'batches that differ',
      { x: floats([1, 2, 3, 4], [2, 2]), z: floats([1, 2, 3, 4, 5, 6], [3, 2]) },
      ['2', '3'],
    ],
  ])('%s', async (_, feeds, words) => {
    const program = await device.compile(both);
    const failure = await program.run(feeds).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ComputeError);
    for (const word of ['both: ', ...words]) expect((failure as Error).message).toContain(word);
    expect(await program.run({ x: one, z: one })).toEqual({ y: floats([2, 4], [1, 2]) });
  });

  test('a graph that does not load', async () => {
    const unknown = defineOp({ opType: 'NoSuchOperator', inputs: ['x'], infer: ([value]) => value });
    const compiling = device.compile({ name: 'strange', outputs: { y: unknown(x) } });
    await expect(compiling).rejects.toThrow(ComputeError);
    await expect(compiling).rejects.toThrow(/^strange: .*NoSuchOperator/s);
    expect(await double.run({ x: one })).toEqual({ y: floats([2, 4], [1, 2]) });
  });

  test('a program that was disposed of', async () => {
    const program = await device.compile(both);
    await program.dispose();
    await expect(program.run({ x: one, z: one })).rejects.toThrow('both: it was disposed of');
  });
});

test('feeds that a graph does not have are passed over', async () => {
  const y = floats([2, 4], [1, 2]);
  expect(await double.run({ x: floats([1, 2], [1, 2]), labels: scalar(1) })).toEqual({ y });
});

test.each(Object.keys(arrayTypes) as DType[])('%s goes there and comes back', async (dtype) => {
  const array = new arrayTypes[dtype](3);
  for (let i = 0; i < 3; i++) array[i] = dtype === 'int64' ? BigInt(i % 2) : i % 2;
  const value = tensor(dtype, [3], array as DataOf);
  const program = await device.compile({ name: dtype, outputs: { y: input('x', ['n'], dtype) } });
  expect(await program.run({ x: value })).toEqual({ y: value });
});

describe('the memory of a feed', () => {
  const feed = () => floats([1, 2, 3, 4], [2, 2]);

  test('is copied', async () => {
    const value = feed();
    await double.run({ x: value });
    expect(value).toEqual(feed());
  });

  test('goes to the worker where it is transferred, and comes back to be used again', async () => {
    const value = feed();
    const returned: ArrayBuffer[] = [];
    const running = double.run({ x: value }, { transfer: ['x'], recycle: (buffer) => returned.push(buffer) });
    expect(value.data.length).toBe(0);
    expect(await running).toEqual({ y: floats([2, 4, 6, 8], [2, 2]) });
    expect(returned.map((buffer) => [...new Float32Array(buffer)])).toEqual([[1, 2, 3, 4]]);
  });

  test('cannot be transferred of what is not fed', async () => {
    const running = double.run({ x: feed() }, { transfer: ['z'] });
    await expect(running).rejects.toThrow(UsageError);
    await expect(running).rejects.toThrow("'z'");
  });
});

test.each([1, 2])('the same run gives the same bits, with %i threads', async (threads) => {
  const images = input('images', ['batch', 14, 14, 16]);
  const stream = randomStream('bits');
  const w = constant(uniform(stream, [3, 3, 16, 32]));
  const features = reduceMean(relu(conv2d(images, w, undefined)), { axes: [1, 2] });
  const outputs = { y: matMul(features, constant(uniform(stream, [32, 64]))) };
  const feeds = { images: uniform(stream, [16, 14, 14, 16]) };
  const results: unknown[] = [];
  for (let opened = 0; opened < 2; opened++) {
    const own = await Device.open({ threads });
    const program = await own.compile({ name: 'bits', outputs });
    for (let repeat = 0; repeat < 3; repeat++) results.push(await program.run(feeds));
    await own.close();
  }
  for (const result of results) expect(result).toEqual(results[0]);
});

describe('devices', () => {
  /** Products enough to outlast what happens meanwhile. */
  const long = {
    name: 'long',
    outputs: { y: Array.from({ length: 12 }).reduce<typeof x>((y) => matMul(y, y), input('m', [600, 600])) },
  };
  const m = floats(new Float32Array(600 * 600), [600, 600]);

  test('refuse a number of threads that is none', async () => {
    for (const threads of [0, -1, 1.5, Number.NaN]) {
      await expect(Device.open({ threads })).rejects.toThrow(UsageError);
    }
  });

  test('work side by side, each with its own state', async () => {
    const count = input('count', []);
    const values = await Promise.all(
      [1, 2].map(async (start) => {
        const own = await Device.open({ threads: 1 });
        const up = await own.compile({ name: 'up', outputs: {}, state: { count: add(count, constant(10)) } });
        await own.setState({ count: scalar(start) });
        await Promise.all([up.run({}), up.run({})]);
        const state = await own.getState(['count']);
        await own.close();
        return state.count!.data[0];
      }),
    );
    expect(values).toEqual([21, 22]);
  });

  test('leave this thread free during a run', async () => {
    const program = await device.compile(long);
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await program.run({ m });
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(1);
  });

  test('finish the runs they were given before they close, and refuse others', async () => {
    const own = await Device.open({ threads: 1 });
    const program = await own.compile(long);
    const running = [program.run({ m }), program.run({ m })];
    const closing = own.close();
    await expect(program.run({ m })).rejects.toThrow('long: the device is closed');
    await expect(own.compile(doubled)).rejects.toThrow(ComputeError);
    await closing;
    for (const { y } of await Promise.all(running)) expect(y!.shape).toEqual([600, 600]);
    await own.close();
    await program.dispose();
  });

  test('that idle do not keep the process alive', () => {
    const script = `
      const { Device } = await import(${JSON.stringify(new URL('../../dist/public/runtime.js', import.meta.url).href)});
      const { input } = await import(${JSON.stringify(new URL('../../dist/public/graph.js', import.meta.url).href)});
      const device = await Device.open({ threads: 1 });
      const program = await device.compile({ name: 'idle', outputs: { y: input('x', []) } });
      const { y } = await program.run({ x: { dtype: 'float32', shape: [], data: Float32Array.of(4) } });
      console.log(y.data[0]);`;
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
      timeout: 60_000,
    });
    expect(String(printed)).toBe('4\n');
  });
});
