import { describe, expect, test } from 'vitest';
import { ShapeError, UsageError } from '../core/errors.ts';
import { floats, zeros } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import * as layers from '../layers/layers.ts';
import { sgd } from '../optimizers/optimizers.ts';
import { model } from './functional.ts';
import { type Sequential, sequential } from './sequential.ts';

const x = () => layers.input({ name: 'x', shape: [4] });
const dense = (name: string, units = 4) => layers.dense({ name, units });

describe('a stack', () => {
  test('knows its shapes when it has an input, is built, stands in a model, or sees data', async () => {
    const make = () => sequential({ name: 's', layers: [dense('a', 3), dense('b', 2)] }, { threads: 1 });
    const given = zeros('float32', [5, 4]);
    const shown = make();
    expect(shown.isBuilt).toBe(false);
    expect(shown.weights).toEqual([]);
    expect(() => shown.output).toThrow("model 's' does not know its input’s shape yet");
    expect((await shown.predictOnBatch(given)).shape).toEqual([5, 2]);
    const built = make();
    built.buildOn([4]);
    built.buildOn([4]);
    expect(() => built.buildOn([5])).toThrow("model 's' has the input shape [4], and cannot be built on [5]");
    expect(built.output.shape).toEqual(['batch', 2]);
    const within = make();
    expect(within.apply(x()).shape).toEqual(['batch', 2]);
    expect(within.countParams()).toBe(15 + 8);
    const below = sequential({ layers: [within, dense('top', 1)] });
    expect(below.input.shape).toEqual(['batch', 4]);
    await shown.dispose();
  });

  test('that learns its shapes from data begins by the seed of compile', async () => {
    const [early, late] = [true, false].map((known) =>
      sequential({ layers: [...(known ? [x()] : []), dense('a', 2)] }, { threads: 1 }),
    ) as [Sequential, Sequential];
    for (const net of [early, late]) {
      net.compile({ optimizer: sgd(), loss: 'categoricalCrossentropy', seed: 7 });
      await net.predictOnBatch(zeros('float32', [1, 4]));
    }
    expect(late.getWeights()).toEqual(early.getWeights());
    await Promise.all([early.dispose(), late.dispose()]);
  });

  test('grows and shrinks, and starts over where it was computing', async () => {
    const net = sequential({ name: 's', layers: [x(), dense('a', 3)] }, { threads: 1 });
    net.initialize();
    const given = floats([1, 2, 3, 4], [1, 4]);
    const before = await net.predictOnBatch(given);
    net.add(dense('b', 2));
    expect((await net.predictOnBatch(given)).shape).toEqual([1, 2]);
    expect(net.pop()!.name).toBe('b');
    expect(await net.predictOnBatch(given)).toEqual(before);
    expect(net.pop()!.name).toBe('a');
    expect(net.pop()).toBeUndefined();
    expect(() => net.output).toThrow("model 's' has no layers yet: add one");
    net.add(dense('c', 1));
    expect(net.output.shape).toEqual(['batch', 1]);
    await net.dispose();
  });

  test('stays as it is where a layer does not fit', () => {
    const net = sequential({ name: 's', layers: [x(), dense('a', 3)] });
    expect(() => net.add(layers.conv2d({ name: 'c', filters: 1, kernelSize: 3 }))).toThrow(ShapeError);
    net.add(dense('b', 2));
    expect(net.layers.map(({ name }) => name)).toEqual(['a', 'b']);
    const open = sequential({ layers: [layers.conv2d({ filters: 1, kernelSize: 3 })] });
    expect(() => open.buildOn([4])).toThrow(ShapeError);
    expect(open.isBuilt).toBe(false);
  });
});

describe('what makes no stack is refused:', () => {
  const two = () => {
    const input = x();
    return model({ name: 'two', inputs: input, outputs: [dense('d').apply(input), dense('e').apply(input)] });
  };

  test.each<[string, () => unknown, string]>([
    [
      'two layers of one name',
      () => sequential({ name: 's', layers: [dense('a'), dense('a')] }),
      "two layers have the name 'a'",
    ],
    [
      'an input above a layer',
      () => sequential({ layers: [dense('a'), x()] }),
      'an input can only be the first layer',
    ],
    [
      'a layer’s output',
      () => sequential({ layers: [dense('a').apply(x())] }),
      'got the output float32[batch, 4] of a',
    ],
    [
      'what is no layer',
      () => sequential({ layers: [3 as never] }),
      'takes layers, such as layers.dense({ units: 4 }), got 3',
    ],
    ['a layer of two outputs', () => sequential({ layers: [x(), two()] }), "layer 'two' has 2 outputs"],
    [
      'an option that there is not',
      () => sequential({ layer: [] } as never),
      "there is no option 'layer'; there are name, trainable, layers",
    ],
  ])('%s', (_, make, message) => {
    expect(make).toThrow(UsageError);
    expect(make).toThrow(message);
  });

  test('data of another shape than the first', async () => {
    const net = sequential({ layers: [dense('a')] }, { threads: 1 });
    await net.predict(Dataset.fromArray([{ inputs: zeros('float32', [1, 4]) }]));
    await expect(net.predictOnBatch(zeros('float32', [1, 5]))).rejects.toThrow(
      'takes [batch, 4], and was given [1, 5]',
    );
    await net.dispose();
  });
});
