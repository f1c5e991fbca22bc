import { toFloat16 } from '../../src/core/float16.ts';
import { floats, type Tensor, tensor } from '../../src/core/tensor.ts';
import { Dataset } from '../../src/data/dataset.ts';
import * as layers from '../../src/layers/layers.ts';
import { Functional } from '../../src/models/functional.ts';
import type { Model } from '../../src/models/model.ts';
import { adam } from '../../src/optimizers/optimizers.ts';
import { l2 } from '../../src/regularizers/regularizers.ts';
import { randomStream } from './random.ts';

/** A classifier of small images, 17×17, of which the lower layers are frozen and in half precision. */
export function smallClassifier(): Model {
  const images = layers.input({ name: 'pixels', shape: [17, 17, 'channels'], dtype: 'uint8' });
  let x = layers.preprocessing({ mode: 'torch' }).apply(images);
  x = layers.conv2d({ name: 'low', filters: 16, kernelSize: 3, padding: 'same', trainable: false }).apply(x);
  x = layers.activation({ activation: 'relu' }).apply(x);
  x = layers.maxPooling2d().apply(x);
  const wide = layers.conv2d({
    name: 'high',
    filters: 16,
    kernelSize: [3, 3],
    padding: 'same',
    activation: 'relu',
  });
  const high = wide.apply(x);
  const pooled = [
    layers.globalAveragePooling2d().apply(x),
    layers.flatten().apply(layers.averagePooling2d({ poolSize: [2, 4], strides: 4 }).apply(high)),
  ];
  const joined = layers.dropout({ rate: 0.3 }).apply(layers.concatenate().apply(pooled));
  const head = layers.dense({ name: 'head', units: 3, activation: 'softmax', kernelRegularizer: l2(1e-3) });
  const outputs = head.apply(layers.normalization().apply(joined));
  const model = new Functional({ inputs: images, outputs, name: 'small' }, { threads: 1 });
  model.initialize(3);
  for (const weight of model.getLayer('low').weights) {
    weight.value = tensor('float16', weight.shape, toFloat16(weight.value!.data as Float32Array));
  }
  return model;
}

/** Random bytes for it. */
export function pixels(count: number, channels: 1 | 3): Tensor<'uint8'> {
  const stream = randomStream('pixels', channels);
  const data = Uint8Array.from({ length: count * 17 * 17 * channels }, () => stream.below(256));
  return tensor('uint8', [count, 17, 17, channels], data);
}

/** What it makes of four images. */
export const predictions = (model: Model, channels: 1 | 3 = 3) =>
  model.predict(Dataset.fromArray([{ inputs: pixels(4, channels) }]));

/** The same after two steps. */
export async function trainedClassifier(): Promise<Model> {
  const model = smallClassifier();
  model.compile({ optimizer: adam({ learningRate: 0.01 }), loss: 'categoricalCrossentropy' });
  const targets = floats([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0], [4, 3]);
  await model.fitDataset(Dataset.fromArray([{ inputs: pixels(4, 1), targets }]), { epochs: 2 });
  return model;
}
