import { expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { callLayer } from '../../test/support/layer-call.ts';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { Layer } from './layer.ts';
import * as layers from './layers.ts';

const { run } = useDevice();

async function outputOf(layer: Layer, x: Tensor): Promise<Tensor> {
  const inputs = [input('x', ['batch', ...x.shape.slice(1)], x.dtype)];
  const { y } = callLayer(layer, inputs, () => expect.unreachable('there are no weights'));
  return (await run({ y }, { x })).y!;
}

test('bytes stay bytes: rounded, and none below 0 or above 255', async () => {
  const x = tensor('uint8', [1, 1, 4, 1], Uint8Array.of(0, 255, 255, 0));
  const y = await outputOf(layers.resizing({ height: 1, width: 8, interpolation: 'bicubic' }), x);
  expect(y.dtype).toBe('uint8');
  const exact = await outputOf(
    layers.resizing({ height: 1, width: 8, interpolation: 'bicubic' }),
    floats(x.data, x.shape),
  );
  const numbers = [...(exact.data as Float32Array)];
  expect(Math.max(...numbers)).toBeGreaterThan(256);
  expect([...(y.data as Uint8Array)]).toEqual(
    numbers.map((value) => Math.min(255, Math.max(0, Math.round(value)))),
  );
});

test('area is the mean of what a pixel covers', async () => {
  const x = floats([1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 4, 1]);
  const y = await outputOf(layers.resizing({ height: 1, width: 2, interpolation: 'area' }), x);
  expect([...(y.data as Float32Array)]).toEqual([3.5, 5.5]);
});

test('padding widens both sides alike, by whole pixels', async () => {
  const layer = layers.resizing({
    height: 1,
    width: 4,
    padToAspectRatio: true,
    fillValue: 9,
    interpolation: 'nearest',
  });
  const y = await outputOf(layer, floats([1, 2], [1, 1, 2, 1]));
  expect([...(y.data as Float32Array)]).toEqual([9, 1, 2, 9]);
});

test('cropping leaves off both sides alike', async () => {
  const layer = layers.resizing({ height: 2, width: 2, cropToAspectRatio: true, interpolation: 'nearest' });
  const y = await outputOf(layer, floats([1, 2, 3, 4, 5], [1, 1, 5, 1]));
  expect([...(y.data as Float32Array)]).toEqual([3, 3, 3, 3]);
});

test('the middle is cut out, of bytes as numbers', async () => {
  const x = tensor(
    'uint8',
    [1, 3, 4, 1],
    Uint8Array.from({ length: 12 }, (_, i) => i),
  );
  const y = await outputOf(layers.centerCrop({ height: 1, width: 2 }), x);
  expect(y).toEqual(floats([5, 6], [1, 1, 2, 1]));
});

test('what cannot be meant is refused, by the layer’s name', () => {
  const both = () =>
    layers.resizing({ name: 'mine', height: 2, width: 2, cropToAspectRatio: true, padToAspectRatio: true });
  expect(both).toThrow(UsageError);
  expect(both).toThrow("layer 'mine': one of cropToAspectRatio and padToAspectRatio can be true");
  expect(() => layers.resizing({ name: 'mine', height: 2, width: 2, fillMode: 'reflect' as never })).toThrow(
    `layer 'mine': fillMode must be "constant"`,
  );
  expect(() => layers.centerCrop({ name: 'mine', height: 1.5, width: 2 })).toThrow(
    "layer 'mine': height must be",
  );
  const open = layers.input({ shape: [null, 4, 3] });
  for (const layer of [
    layers.resizing({ name: 'mine', height: 2, width: 2 }),
    layers.centerCrop({ name: 'mine', height: 2, width: 2 }),
  ]) {
    expect(() => layer.apply(open)).toThrow(ShapeError);
    expect(() => layer.apply(open)).toThrow(/layer 'mine' .*height and width must be known/);
  }
});
