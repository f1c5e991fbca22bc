import { describe, expect, test } from 'vitest';
import { floats, rowsAt, type Tensor } from '../src/core/tensor.ts';
import { toCategorical } from '../src/data/to-categorical.ts';
import { loadData } from '../src/datasets/fashion-mnist.ts';
import type { ImagesAndLabels } from '../src/datasets/published.ts';
import type { Layer } from '../src/layers/layer.ts';
import { conv2d, dense, flatten, input, leakyReLU, maxPooling2d } from '../src/layers/layers.ts';
import { type Functional, model } from '../src/models/functional.ts';
import { adam } from '../src/optimizers/optimizers.ts';
import { goldenJson, goldenTensors, sharedData } from './support/goldens.ts';

/** What test/goldens/make_fashion_mnist.py writes of the network that Keras trains. */
interface Golden {
  readonly runs: Readonly<Record<'relu' | 'leakyRelu', Run>>;
}

interface Logs {
  readonly loss: number;
  readonly accuracy: number;
}

interface Run {
  readonly epochs: readonly Logs[];
  readonly test: Logs;
}

const sample = sharedData('fashion-mnist-sample');
const tensors = goldenTensors('fashion_mnist');
const { runs } = goldenJson<Golden>('fashion_mnist');

/** The network of examples/fashion-mnist.ts. */
function network(leaky: boolean): Functional {
  const activation = leaky ? 'linear' : 'relu';
  const activated = (layer: Layer) => (leaky ? [layer, leakyReLU()] : [layer]);
  const pool = () => maxPooling2d({ poolSize: 2, strides: 2 });
  const stack = [
    ...activated(conv2d({ filters: 32, kernelSize: 3, activation })),
    pool(),
    ...activated(conv2d({ filters: 64, kernelSize: 3, activation })),
    pool(),
    ...activated(conv2d({ filters: 64, kernelSize: 3, activation })),
    flatten(),
    ...activated(dense({ units: 64, activation })),
    dense({ units: 10, activation: 'softmax' }),
  ];
  const images = input({ shape: [28, 28, 1] });
  const outputs = stack.reduce((below, layer) => layer.apply(below), images);
  return model({ inputs: images, outputs }, { threads: 2 });
}

const asExamples = ({ images, labels }: ImagesAndLabels) => ({
  x: floats(
    Float32Array.from(images.data, (pixel) => pixel / 255),
    [...images.shape, 1],
  ),
  y: toCategorical(labels, 10),
});

function classesOf({ data, shape: [count, classes] }: Tensor<'float32'>): number[] {
  return Array.from({ length: count! }, (_, i) => {
    const row = data.subarray(i * classes!, (i + 1) * classes!);
    return row.indexOf(Math.max(...row));
  });
}

const relative = (value: number, wanted: number) => Math.abs(value - wanted) / wanted;

describe.skipIf(!sample)('Fashion-MNIST, ../shared/data/fashion-mnist-sample', () => {
  test.each(['relu', 'leakyRelu'] as const)('%s is trained as by Keras', async (name) => {
    const data = await loadData({ path: sample! });
    const [train, held] = [asExamples(data.train), asExamples(data.test)];
    const net = network(name === 'leakyRelu');
    net.setWeights(net.weights.map((_, i) => tensors[`weights/${i}`]!));
    net.compile({
      optimizer: adam({ learningRate: 0.001 }),
      loss: 'categoricalCrossentropy',
      metrics: ['accuracy'],
    });
    const { epochs, test: expected } = runs[name];
    for (const [epoch, wanted] of epochs.entries()) {
      const order = tensors[`order/${epoch}`]!.data as Int32Array;
      const [x, y] = [rowsAt(train.x, order), rowsAt(train.y, order)];
      const { epochs: logs } = await net.fit(x, y, { batchSize: 512, shuffle: false });
      expect(relative(logs[0]!.loss!, wanted.loss), `epoch ${epoch}`).toBeLessThan(1e-3);
      // A few of a thousand images may fall to the other side while weights change.
      expect(Math.abs(logs[0]!.accuracy! - wanted.accuracy), `epoch ${epoch}`).toBeLessThan(0.0025);
    }
    const { loss } = await net.evaluate(held.x, held.y, { batchSize: 512 });
    expect(relative(loss!, expected.loss)).toBeLessThan(1e-3);
    const found = classesOf(await net.predict(held.x, { batchSize: 512 }));
    await net.dispose();
    const wanted = tensors[`predictions/${name}`]!.data as Uint8Array;
    expect(found).toHaveLength(wanted.length);
    expect(found.filter((label, i) => label !== wanted[i]).length).toBeLessThanOrEqual(2);
  });
});
