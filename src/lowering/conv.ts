import { multiplyDims } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { type ConvAttributes, type Pair, type Window, windowOf } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reshape, slice, transpose } from '../ops/shaping.ts';
import {
  batchOf,
  channelsFirst,
  cleaned,
  convert,
  fromRows,
  type Images,
  type Lowered,
  plain,
  rowLayout,
  rowsOf,
  sizeOfImages,
} from './layout.ts';
import { onnxConv, onnxConvTranspose } from './onnx-ops.ts';
import { pick } from './rows.ts';
import { stackedFilterGradient, stackedForward, stackedInputGradient } from './stacked-winograd.ts';
import { isSmall, type Purpose, winogradSize } from './tiling-table.ts';
import { windowsFilterGradient, windowsForward } from './windows.ts';
import { winogradFilterGradient, winogradForward, winogradInputGradient } from './winograd.ts';

/** A convolution y = x ∗ w, or one of its gradients, by what its rules choose from. */
export interface ConvShape {
  readonly window: Window;
  readonly groups: number;
  /** Height, width and channels. */
  readonly input: readonly [number, number, number];
  readonly output: readonly [number, number, number];
  readonly purpose: Purpose;
}

export function convShape(
  kernel: Pair,
  { groups = 1, ...window }: ConvAttributes,
  x: Pick<Lowered, 'shape'>,
  y: Pick<Lowered, 'shape'>,
  purpose: Purpose,
): ConvShape {
  return {
    window: windowOf(kernel, window),
    groups,
    input: sizeOfImages(x),
    output: sizeOfImages(y),
    purpose,
  };
}

/** One way to compute a convolution: where it applies, and its three directions in other operators. */
interface ConvRule {
  readonly name: string;
  applies(shape: ConvShape): boolean;
  forward(x: Lowered, w: Value, b: Value | undefined, shape: ConvShape): Lowered;
  /** Of `x` only the shape counts, and the layout that suits it. */
  inputGradient(dy: Lowered, w: Value, x: Images, shape: ConvShape): Lowered;
  filterGradient(x: Lowered, dy: Lowered, shape: ConvShape): Value;
}

const all = (values: readonly number[], value: number) => values.every((v) => v === value);

/** A kernel of one pixel is a product of matrices, whatever the order of the rows. */
const product: ConvRule = {
  name: 'product',
  applies: ({ window: { kernel, strides, pads }, groups }) =>
    groups === 1 && all(kernel, 1) && all(strides, 1) && all(pads, 0),
  forward(x, w, b, { output, input }) {
    const rowLike = convert(x, rowLayout(x));
    const { rows } = rowsOf(rowLike);
    const y = matMul(rows.value, reshape(w, { shape: [input[2], output[2]] }));
    return fromRows(b ? add(y, b) : y, rowLike.layout, [batchOf(x), ...output], rowLike.clean && !b);
  },
  inputGradient(dy, w, x, { input, output }) {
    const rowLike = convert(dy, rowLayout(dy));
    const dx = matMul(rowsOf(rowLike).rows.value, reshape(w, { shape: [input[2], output[2]] }), {
      transposeB: true,
    });
    return fromRows(dx, rowLike.layout, x.shape, rowLike.clean);
  },
  filterGradient(x, dy, { input, output }) {
    const clean = cleaned(convert(dy, rowLayout(dy)));
    const rows = rowsOf(convert(x, clean.layout)).rows.value;
    const dw = matMul(rows, rowsOf(clean).rows.value, { transposeA: true });
    return reshape(dw, { shape: [1, 1, input[2], output[2]] });
  },
};

const winograd: ConvRule = {
  name: 'winograd',
  applies: (shape) => winogradSize(shape) !== undefined,
  forward(x, w, b, shape) {
    const y = winogradForward(x, w, winogradSize(shape)!, shape.window, shape.output);
    return b ? { ...y, value: add(y.value, b) } : y;
  },
  inputGradient: (dy, w, x, shape) =>
    winogradInputGradient(cleaned(dy), w, x, winogradSize(shape)!, shape.window),
  filterGradient: (x, dy, shape) =>
    winogradFilterGradient(x, cleaned(dy), winogradSize(shape)!, shape.window),
};

/** What is left: ONNX's own operators; the kernel's gradient by a product over the windows, where channels mix. */
const direct: ConvRule = {
  name: 'Conv',
  applies: () => true,
  forward(x, w, b, { window, groups, output: [height, width, filters] }) {
    const kernel = transpose(w, { perm: [3, 2, 0, 1] });
    const form = { window, groups, output: [height, width] } as const;
    const y = onnxConv(convert(x, channelsFirst).value, kernel, b, form);
    return { value: y, layout: channelsFirst, shape: [batchOf(x), height, width, filters], clean: true };
  },
  inputGradient(dy, w, x, { window, groups, input: [height, width], output }) {
    const { kernel, strides, pads, dilations } = window;
    const reached = (axis: 0 | 1) =>
      (output[axis] - 1) * strides[axis] +
      dilations[axis] * (kernel[axis] - 1) +
      1 -
      pads[axis] -
      pads[axis + 2]!;
    const dx = onnxConvTranspose(convert(dy, channelsFirst).value, transpose(w, { perm: [3, 2, 0, 1] }), {
      window,
      groups,
      output: [height, width],
      outputPadding: [height - reached(0), width - reached(1)],
    });
    return { value: dx, layout: channelsFirst, shape: x.shape, clean: true };
  },
  filterGradient: (x, dy, shape) =>
    shape.groups === 1 ? windowsProduct(x, dy, shape) : swappedConv(x, dy, shape),
};

/** dW = windowsᵀ · dY, the windows of x gathered into rows [batch · places, kernel · channels]. */
function windowsProduct(
  x: Lowered,
  dy: Lowered,
  { window, input: [height, width, channels], output }: ConvShape,
): Value {
  const { kernel, strides, pads, dilations } = window;
  const [kernelSize, places] = [kernel[0] * kernel[1], output[0] * output[1]];
  const { rows, order } = rowsOf(x);
  const picked = pick(rows, 1, places * kernelSize, (_, at) => {
    const [place, offset] = [Math.floor(at / kernelSize), at % kernelSize];
    const y =
      Math.floor(place / output[1]) * strides[0] + Math.floor(offset / kernel[1]) * dilations[0] - pads[0];
    const px = (place % output[1]) * strides[1] + (offset % kernel[1]) * dilations[1] - pads[1];
    return y >= 0 && y < height && px >= 0 && px < width ? order.address(y, px) : undefined;
  });
  const windows = reshape(picked, { shape: [multiplyDims(places, batchOf(x)), kernelSize * channels] });
  const dw = matMul(windows, rowsOf(convert(dy, plain)).rows.value, { transposeA: true });
  return reshape(dw, { shape: [...kernel, channels, output[2]] });
}

/** dW as a convolution of x by dY with batch and channels swapped, strides and dilations too, group by group. */
function swappedConv(x: Lowered, dy: Lowered, { window, groups, input, output }: ConvShape): Value {
  const [height, width, channels] = input;
  const [outHeight, outWidth, filters] = output;
  const batch = batchOf(x);
  // [batch, groups, channels / group, h, w] → [channels / group, groups · batch, h, w]
  const split = reshape(convert(x, channelsFirst).value, {
    shape: [batch, groups, channels / groups, height, width],
  });
  const images = reshape(transpose(split, { perm: [2, 1, 0, 3, 4] }), {
    shape: [channels / groups, multiplyDims(groups, batch), height, width],
  });
  const kernel = transpose(convert(dy, channelsFirst).value, { perm: [1, 0, 2, 3] });
  const [strides, dilations, pads] = [window.dilations, window.strides, window.pads];
  const reach = (axis: 0 | 1) =>
    Math.floor(
      (input[axis] + pads[axis] + pads[axis + 2]! - dilations[axis] * (output[axis] - 1) - 1) / strides[axis],
    ) + 1;
  const swapped = { kernel: [outHeight, outWidth], strides, dilations, pads } as const;
  const dw = onnxConv(images, kernel, undefined, { window: swapped, groups, output: [reach(0), reach(1)] });
  const [kh, kw] = window.kernel;
  const cut = slice(dw, { starts: [0, 0], ends: [kh, kw], axes: [2, 3] });
  return reshape(transpose(cut, { perm: [2, 3, 0, 1] }), { shape: [kh, kw, channels / groups, filters] });
}

/** Small images with few channels, the batch innermost. */
const stackedWinograd: ConvRule = {
  name: 'stacked Winograd',
  applies: (shape) => isSmall(shape) === 'channels',
  forward(x, w, b, { window, output }) {
    const y = stackedForward(x, w, window, output);
    return b ? { ...y, value: add(y.value, reshape(b, { shape: [output[2], 1] })) } : y;
  },
  inputGradient: (dy, w, x, { window }) => stackedInputGradient(dy, w, x, window),
  filterGradient: (x, dy, { window }) => stackedFilterGradient(x, dy, window),
};

/** Small images whose windows hold few numbers, as in a network's first layer. */
const windows: ConvRule = {
  name: 'windows',
  applies: (shape) => isSmall(shape) === 'window',
  forward: (x, w, b, { window, output }) => windowsForward(x, w, b, window, output),
  inputGradient: direct.inputGradient,
  filterGradient: (x, dy, { window }) => windowsFilterGradient(x, dy, window),
};

/** In order of preference; the last always applies. */
const rules: readonly ConvRule[] = [product, stackedWinograd, windows, winograd, direct];

export function convRule(shape: ConvShape): ConvRule {
  return rules.find((rule) => rule.applies(shape))!;
}
