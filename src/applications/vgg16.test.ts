import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { encodeSafetensors } from '../codecs/safetensors.ts';
import { DataError, ShapeError, UsageError } from '../core/errors.ts';
import { zeros } from '../core/tensor.ts';
import * as layers from '../layers/layers.ts';
import { preprocessInput, vgg16 } from './vgg16.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-vgg16-'));
});
afterAll(() => rm(folder, { recursive: true }));

test('has Keras’ layers, shapes and count of parameters', async () => {
  const model = await vgg16({ includeTop: false, weights: null });
  const blocks = [2, 2, 3, 3, 3].map((count, b) => [
    ...Array.from({ length: count }, (_, c) => `block${b + 1}_conv${c + 1}`),
    `block${b + 1}_pool`,
  ]);
  expect(model.layers.slice(1).map(({ name }) => name)).toEqual(blocks.flat());
  expect(model.input.shape).toEqual(['batch', 224, 224, 3]);
  expect(model.output.shape).toEqual(['batch', 7, 7, 512]);
  expect(model.countParams()).toBe(14_714_688);
});

test('stands on images of any size from 32 on, and on another layer’s output', async () => {
  const odd = await vgg16({ includeTop: false, weights: null, inputShape: [33, 70, 3] });
  expect(odd.output.shape).toEqual(['batch', 1, 2, 512]);
  const pixels = layers.input({ name: 'pixels', shape: [64, 64, 'channels'], dtype: 'uint8' });
  const model = await vgg16({ includeTop: false, inputTensor: preprocessInput(pixels), weights: null });
  expect(model.input).toBe(pixels);
  expect(model.layers.slice(0, 3).map(({ className }) => className)).toEqual([
    'InputLayer',
    'Preprocessing',
    'Conv2D',
  ]);
});

test('comes with weights, in half precision', async () => {
  const model = await vgg16({ includeTop: false, inputShape: [32, 32, 3] });
  expect(model.weights).toHaveLength(26);
  for (const { path, shape, value } of model.weights) {
    expect(value, path).toMatchObject({ dtype: 'float16', shape });
  }
});

test('refuses a top, images that are too small, and other channels', async () => {
  await expect(vgg16({ includeTop: true as never, weights: null })).rejects.toThrow(UsageError);
  for (const inputShape of [
    [31, 224, 3],
    [224, 16, 3],
    [64, 64, 1],
  ]) {
    const making = vgg16({ includeTop: false, weights: null, inputShape: inputShape as [number, number, 3] });
    await expect(making).rejects.toThrow(ShapeError);
    await expect(making).rejects.toThrow(`[batch,${inputShape}]`);
  }
});

test('refuses weights that are not there, or not its own, by their file', async () => {
  const load = (weights: string) => vgg16({ includeTop: false, weights });
  const absent = join(folder, 'absent.safetensors');
  await expect(load(absent)).rejects.toThrow(DataError);
  await expect(load(absent)).rejects.toThrow(`cannot read the weights ${absent}: there is no such file`);
  const other = join(folder, 'other.safetensors');
  await writeFile(other, encodeSafetensors({ 'block1_conv1/kernel': zeros('float32', [3, 3, 1, 64]) }));
  await expect(load(other)).rejects.toThrow(
    `${other}: tensor 'block1_conv1/kernel' should have the shape [3, 3, 3, 64], and has [3, 3, 1, 64]`,
  );
  await writeFile(other, encodeSafetensors({}));
  await expect(load(other)).rejects.toThrow(`${other}: tensor 'block1_conv1/kernel' is missing`);
  await writeFile(other, encodeSafetensors({ 'block1_conv1/kernel': zeros('int32', [3, 3, 3, 64]) }));
  await expect(load(other)).rejects.toThrow('should be float32 or float16, and is int32');
});
