import { ShapeError } from '../core/errors.ts';
import { type Dim, formatShape, type Shape } from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import type { Value, ValueSpec } from '../graph/value.ts';
import { reduceSum } from './reduce.ts';

/** [top, left, bottom, right] */
export type Pads = readonly [number, number, number, number];
export type Pair = readonly [number, number];

/** How a window moves over an image. Pairs are [height, width]. */
export interface WindowAttributes {
  /** Default [1, 1]. */
  readonly strides?: Pair;
  /** Default none. */
  readonly pads?: Pads;
  /** Default [1, 1]. */
  readonly dilations?: Pair;
}

export interface ConvAttributes extends WindowAttributes {
  /** Channels fall into this many groups that do not mix. Default 1. */
  readonly groups?: number;
}

/** The geometry of a window, its defaults filled in. */
export interface Window {
  readonly kernel: Pair;
  readonly strides: Pair;
  readonly pads: Pads;
  readonly dilations: Pair;
}

export function windowOf(
  kernel: Pair,
  { strides = [1, 1], pads = [0, 0, 0, 0], dilations = [1, 1] }: WindowAttributes,
): Window {
  return { kernel, strides, pads, dilations };
}

const shown = ({ shape, dtype }: ValueSpec): string => `${dtype}${formatShape(shape)}`;

/** Height and width of what a window gives over `size` pixels; an error if not even one place fits. */
export function windowOutput(
  opType: string,
  x: ValueSpec,
  { kernel, strides, pads, dilations }: Window,
): [number, number] {
  const [height, width] = imageSize(opType, x);
  const places = (size: number, axis: 0 | 1): number => {
    const padded = size + pads[axis] + pads[axis + 2]!;
    return Math.floor((padded - dilations[axis] * (kernel[axis] - 1) - 1) / strides[axis]) + 1;
  };
  const output: [number, number] = [places(height, 0), places(width, 1)];
  if (output[0] < 1 || output[1] < 1) {
    throw new ShapeError(
      `${opType}: a window of ${kernel.join('×')} does not fit into ${shown(x)} with pads [${pads.join(', ')}]`,
    );
  }
  return output;
}

/** Height and width of images [batch, height, width, channels], which are known when a graph is built. */
export function imageSize(opType: string, x: ValueSpec): [number, number] {
  const [, height, width, channels] = x.shape;
  if (
    x.shape.length !== 4 ||
    typeof height !== 'number' ||
    typeof width !== 'number' ||
    typeof channels !== 'number'
  ) {
    throw new ShapeError(
      `${opType}: images [batch, height, width, channels] of known size are needed, got ${shown(x)}`,
    );
  }
  return [height, width];
}

/**
 * Convolution (cross-correlation, as everywhere in this field).
 *
 * x [batch, height, width, channels], w [kernel height, kernel width, channels / groups, filters], b [filters] or
 * absent → [batch, out height, out width, filters]. Lowering chooses the arithmetic.
 */
export const conv2d = defineOp<['x', 'w', 'b?'], ConvAttributes>({
  opType: 'Conv2D',
  inputs: ['x', 'w', 'b?'],
  infer: ([x, w, b], attributes) => {
    const { groups = 1 } = attributes;
    const [kh, kw, inner, filters] = w.shape;
    if (w.rank !== 4 || typeof kh !== 'number' || typeof kw !== 'number' || typeof filters !== 'number') {
      throw new ShapeError(
        `Conv2D: a kernel [height, width, channels / groups, filters] is needed, got ${w}`,
      );
    }
    const [height, width] = windowOutput('Conv2D', x, windowOf([kh, kw], attributes));
    if (x.shape[3] !== (inner as number) * groups || filters % groups !== 0) {
      throw new ShapeError(`Conv2D: the channels of ${x} do not fit the kernel ${w} in ${groups} group(s)`);
    }
    if (b && (b.rank !== 1 || b.shape[0] !== filters)) {
      throw new ShapeError(`Conv2D: the bias of kernel ${w} must have the shape [${filters}], got ${b}`);
    }
    return { shape: [x.shape[0] as Dim, height, width, filters], dtype: x.dtype };
  },
  grad: [
    ({ dy, inputs: [x, w], attributes }): Value => conv2dInputGradient(dy, w, x, attributes),
    ({ dy, inputs: [x, w], attributes }): Value =>
      conv2dFilterGradient(x, dy, { ...attributes, kernel: kernelOf(w.shape) }),
    ({ dy }): Value => reduceSum(dy, { axes: [0, 1, 2] }),
  ],
});

export function kernelOf(shape: Shape): Pair {
  return [shape[0] as number, shape[1] as number];
}

/** The gradient of `conv2d` by its images. `x` gives their shape. */
export const conv2dInputGradient = defineOp<['dy', 'w', 'x'], ConvAttributes>({
  opType: 'Conv2DInputGradient',
  inputs: ['dy', 'w', 'x'],
  infer: ([, , x]) => x,
  grad: [
    ({ dy: g, inputs: [, w], attributes }): Value => conv2d(g, w, undefined, attributes),
    ({ dy: g, inputs: [dy, w], attributes }): Value =>
      conv2dFilterGradient(g, dy, { ...attributes, kernel: kernelOf(w.shape) }),
    null,
  ],
});

export interface ConvTransposeAttributes extends ConvAttributes {
  /** Height and width of what comes out: a size that `conv2d` with the same attributes would make x's of. */
  readonly size: Pair;
}

/**
 * Transposed convolution, what takes the gradient of `conv2d` from its output back to its input.
 *
 * x [batch, height, width, channels], w [kernel height, kernel width, filters / groups, channels] →
 * [batch, …size, filters]. Pads are those of the convolution: they cut what comes out.
 *
 * @example conv2dTranspose(x, w, { strides: [2, 2], pads: [0, 0, 1, 1], size: [28, 28] }) // of 14 × 14, w 3 × 3
 */
export const conv2dTranspose = defineOp<['x', 'w'], ConvTransposeAttributes>({
  opType: 'Conv2DTranspose',
  inputs: ['x', 'w'],
  infer: ([x, w], { size, ...attributes }) => {
    const [, , inner, channels] = w.shape;
    const { groups = 1 } = attributes;
    if (w.rank !== 4 || typeof inner !== 'number' || x.rank !== 4 || x.shape[3] !== channels) {
      throw new ShapeError(
        `Conv2DTranspose: ${x} needs a kernel [height, width, filters / groups, ${x.shape.at(-1)}], got ${w}`,
      );
    }
    const y = { shape: [x.shape[0]!, ...size, inner * groups], dtype: x.dtype };
    const window = windowOf(kernelOf(w.shape), attributes);
    const [height, width] = windowOutput('Conv2DTranspose', y, window);
    if (x.shape[1] !== height || x.shape[2] !== width || (channels as number) % groups !== 0) {
      throw new ShapeError(
        `Conv2DTranspose: a convolution of ${size.join('×')} by ${w} gives ${height}×${width}, not ${x}`,
      );
    }
    return y;
  },
  grad: [
    ({ dy, inputs: [, w], attributes: { size: _, ...attributes } }): Value =>
      conv2d(dy, w, undefined, attributes),
    ({ dy, inputs: [x, w], attributes: { size: _, ...attributes } }): Value =>
      conv2dFilterGradient(dy, x, { ...attributes, kernel: kernelOf(w.shape) }),
  ],
});

/** The gradient of `conv2d` by its kernel. */
export const conv2dFilterGradient = defineOp<['x', 'dy'], ConvAttributes & { readonly kernel: Pair }>({
  opType: 'Conv2DFilterGradient',
  inputs: ['x', 'dy'],
  infer: ([x, dy], { kernel, groups = 1 }) => ({
    shape: [...kernel, (x.shape[3] as number) / groups, dy.shape[3] as Dim],
    dtype: x.dtype,
  }),
  grad: [
    ({ dy: g, inputs: [x, dy], attributes }): Value =>
      conv2dInputGradient(dy, g, x, withoutKernel(attributes)),
    ({ dy: g, inputs: [x], attributes }): Value => conv2d(x, g, undefined, withoutKernel(attributes)),
  ],
});

function withoutKernel({
  kernel: _,
  ...attributes
}: ConvAttributes & { readonly kernel: Pair }): ConvAttributes {
  return attributes;
}
