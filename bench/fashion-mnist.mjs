import { conv2d, dense, flatten, input, maxPooling2d } from '../dist/modules/layers/layers.js';
import { model } from '../dist/modules/models/functional.js';

/** The network of examples/fashion-mnist.ts. */
export function fashionMnistNetwork(options) {
  const conv = (filters) => conv2d({ filters, kernelSize: 3, activation: 'relu' });
  const pool = () => maxPooling2d({ poolSize: 2, strides: 2 });
  const stack = [
    conv(32),
    pool(),
    conv(64),
    pool(),
    conv(64),
    flatten(),
    dense({ units: 64, activation: 'relu' }),
    dense({ units: 10, activation: 'softmax' }),
  ];
  const images = input({ shape: [28, 28, 1] });
  return model(
    { inputs: images, outputs: stack.reduce((below, layer) => layer.apply(below), images) },
    options,
  );
}
