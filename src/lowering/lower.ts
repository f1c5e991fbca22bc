import { sameShape } from '../core/shape.ts';
import { atOnce, type Steps } from '../core/turns.ts';
import { topologicalOrder, Value } from '../graph/value.ts';
import {
  type ConvAttributes,
  conv2d,
  conv2dFilterGradient,
  conv2dInputGradient,
  conv2dTranspose,
  kernelOf,
  type Pair,
} from '../ops/conv.ts';
import { matMul } from '../ops/linear.ts';
import {
  averagePool2d,
  averagePool2dGradient,
  maxPool2d,
  maxPool2dGradient,
  type PoolAttributes,
  poolWindow,
} from '../ops/pool.ts';
import { type ReduceAttributes, reduceSum } from '../ops/reduce.ts';
import { reshape, transpose } from '../ops/shaping.ts';
import { convRule, convShape } from './conv.ts';
import {
  asPlain,
  cleaned,
  convert,
  type Layout,
  type Lowered,
  plain,
  rowsOf,
  sizeOfImages,
} from './layout.ts';
import { lowerAveragePool, lowerAveragePoolGradient, lowerMaxPool, lowerMaxPoolGradient } from './pool.ts';
import type { Purpose } from './tiling-table.ts';

/** A rewrite of one operator into others; `undefined` where it does not apply. */
type Rule = (node: Value, inputs: readonly (Lowered | undefined)[], purpose: Purpose) => Lowered | undefined;

const pooledSize = (node: Value) => sizeOfImages(node).slice(0, 2) as [number, number];
const windowOfPool = (node: Value) => poolWindow(node.attributes as unknown as PoolAttributes);
const convAttributes = (node: Value) => node.attributes as ConvAttributes;

/** Operators that are not ONNX's, or that another layout than the plain one suits. */
const rules = new Map<Value['op'], Rule>([
  [
    conv2d.op,
    (node, [x, w, b], purpose) => {
      const shape = convShape(kernelOf(w!.shape), convAttributes(node), x!, node, purpose);
      return convRule(shape).forward(x!, w!.value, b?.value, shape);
    },
  ],
  [
    conv2dInputGradient.op,
    (node, [dy, w, x], purpose) => {
      const shape = convShape(kernelOf(w!.shape), convAttributes(node), x!, dy!, purpose);
      return convRule(shape).inputGradient(dy!, w!.value, x!, shape);
    },
  ],
  [
    conv2dTranspose.op,
    (node, [x, w], purpose) => {
      const images = { shape: node.shape, layout: plain };
      const shape = convShape(kernelOf(w!.shape), convAttributes(node), images, x!, purpose);
      return convRule(shape).inputGradient(x!, w!.value, images, shape);
    },
  ],
  [
    conv2dFilterGradient.op,
    (node, [x, dy], purpose) => {
      const { kernel, ...attributes } = convAttributes(node) as ConvAttributes & { kernel: Pair };
      const shape = convShape(kernel, attributes, x!, dy!, purpose);
      return asPlain(convRule(shape).filterGradient(x!, dy!, shape));
    },
  ],
  [maxPool2d.op, (node, [x], purpose) => lowerMaxPool(x!, windowOfPool(node), pooledSize(node), purpose)],
  [averagePool2d.op, (node, [x]) => lowerAveragePool(x!, windowOfPool(node), pooledSize(node))],
  [maxPool2dGradient.op, (node, [dy, x, y]) => lowerMaxPoolGradient(dy!, x!, y!, windowOfPool(node))],
  [averagePool2dGradient.op, (node, [dy, x]) => lowerAveragePoolGradient(dy!, x!, windowOfPool(node))],
  [reduceSum.op, (node, [x]) => sumOfPixels(node, x!)],
]);

/** A sum over all pixels, as of a bias' gradient, needs no particular order of them. */
function sumOfPixels(node: Value, x: Lowered): Lowered | undefined {
  const { axes, keepDims = false } = node.attributes as ReduceAttributes;
  const pixels = axes?.map((axis) => (axis < 0 ? axis + 4 : axis)).sort((a, b) => a - b);
  if (keepDims || pixels?.join() !== '0,1,2') return undefined;
  if (x.layout.kind === 'imagesLast') return asPlain(reduceSum(x.value, { axes: [0, 1, 3] }));
  if (x.layout.kind !== 'tiles') return undefined;
  return asPlain(reduceSum(rowsOf(cleaned(x)).rows.value, { axes: [0] }));
}

/** Functions that keep zero at zero, so that clean rows stay so. */
const keepsZero = new Set([
  ...['Relu', 'Neg', 'Abs', 'Tanh', 'Sqrt', 'Sign', 'Erf', 'Sin', 'Floor', 'Ceil', 'Round', 'Identity'],
]);

function staysClean(node: Value, images: readonly Lowered[]): boolean {
  const { opType } = node.op;
  if (opType === 'Mul') return images.some(({ clean }) => clean);
  if (opType === 'Div')
    return images[0]!.clean && images.length === 1 && sameShape(images[0]!.shape, node.inputs[0]!.shape);
  return (
    (keepsZero.has(opType) || ((opType === 'Add' || opType === 'Sub') && images.length === 2)) &&
    images.every(({ clean }) => clean)
  );
}

/** An operand that has no pixels (a scalar, or a number a channel) in a form that broadcasts in `layout`. */
function besideImages({ value, shape }: Lowered, layout: Layout): Value | undefined {
  if (shape.length === 0) return value;
  if (shape.slice(0, -1).some((dim) => dim !== 1)) return undefined;
  const channels = shape.at(-1)!;
  const inner = { channelsFirst: [1, 1], imagesLast: [1], tiles: [], plain: [] }[layout.kind];
  return reshape(value, { shape: [channels, ...inner] });
}

/** Element-wise operators run in whatever layout their images are in. */
function lowerElementwise(node: Value, inputs: readonly Lowered[]): Lowered | undefined {
  const layout =
    inputs.map((input) => input.layout).find(({ kind }) => kind === 'tiles') ??
    inputs.map((input) => input.layout).find(({ kind }) => kind !== 'plain');
  if (!layout) return undefined;
  const images: Lowered[] = [];
  const operands: Value[] = [];
  for (const input of inputs) {
    const isImages = sameShape(input.shape, node.shape);
    if (isImages) images.push(convert(input, layout));
    const operand = isImages ? images.at(-1)!.value : besideImages(input, layout);
    if (!operand) return undefined;
    operands.push(operand);
  }
  if (!images[0]) return undefined;
  return {
    value: new Value(node.op, operands, node.attributes, { shape: images[0].value.shape, dtype: node.dtype }),
    layout,
    shape: node.shape,
    clean: layout.kind !== 'tiles' || staysClean(node, images),
  };
}

/** The same operator on other inputs. */
function rebuilt(node: Value, inputs: readonly (Value | undefined)[]): Value {
  return node.inputs.every((input, i) => input === inputs[i])
    ? node
    : new Value(node.op, inputs, node.attributes, node);
}

/** The same values with what ONNX lacks written in other operators. */
function composed(given: readonly Value[]): readonly Value[] {
  let outputs = given;
  for (;;) {
    const order = topologicalOrder(outputs);
    if (!order.some(({ op }) => op.compose)) return outputs;
    const written = new Map<Value, Value>();
    for (const node of order) {
      const inputs = node.inputs.map((input) => input && written.get(input)!);
      written.set(node, node.op.compose?.(inputs, node.attributes) ?? rebuilt(node, inputs));
    }
    outputs = outputs.map((output) => written.get(output)!);
  }
}

/**
 * The same values in operators that ONNX has, the arithmetic of each chosen for its shapes and purpose.
 *
 * @returns the lowered `outputs`, in their order and of their shapes
 */
export function lower(outputs: readonly Value[], purpose: Purpose): Value[] {
  return atOnce(lowerStepwise(outputs, purpose));
}

/** `lower` in steps: a large network takes a while. */
export function* lowerStepwise(given: readonly Value[], purpose: Purpose): Steps<Value[]> {
  const outputs = composed(given);
  const lowered = new Map<Value, Lowered>();
  for (const node of topologicalOrder(outputs)) {
    const inputs = node.inputs.map((input) => input && lowered.get(input)!);
    const result =
      rules.get(node.op)?.(node, inputs, purpose) ??
      (node.op.elementwise ? lowerElementwise(node, inputs as Lowered[]) : undefined) ??
      asPlain(
        rebuilt(
          node,
          inputs.map((input) => input && convert(input, plain).value),
        ),
      );
    lowered.set(node, result);
    yield;
  }
  const results = outputs.map((output) => convert(lowered.get(output)!, plain).value);
  return purpose === 'portable' ? withPlainProducts(results) : results;
}

/** A product that turns its operands over by itself is ONNX Runtime's alone; elsewhere Transpose does that. */
function withPlainProducts(outputs: readonly Value[]): Value[] {
  const turned = (x: Value, flag: unknown) => {
    const axes = x.shape.map((_, axis) => axis);
    return flag ? transpose(x, { perm: [...axes.slice(0, -2), x.rank - 1, x.rank - 2] }) : x;
  };
  const written = new Map<Value, Value>();
  for (const node of topologicalOrder(outputs)) {
    const { transposeA, transposeB } = node.attributes;
    const inputs = node.inputs.map((input) => input && written.get(input)!);
    const isProduct = node.op === matMul.op && (transposeA || transposeB);
    const [a, b] = inputs as [Value, Value];
    written.set(
      node,
      isProduct ? matMul(turned(a, transposeA), turned(b, transposeB)) : rebuilt(node, inputs),
    );
  }
  return outputs.map((output) => written.get(output)!);
}
