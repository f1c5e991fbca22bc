import { expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { callLayer } from '../../test/support/layer-call.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import * as layers from './layers.ts';
import { numbersKind } from './numbers.ts';

const { run } = useDevice();
const noWeights = () => expect.unreachable('there are no weights');

test('bytes become numbers, channel by channel', async () => {
  const layer = layers.rescaling({ scale: [1, 0.5], offset: -1 });
  const { y } = callLayer(layer, [input('x', ['batch', 2], 'uint8')], noWeights);
  expect(y.dtype).toBe('float32');
  const results = await run({ y }, { x: tensor('uint8', [2, 2], Uint8Array.of(0, 10, 200, 255)) });
  expect([...(results.y!.data as Float32Array)]).toEqual([-1, 4, 199, 126.5]);
});

test('as many numbers as there are channels, or one', () => {
  const x = layers.input({ shape: [4, 4, 1] });
  const make = () => layers.rescaling({ name: 'mine', scale: 1, offset: [1, 2, 3] }).apply(x);
  expect(make).toThrow(ShapeError);
  expect(make).toThrow(/layer 'mine'.*offset has the shape \[3\], which does not fit/);
});

test('numbers alone are taken', () => {
  for (const scale of [Number.NaN, [], [1, [2]], 'two']) {
    expect(() => layers.rescaling({ name: 'mine', scale: scale as never })).toThrow(UsageError);
    expect(() => layers.rescaling({ name: 'mine', scale: scale as never })).toThrow(
      "layer 'mine': scale must be",
    );
  }
});

test('arrays are read as Keras writes those of NumPy', () => {
  const json = { class_name: '__numpy__', config: { value: [0.5, 2], dtype: 'float64' } };
  expect(numbersKind.fromKeras!(json)).toEqual([0.5, 2]);
  expect(numbersKind.fromKeras!([[1], [2]])).toEqual([[1], [2]]);
  expect(numbersKind.fromKeras!(3)).toBe(3);
});
