import { topologicalOrder, Value } from '../graph/value.ts';
import { type ConvAttributes, conv2d, kernelOf, type Pads, type Window, windowOf } from '../ops/conv.ts';
import { add, relu } from '../ops/elementwise.ts';
import { maxPool2d, type PoolAttributes, poolWindow } from '../ops/pool.ts';
import { leakyRelu } from '../ops/rectifiers.ts';
import { slice } from '../ops/shaping.ts';
import { convShape } from './conv.ts';
import { isSmall } from './tiling-table.ts';

/**
 * What is done to a graph before its gradients are taken, so that they have less to compute too. It concerns max pools
 * of small convolutions (`isSmall`): there, moving activations costs more than multiplying.
 */

type Size = readonly [height: number, width: number];
type Inputs = readonly (Value | undefined)[];

/**
 * These values with less to compute: pools go below biases and activations, and what no pool reads is not computed.
 * Inputs and constants, and all that does not change, stay who they are.
 *
 * @returns for each of `outputs`, what to take in its place
 */
export function rearranged(outputs: readonly Value[]): (output: Value) => Value {
  const results = withoutUnread(withPoolsFirst(outputs));
  const places = new Map(outputs.map((output, i) => [output, results[i]!]));
  return (output) => places.get(output)!;
}

function isSmallConv(node: Value): boolean {
  if (node.op !== conv2d.op) return false;
  const [x, w] = node.inputs as [Value, Value];
  return (
    isSmall(convShape(kernelOf(w.shape), node.attributes as ConvAttributes, x, node, 'training')) !==
    undefined
  );
}

function rebuilt(node: Value, inputs: Inputs): Value {
  return inputs.every((input, i) => input === node.inputs[i])
    ? node
    : new Value(node.op, inputs, node.attributes, node);
}

/** How often each value is read, outputs counted. */
function readers(outputs: readonly Value[]): Map<Value, number> {
  const counts = new Map<Value, number>();
  const count = (value: Value) => counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const value of outputs) count(value);
  for (const { inputs } of topologicalOrder(outputs)) for (const input of inputs) if (input) count(input);
  return counts;
}

/** An activation that never falls, so that the largest of its values is that of the largest. */
function isRising({ op, attributes }: Value): boolean {
  return op === relu.op || (op === leakyRelu.op && (attributes.alpha as number) >= 0);
}

/** A largest value is the same before a bias and a rising activation as behind them, and then there are fewer to compute. */
function withPoolsFirst(outputs: readonly Value[]): Value[] {
  const counts = readers(outputs);
  const written = new Map<Value, Value>();
  /** The pool of `x`, which stands for what was written as `original`. */
  const pooled = (x: Value, original: Value, attributes: PoolAttributes): Value | undefined => {
    if (counts.get(original) !== 1) return undefined;
    if (isRising(x)) {
      const inner = pooled(x.inputs[0]!, original.inputs[0]!, attributes);
      return inner && new Value(x.op, [inner], x.attributes, inner);
    }
    if (!isSmallConv(x)) return undefined;
    const [images, kernel, bias] = x.inputs as [Value, Value, Value?];
    const inner = maxPool2d(conv2d(images, kernel, undefined, x.attributes as ConvAttributes), attributes);
    return bias ? add(inner, bias) : inner;
  };
  for (const node of topologicalOrder(outputs)) {
    const inputs = node.inputs.map((input) => input && written.get(input)!);
    const first =
      node.op === maxPool2d.op
        ? pooled(inputs[0]!, node.inputs[0]!, node.attributes as unknown as PoolAttributes)
        : undefined;
    written.set(node, first ?? rebuilt(node, inputs));
  }
  return outputs.map((output) => written.get(output)!);
}

/** Height and width of images; of anything else nothing is left out. */
function imageSize({ shape }: Value): Size {
  const [, height, width] = shape;
  return shape.length === 4 && typeof height === 'number' && typeof width === 'number'
    ? [height, width]
    : [0, 0];
}

const isSmaller = (a: Size, b: Size): boolean => a[0] < b[0] || a[1] < b[1];

const windowOfNode = (node: Value): Window =>
  node.op === conv2d.op
    ? windowOf(kernelOf(node.inputs[1]!.shape), node.attributes as ConvAttributes)
    : poolWindow(node.attributes as unknown as PoolAttributes);

/** What of its input a window reads to give an output of this size, from the top and the left. */
function reach({ kernel, strides, pads, dilations }: Window, output: Size): Size {
  const along = (axis: 0 | 1) =>
    (output[axis] - 1) * strides[axis] + dilations[axis] * (kernel[axis] - 1) + 1 - pads[axis];
  return [along(0), along(1)];
}

/** Whether a part of it can be computed without the rest. */
function isDivisible(node: Value): boolean {
  const [x, beside] = node.inputs;
  if (node.op === maxPool2d.op || isRising(node)) return isDivisible(x!);
  if (node.op === add.op) return beside!.rank === 1 && isDivisible(x!);
  return isSmallConv(node);
}

/** Pools that do not divide their images leave a border unread, which need not be computed, nor what it alone is made of. */
function withoutUnread(outputs: readonly Value[]): Value[] {
  const order = topologicalOrder(outputs);
  const wanted = new Map<Value, Size>();
  const want = (value: Value, [height, width]: Size) => {
    const known = wanted.get(value) ?? [0, 0];
    const whole = imageSize(value);
    wanted.set(value, [
      Math.min(whole[0], Math.max(height, known[0])),
      Math.min(whole[1], Math.max(width, known[1])),
    ]);
  };
  for (const output of outputs) want(output, imageSize(output));
  for (const node of order.toReversed()) {
    const size = wanted.get(node)!;
    const readsPart = node.op === maxPool2d.op || isDivisible(node);
    node.inputs.forEach((input, i) => {
      if (!input) return;
      if (i > 0 || !readsPart || !isDivisible(input)) want(input, imageSize(input));
      else want(input, isWindowed(node) ? reach(windowOfNode(node), size) : size);
    });
  }
  const written = new Map<Value, Value>();
  for (const node of order) {
    const inputs = node.inputs.map((input) => input && written.get(input)!);
    const size = wanted.get(node)!;
    const [before, after] = [node.inputs[0], inputs[0]];
    const isCut =
      isSmaller(size, imageSize(node)) || (before && isSmaller(imageSize(after!), imageSize(before)));
    written.set(node, isCut ? cut(node, size, inputs) : rebuilt(node, inputs));
  }
  return outputs.map((output) => written.get(output)!);
}

/** A divisible node, or a pool, of this size. */
function cut(node: Value, size: Size, inputs: Inputs): Value {
  const [x, ...others] = inputs as [Value, ...Inputs];
  if (!isWindowed(node)) {
    const part = top(x, size);
    return new Value(node.op, [part, ...others], node.attributes, { shape: part.shape, dtype: node.dtype });
  }
  const window = windowOfNode(node);
  const read = reach(window, size);
  const part = top(x, read);
  const [height, width] = imageSize(part);
  const pads: Pads = [window.pads[0], window.pads[1], read[0] - height, read[1] - width];
  return node.op === conv2d.op
    ? conv2d(part, others[0]!, others[1], { ...(node.attributes as ConvAttributes), pads })
    : maxPool2d(part, { ...(node.attributes as unknown as PoolAttributes), pads });
}

/** The part of images from the top and the left that has this size at most. */
function top(images: Value, size: Size): Value {
  const ends = imageSize(images).map((count, axis) => Math.min(count, size[axis]!));
  return ends.every((end, axis) => end === imageSize(images)[axis])
    ? images
    : slice(images, { starts: [0, 0], ends, axes: [1, 2] });
}

const isWindowed = ({ op }: Value): boolean => op === conv2d.op || op === maxPool2d.op;
