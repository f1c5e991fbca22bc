import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { floats, type Tensor } from '../src/core/tensor.ts';
import type { Value } from '../src/graph/value.ts';
import { Layer } from '../src/layers/layer.ts';
import * as layers from '../src/layers/layers.ts';
import type { SymbolicTensor } from '../src/layers/symbolic.ts';
import { everyLayer } from '../src/models/flags.ts';
import { Functional, model } from '../src/models/functional.ts';
import type { Model } from '../src/models/model.ts';
import { sgd } from '../src/optimizers/optimizers.ts';
import type { Batch } from '../src/training/trainable.ts';
import { relativeError } from './support/goldens.ts';
import { randomStream, uniform } from './support/random.ts';
import { batches, oneHot, valuesOf } from './support/training.ts';

/** Hands on what it is given, and calls itself random: no layer above it is in the trunk. */
class Unsettled extends Layer {
  static override readonly className: string = 'Unsettled';

  override get random(): boolean {
    return true;
  }

  call([x]: readonly [Value]): Value {
    return x;
  }
}

/**
 * image → c1 → bn1 → base → base (in inference) → average ┐
 * row → shared → drop → shared ───────────────────────────┴ joined → bn3 → head
 *
 * @param settled whether what is frozen may be in the trunk
 */
function network(settled: boolean): Model {
  const conv = (name: string) =>
    layers.conv2d({
      name,
      filters: 4,
      kernelSize: 3,
      padding: 'same',
      activation: 'tanh',
      kernelRegularizer: 'l2',
    });
  const [image, row] = [
    layers.input({ name: 'image', shape: [6, 6, 2] }),
    layers.input({ name: 'row', shape: [5] }),
  ];
  const handed = (x: SymbolicTensor) => (settled ? x : new Unsettled({}).apply(x));
  const bottom = layers.input({ name: 'bottom', shape: [6, 6, 4] });
  const inside = layers.batchNormalization({ name: 'bn2', momentum: 0.7 }).apply(conv('c2').apply(bottom));
  const base = model({
    name: 'base',
    inputs: bottom,
    outputs: layers.spatialDropout2d({ name: 'drop2', rate: 0.2 }).apply(inside),
  });
  let x = layers.batchNormalization({ name: 'bn1', momentum: 0.7 }).apply(conv('c1').apply(handed(image)));
  x = base.apply(base.apply(x), { training: false });
  const shared = layers.dense({ name: 'shared', units: 5, activation: 'tanh', activityRegularizer: 'l1' });
  const dropped = layers.dropout({ name: 'drop', rate: 0.3 }).apply(shared.apply(handed(row)));
  const parts = [layers.globalAveragePooling2d({ name: 'average' }).apply(x), shared.apply(dropped)];
  const joined = layers
    .batchNormalization({ name: 'bn3', momentum: 0.7 })
    .apply(layers.concatenate({ name: 'joined' }).apply(parts));
  const outputs = layers.dense({ name: 'head', units: 3, activation: 'softmax' }).apply(joined);
  return new Functional({ name: 'net', inputs: [image, row], outputs }, { threads: 1 });
}

const stream = randomStream('freezing');
const labels = [0, 1, 2, 1, 0, 2, 2, 1];
const [image, row] = [uniform(stream, [8, 6, 6, 2], -2, 2), uniform(stream, [8, 5], -2, 2)];
const rows = ({ data, shape }: Tensor<'float32'>, from: number, to: number) => {
  const size = data.length / shape[0]!;
  return floats(data.slice(from * size, to * size), [to - from, ...shape.slice(1)]);
};
const batch = (from: number, to: number): Batch => ({
  keys: Array.from({ length: to - from }, (_, i) => `${from + i}`),
  inputs: [rows(image, from, to), rows(row, from, to)],
  targets: oneHot(labels.slice(from, to), 3),
});
const data = batches(batch(0, 4), batch(4, 8));

type Flags = Readonly<Record<string, boolean>>;

/** What a network has learned, how far each weight has moved, and the losses on the way. */
async function trained(settled: boolean, flags: Flags) {
  const net = network(settled);
  const known = new Map(everyLayer(net).map((layer) => [layer.name, layer]));
  for (const [name, trainable] of Object.entries(flags)) known.get(name)!.trainable = trainable;
  net.compile({ optimizer: sgd({ learningRate: 0.1, momentum: 0.5 }), loss: 'categoricalCrossentropy' });
  const before = valuesOf(net);
  const { epochs } = await net.fitDataset(data, { epochs: 2 });
  const losses = [...epochs.map(({ loss }) => loss!), (await net.evaluateDataset(data)).loss!];
  const after = valuesOf(net);
  await net.dispose();
  const moved = Object.fromEntries(
    Object.entries(after).map(([path, value]) => [
      path,
      (value!.data as Float32Array).map((w, i) => w - Number(before[path]!.data[i])),
    ]),
  );
  return { losses, moved, tail: net.cut.tail.size };
}

const trainable = ['c1', 'bn1', 'c2', 'bn2', 'shared', 'bn3', 'head'];
const only = (...names: string[]): Flags =>
  Object.fromEntries(trainable.map((name) => [name, names.includes(name)]));

async function expectAlike(flags: Flags): Promise<void> {
  const [cut, whole] = [await trained(true, flags), await trained(false, flags)];
  expect(relativeError(cut.losses, whole.losses)).toBeLessThan(1e-5);
  for (const [path, moved] of Object.entries(whole.moved)) {
    const still = moved.every((change) => change === 0);
    if (still)
      expect(
        cut.moved[path]!.every((change) => change === 0),
        path,
      ).toBe(true);
    else expect(relativeError(cut.moved[path]!, moved), path).toBeLessThan(2e-4);
  }
}

describe('a network whose frozen part is computed once learns what one that computes all at each step learns:', () => {
  test.each<[string, Flags]>([
    ['everything trains', {}],
    ['the head', only('head')],
    ['the head and what is below it', only('bn3', 'head')],
    ['a layer that is called twice', only('shared')],
    ['a layer of a model that is called twice', only('c2', 'head')],
    ['a normalization of that model', only('bn2')],
    ['the lowest, in a frozen model’s stead', { ...only('c1', 'head'), base: false }],
    ['all but the lowest, whose normalization is frozen', only('c2', 'bn2', 'shared', 'bn3', 'head')],
  ])('%s', (_, flags) => expectAlike(flags));

  test('whatever trains', async () => {
    await fc.assert(
      fc.asyncProperty(fc.subarray(trainable, { minLength: 1 }), (names) => expectAlike(only(...names))),
      { numRuns: 8, seed: 11 },
    );
  });

  test('so that there is something to see: the cut has less in its tail', async () => {
    const [cut, whole] = [await trained(true, only('head')), await trained(false, only('head'))];
    expect(cut.tail).toBeLessThan(whole.tail);
  });
});

describe('a normalization', () => {
  const x = () => layers.input({ name: 'x', shape: [5] });
  const net = (options: { training?: boolean }) => {
    const input = x();
    const middle = layers.batchNormalization({ name: 'bn', momentum: 0.5 }).apply(input, options);
    const outputs = layers.dense({ name: 'head', units: 3, activation: 'softmax' }).apply(middle);
    const made = model({ inputs: input, outputs }, { threads: 1 });
    made.compile({ optimizer: sgd({ learningRate: 0.5 }), loss: 'categoricalCrossentropy' });
    return made;
  };
  const rowData = batches({ inputs: row, targets: oneHot(labels, 3) });
  const changed = async (made: Model) => {
    const before = valuesOf(made);
    await made.fitDataset(rowData);
    const after = valuesOf(made);
    return Object.keys(after).filter(
      (path) => relativeError(numbers(after[path]), numbers(before[path])) > 0,
    );
  };
  const numbers = (value: Tensor | undefined) => value!.data as Float32Array;

  test('that trains moves its statistics by those of the batch', async () => {
    const made = net({});
    expect(await changed(made)).toEqual(made.weights.map(({ path }) => path));
    const [mean, variance] = [0, 1].map((which) =>
      Array.from({ length: 5 }, (_, column) => {
        const values = labels.map((_, i) => row.data[i * 5 + column]!);
        const average = values.reduce((sum, v) => sum + v, 0) / 8;
        return which === 0 ? average : values.reduce((sum, v) => sum + (v - average) ** 2, 0) / 8;
      }),
    ) as [number[], number[]];
    expect(
      relativeError(
        numbers(valuesOf(made)['bn/moving_mean']),
        mean.map((m) => m / 2),
      ),
    ).toBeLessThan(1e-6);
    expect(
      relativeError(
        numbers(valuesOf(made)['bn/moving_variance']),
        variance.map((v) => (1 + v) / 2),
      ),
    ).toBeLessThan(1e-6);
    await made.dispose();
  });

  test('that is frozen infers while the rest trains', async () => {
    const made = net({});
    made.getLayer('bn').trainable = false;
    expect(made.cut.frontier.map(({ layer }) => layer.name)).toEqual(['bn']);
    expect(await changed(made)).toEqual(['head/kernel', 'head/bias']);
    made.getLayer('bn').trainable = true; // and trains again, as soon as it may
    expect(await changed(made)).toHaveLength(6);
    await made.dispose();
  });

  test('that is applied in inference keeps its statistics, and is trained', async () => {
    const made = net({ training: false });
    expect(await changed(made)).toEqual(['bn/gamma', 'bn/beta', 'head/kernel', 'head/bias']);
    await made.dispose();
  });
});

describe('flags', () => {
  test('of a model are handed to its layers, and can be set one by one then', () => {
    const net = network(true);
    const base = net.getLayer('base') as Model;
    base.trainable = false;
    expect(base.layers.map((layer) => layer.trainable)).toEqual([false, false, false, false]);
    base.getLayer('c2').trainable = true;
    expect(net.trainableWeights.map(({ path }) => path)).toContain('c2/kernel');
    expect(net.trainableWeights.map(({ path }) => path)).not.toContain('bn2/gamma');
    expect(base.trainableWeights).toEqual([]);
    net.trainable = false;
    net.getLayer('head').trainable = true;
    // As in Keras, a model that is not trainable has no trainable weights, whatever its layers say.
    expect(net.trainableWeights).toEqual([]);
    expect(net.nonTrainableWeights).toEqual(net.weights);
  });

  test('count from the next fit on, with and without another compile', async () => {
    const net = network(true);
    net.compile({ optimizer: sgd({ learningRate: 0.1 }), loss: 'categoricalCrossentropy' });
    const moved = async () => {
      const before = valuesOf(net);
      await net.fitDataset(data);
      const after = valuesOf(net);
      return net.weights.filter(({ path }) => after[path] !== before[path]).map(({ path }) => path);
    };
    for (const layer of net.layers) layer.trainable = layer.name === 'head';
    expect(await moved()).toEqual(['head/kernel', 'head/bias']);
    net.getLayer('c1').trainable = true;
    net.getLayer('head').trainable = false;
    expect(await moved()).toEqual(['c1/kernel', 'c1/bias']);
    net.compile({ optimizer: sgd({ learningRate: 0.1 }), loss: 'categoricalCrossentropy' });
    net.trainable = true;
    expect(await moved()).toHaveLength(net.weights.length);
    await net.dispose();
  });

  test('that were other ones leave values alone that were set since', async () => {
    const net = network(true);
    net.compile({ optimizer: sgd({ learningRate: 0.1 }), loss: 'categoricalCrossentropy' });
    await net.fitDataset(data);
    const layer = net.getLayer('shared');
    layer.trainable = false;
    layer.setWeights(
      layer.getWeights().map(({ shape, data }) =>
        floats(
          (data as Float32Array).map(() => 0.25),
          shape,
        ),
      ),
    );
    await net.fitDataset(data);
    expect(layer.getWeights().every(({ data }) => data.every((value) => value === 0.25))).toBe(true);
    await net.dispose();
  });
});
