import { fileURLToPath } from 'node:url';
import { ShapeError, UsageError } from '../core/errors.ts';
import { packageFile } from '../core/package.ts';
import { conv2d, input, maxPooling2d, preprocessing } from '../layers/layers.ts';
import type { SymbolicTensor } from '../layers/symbolic.ts';
import { Functional } from '../models/functional.ts';
import type { ModelOptions } from '../models/model-options.ts';
import { assignWeights, readWeights } from '../models/weight-files.ts';

/** Filters of the convolutions in each block; a pool ends it. */
const blocks = [
  [64, 64],
  [128, 128],
  [256, 256, 256],
  [512, 512, 512],
  [512, 512, 512],
] as const;

export interface Vgg16Options extends ModelOptions {
  /** The dense layers on top are not there: only `false` is taken. */
  readonly includeTop: false;
  /** [height, width, 3] of preprocessed images, at least 32. Default [224, 224, 3]. Not with `inputTensor`. */
  readonly inputShape?: readonly [number, number, 3];
  /** The output of another layer to stand on, such as `preprocessInput(pixels)`. */
  readonly inputTensor?: SymbolicTensor;
  /** `'imagenet'` (default): the weights that ship; a path: a safetensors file; `null`: none yet. */
  readonly weights?: 'imagenet' | (string & {}) | null;
}

/**
 * VGG16 without its top: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition",
 * ICLR 2015 (arXiv 1409.1556). https://keras.io/api/applications/vgg/
 *
 * 14,714,688 parameters; layers are named as in Keras (`block5_conv3`).
 *
 * @throws {DataError} when the weights cannot be read, or a tensor is missing or has another shape
 * @example
 * const pixels = layers.input({ shape: [224, 224, 'channels'], dtype: 'uint8' });
 * const base = await vgg16({ includeTop: false, inputTensor: preprocessInput(pixels) });
 */
export async function vgg16(options: Vgg16Options): Promise<Functional> {
  const {
    includeTop,
    inputShape = [224, 224, 3],
    inputTensor,
    weights = 'imagenet',
    ...modelOptions
  } = options;
  if (includeTop !== false) throw new UsageError('vgg16: only includeTop: false is available');
  let x = inputTensor ?? input({ shape: inputShape });
  const [, height, width, channels] = x.shape;
  if (channels !== 3 || !(Number(height) >= 32 && Number(width) >= 32)) {
    throw new ShapeError(
      `vgg16: images of at least 32×32 pixels and 3 channels are needed, got [${x.shape}]`,
    );
  }
  blocks.forEach((filters, b) => {
    filters.forEach((count, c) => {
      const name = `block${b + 1}_conv${c + 1}`;
      x = conv2d({ name, filters: count, kernelSize: 3, padding: 'same', activation: 'relu' }).apply(x);
    });
    x = maxPooling2d({ name: `block${b + 1}_pool`, poolSize: 2, strides: 2 }).apply(x);
  });
  let bottom = x;
  while (bottom.inputs.length > 0) bottom = bottom.inputs[0]!;
  const model = new Functional({ inputs: bottom, outputs: x, name: 'vgg16' }, modelOptions);
  if (weights !== null) {
    const path =
      weights === 'imagenet'
        ? fileURLToPath(packageFile('weights/vgg16-imagenet-notop.safetensors'))
        : weights;
    assignWeights(model, await readWeights(path), path);
  }
  return model;
}

/**
 * Pixels 0–255, red first, as VGG16's weights expect them: blue first, less the means of ImageNet.
 * https://keras.io/api/applications/vgg/#preprocess_input-method
 */
export function preprocessInput(pixels: SymbolicTensor): SymbolicTensor {
  return preprocessing({ mode: 'caffe' }).apply(pixels);
}
