import type { Layer } from '../layers/layer.ts';
import { conv2d, dense, flatten, input, leakyReLU, maxPooling2d, preprocessing } from '../layers/layers.ts';
import { Functional } from '../models/functional.ts';

/** The tutorial's network: three convolutions, two pools, two dense layers, on grey pixels from 0 to 255. */
export function fashionMnistNetwork(options: {
  readonly classes: number;
  readonly leakyRelu: boolean;
  readonly threads: number;
}): Functional {
  const { classes, leakyRelu, threads } = options;
  const activation = leakyRelu ? 'linear' : 'relu';
  const activated = (layer: Layer): Layer[] =>
    leakyRelu ? [layer, leakyReLU({ name: `${layer.name}_leaky` })] : [layer];
  const stack = [
    preprocessing({ name: 'preprocessing', mode: 'unit' }),
    ...activated(conv2d({ name: 'conv1', filters: 32, kernelSize: 3, activation })),
    maxPooling2d({ name: 'pool1', poolSize: 2, strides: 2 }),
    ...activated(conv2d({ name: 'conv2', filters: 64, kernelSize: 3, activation })),
    maxPooling2d({ name: 'pool2', poolSize: 2, strides: 2 }),
    ...activated(conv2d({ name: 'conv3', filters: 64, kernelSize: 3, activation })),
    flatten({ name: 'flatten' }),
    ...activated(dense({ name: 'dense1', units: 64, activation })),
    dense({ name: 'head', units: classes, activation: 'softmax' }),
  ];
  const images = input({ name: 'images', shape: [28, 28, 1], dtype: 'uint8' });
  const outputs = stack.reduce((below, layer) => layer.apply(below), images);
  return new Functional({ inputs: images, outputs, name: 'fashion_mnist' }, { threads });
}
