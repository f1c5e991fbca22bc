import type { Dim } from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import type { Value, ValueSpec } from '../graph/value.ts';
import { type Pads, type Pair, windowOf, windowOutput } from './conv.ts';

export interface PoolAttributes {
  /** [height, width] */
  readonly poolSize: Pair;
  /** Default: the pool size. */
  readonly strides?: Pair;
  /** Default none. What lies in them takes no part. */
  readonly pads?: Pads;
}

/** The geometry of a pool, its defaults filled in. */
export function poolWindow({ poolSize, strides = poolSize, pads }: PoolAttributes) {
  return windowOf(poolSize, { strides, ...(pads && { pads }) });
}

function pooled(opType: string, x: Value, attributes: PoolAttributes): ValueSpec {
  const [height, width] = windowOutput(opType, x, poolWindow(attributes));
  return { shape: [x.shape[0] as Dim, height, width, x.shape[3] as Dim], dtype: x.dtype };
}

/** The largest element of each window of images [batch, height, width, channels]. */
export const maxPool2d = defineOp<['x'], PoolAttributes>({
  opType: 'MaxPool2D',
  inputs: ['x'],
  infer: ([x], attributes) => pooled('MaxPool2D', x, attributes),
  grad: [({ dy, y, inputs: [x], attributes }): Value => maxPool2dGradient(dy, x, y, attributes)],
});

/** The gradient of `maxPool2d`: of equal elements the first of a window (row by row) takes it all, as in TensorFlow. */
export const maxPool2dGradient = defineOp<['dy', 'x', 'y'], PoolAttributes>({
  opType: 'MaxPool2DGradient',
  inputs: ['dy', 'x', 'y'],
  infer: ([, x]) => x,
});

/** The mean of each window, over what lies inside the image, as in TensorFlow. */
export const averagePool2d = defineOp<['x'], PoolAttributes>({
  opType: 'AveragePool2D',
  inputs: ['x'],
  infer: ([x], attributes) => pooled('AveragePool2D', x, attributes),
  grad: [({ dy, inputs: [x], attributes }): Value => averagePool2dGradient(dy, x, attributes)],
});

/** The gradient of `averagePool2d`; `x` gives the shape. */
export const averagePool2dGradient = defineOp<['dy', 'x'], PoolAttributes>({
  opType: 'AveragePool2DGradient',
  inputs: ['dy', 'x'],
  infer: ([, x]) => x,
});
