import { gradient } from '../../src/autodiff/gradient.ts';
import type { Shape } from '../../src/core/shape.ts';
import { tensor, zeros } from '../../src/core/tensor.ts';
import { constant, input } from '../../src/graph/leaves.ts';
import type { Value } from '../../src/graph/value.ts';
import * as conv from '../../src/ops/conv.ts';
import * as elementwise from '../../src/ops/elementwise.ts';
import { matMul } from '../../src/ops/linear.ts';
import { averagePool2d, maxPool2d, type PoolAttributes } from '../../src/ops/pool.ts';
import {
  expandDims,
  flip,
  moveAxis,
  padEdges,
  repeatElements,
  split,
  squeeze,
  stack,
  tile,
} from '../../src/ops/rearranging.ts';
import {
  elu,
  hardSigmoid,
  leakyRelu,
  relu6,
  softsign,
  sparsemax,
  squareplus,
} from '../../src/ops/rectifiers.ts';
import {
  argMax,
  cumSum,
  logSumExp,
  moments,
  type ReduceAttributes,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProd,
  reduceSum,
} from '../../src/ops/reduce.ts';
import {
  broadcastLike,
  concat,
  expandTo,
  gather,
  gatherRows,
  pad,
  repeatLastAxis,
  reshape,
  scatterAdd,
  slice,
  takeAlong,
  transpose,
} from '../../src/ops/shaping.ts';
import { logSoftmax, softmax, softmaxCrossEntropy } from '../../src/ops/softmax.ts';
import { sort, topK, topKIndices } from '../../src/ops/sorting.ts';
import { dropout } from '../../src/ops/threefry.ts';
import type { GradientRow } from './check-gradient.ts';
import { keyTensor, randomStream, uniform } from './random.ts';

const {
  abs,
  add,
  cast,
  div,
  exp,
  log,
  maximum,
  minimum,
  mul,
  neg,
  relu,
  sigmoid,
  softplus,
  sqrt,
  sub,
  tanh,
} = elementwise;
const { clip, cos, erf, expm1, greater, log1p, pow, reciprocal, rsqrt, sin, square, where } = elementwise;
const { conv2d, conv2dFilterGradient, conv2dInputGradient, conv2dTranspose, kernelOf } = conv;

/** Any number of arguments: each row calls its function with as many as it has shapes. */
// biome-ignore lint/suspicious/noExplicitAny: arguments by position
type F = (...values: any[]) => Value;

/** `'batch,3 4 ()'` for the shapes [batch, 3], [4] and []. */
function parseShapes(text: string): Shape[] {
  const dim = (part: string) => (part === 'batch' ? part : Number(part));
  return text.split(' ').map((shape) => (shape === '()' ? [] : shape.split(',').map(dim)));
}

const row = (name: string, shapes: string, f: F, at: GradientRow['at'] = 'anywhere'): GradientRow => ({
  name: `${name} of ${shapes}`,
  shapes: parseShapes(shapes),
  f,
  at,
});
const named = Object.entries<F>;
const shown = (value: unknown) => JSON.stringify(value).replaceAll('"', '');
const flags = [false, true];

const bools = (values: number[]) => tensor('bool', [values.length], Uint8Array.from(values));

const elementwiseRows = [
  ...named({ neg, exp, tanh, sigmoid, softplus, sin, cos, erf, expm1, square }).map(([name, f]) =>
    row(name, 'batch,3', f),
  ),
  ...named({ log, sqrt, reciprocal, rsqrt, log1p }).map(([name, f]) => row(name, '2,3', f, 'positive')),
  row('squareplus', '3,4', (x) => squareplus(mul(x, constant(3)), { b: 2 }), 'spaced'),
  row('relu6', '3,4', (x) => relu6(mul(x, constant(8))), 'spaced'),
  row('leakyRelu', '3,4', (x) => leakyRelu(x, { alpha: 0.3 }), 'spaced'),
  row('elu', '3,4', (x) => elu(x, { alpha: 0.3 }), 'spaced'),
  row('hardSigmoid', '3,4', (x) => hardSigmoid(x, { alpha: 0.5, beta: 0.5 }), 'spaced'),
  row('clip', '3,4', (x) => clip(x, { min: -1, max: 0.75 }), 'spaced'),
  row('pow by a constant', '2,3', (x) => pow(x, constant(3))),
  row('pow by zero', '2,3', (x) => add(pow(x, constant(0)), x)),
  row('where', '2,3', (x) => where(greater(x, constant(0)), x, mul(x, x)), 'spaced'),
  row('where of rows', 'batch,3 3', (a, b) => where(constant(bools([1, 0, 1])), a, b)),
  ...named({ relu, abs, softsign }).map(([name, f]) => row(name, '3,4', f, 'spaced')),
  row('cast', '2,3', (x) => cast(cast(x, { to: 'float64' }), { to: 'float32' })),
  ...['2,3 2,3', '3 2,3', '2,1,3 4,1', '2,3 ()', 'batch,3 3', 'batch,1 3'].flatMap((shapes) => [
    ...named({ add, sub, mul, div, pow }).map(([name, f]) => row(name, shapes, f, 'positive')),
    ...named({ maximum, minimum }).map(([name, f]) =>
      row(name, shapes, (a, b) => f(a, add(b, constant(1 / 8))), 'spaced'),
    ),
  ]),
];

const productRows = [
  ...flags.flatMap((transposeA) =>
    flags.map((transposeB) => {
      const shapes = `${transposeA ? '4,3' : '3,4'} ${transposeB ? '2,5,4' : '2,4,5'}`;
      return row(`matMul, transposed: ${transposeA}, ${transposeB},`, shapes, (a, b) =>
        matMul(a, b, { transposeA, transposeB }),
      );
    }),
  ),
  row('matMul', 'batch,3,4 4,5', (a, b) => matMul(a, b)),
  row('matMul', '2,1,3,4 5,4,2', (a, b) => matMul(a, b)),
];

const shapingRows = [
  row('reshape', 'batch,2,3', (x) => reshape(x, { shape: ['batch', 6] })),
  row('transpose', '2,3,4', (x) => transpose(x, { perm: [2, 0, 1] })),
  row('concat', '2,1 2,3 2,2', (...values) => concat(...values, { axis: -1 })),
  row('concat with itself', '2,3', (x) => concat(x, x, { axis: 0 })),
  row('slice', 'batch,6,5', (x) => slice(x, { starts: [-5, 1], ends: [5, 99], axes: [1, -1] })),
  row('slice by steps', '7,8,2', (x) => slice(x, { starts: [1, 0], ends: [6, 8], steps: [2, 3] })),
  row('slice by steps that leave a rest', '8', (x) => slice(x, { starts: [2], ends: [7], steps: [4] })),
  row('pad', 'batch,2,3', (x) => pad(x, { before: [0, 1, 0], after: [0, 0, 2] })),
  row('pad by a value', '2,3', (x) => pad(x, { before: [1, 0], after: [0, 2], value: -3 })),
  ...(['reflect', 'symmetric', 'edge'] as const).map((mode) =>
    row(`padEdges by ${mode}`, 'batch,3,4', (x) =>
      padEdges(x, { before: [0, 2, 0], after: [0, 1, 3], mode }),
    ),
  ),
  row('flip', 'batch,3,2', (x) => flip(x, { axes: [1, -1] })),
  row('flip of a batch', 'batch,3', (x) => flip(x, { axes: [0] })),
  row('tile', 'batch,3,2', (x) => tile(x, { repeats: [2, 1, 3] })),
  row('repeatElements', 'batch,3,2', (x) => repeatElements(x, { times: 2, axis: 1 })),
  row('stack', 'batch,3 batch,3', (a, b) => stack([a, b, a], { axis: 1 })),
  row('split', '2,6', (x) => {
    const [a, , c] = split(x, { parts: [1, 3, 2] }) as [Value, Value, Value];
    return mul(a, c);
  }),
  row('moveAxis', '2,3,4', (x) => moveAxis(x, { from: 0, to: -1 })),
  row('expandDims and squeeze', 'batch,1,3', (x) =>
    squeeze(mul(expandDims(x, { axis: -1 }), constant(2)), { axes: [1, 3] }),
  ),
  row('expandTo', 'batch,1', (x) => expandTo(x, [3, 'batch', 2])),
  row('broadcastLike', '3,1', (x) => broadcastLike(x, constant(zeros('float32', [2, 3, 4])))),
  row('repeatLastAxis', 'batch,1', (x) => repeatLastAxis(x, 4)),
];

const numbers = (shape: readonly number[], ...values: number[]) =>
  constant(tensor('int64', shape, BigInt64Array.from(values, BigInt)));
const indexingRows = [
  row('gather', 'batch,4,2', (x) => gather(x, numbers([2, 3], 0, 3, 3, -1, 2, 0), { axis: 1 })),
  row('gather by one number', '3,4', (x) => gather(x, numbers([], 2), { axis: -1 })),
  row('gather of a batch', '3,2', (x) =>
    gather(x, argMax(constant(uniform(randomStream('rows'), [7, 3]))), { axis: 0 }),
  ),
  row('gather from a batch', 'batch,3', (x) => gather(x, numbers([3], 0, 1, 0), { axis: 0 })),
  row('takeAlong', '2,3', (x) => takeAlong(x, numbers([2, 4], 0, 2, 2, 1, 1, -1, 0, 0), { axis: 1 })),
  row('scatterAdd', '2,3 4,3', (x, updates) =>
    scatterAdd(x, numbers([4, 3], 0, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1, 1), updates, { axis: 0 }),
  ),
  row('gatherRows', '2,4,3', (x) => gatherRows(x, numbers([2, 3], 3, 0, 3, 1, 2, 1))),
  row(
    'gatherRows at computed places',
    'batch,4,3',
    (x) => gatherRows(x, topKIndices(reduceSum(x, { axes: [2] }), { k: 2 })),
    'spaced',
  ),
  row('gatherRows of numbers', 'batch,4', (x) => gatherRows(x, topKIndices(x, { k: 3 })), 'spaced'),
  row('topK', 'batch,3,4', (x) => topK(x, { k: 2, axis: 1 }).values, 'spaced'),
  row('sort', 'batch,6', (x) => sort(x), 'spaced'),
  row('sort, descending', '4,3', (x) => sort(x, { axis: 0, descending: true }), 'spaced'),
];

const reductions: ReduceAttributes[] = [{}, { axes: [0] }, { axes: [-1, 1], keepDims: true }, { axes: [] }];
const reductionRows = reductions.flatMap((attributes) =>
  named({ reduceSum, reduceMean, reduceMax, reduceMin, reduceProd, logSumExp }).map(([name, f]) =>
    row(`${name} ${shown(attributes)}`, 'batch,3,2', (x) => f(x, attributes), 'spaced'),
  ),
);

const otherReductionRows = [
  row('variance', 'batch,3,2', (x) => moments(x, { axes: [0, 1] }).variance),
  ...[{}, { axis: 1, exclusive: true }, { axis: 0, reverse: true }, { exclusive: true, reverse: true }].map(
    (attributes) => row(`cumSum ${shown(attributes)}`, 'batch,3,2', (x) => cumSum(x, attributes)),
  ),
];

/** Images, kernel, attributes. */
const convolutions: [string, string, conv.ConvAttributes][] = [
  ['batch,4,5,2', '3,2,2,3', {}],
  ['2,6,7,2', '2,3,2,2', { strides: [2, 3], pads: [1, 0, 2, 1], dilations: [2, 1] }],
  ['1,5,5,1', '2,4,1,2', { pads: [0, 1, 1, 2] }],
  ['2,6,8,1', '3,3,1,2', { strides: [2, 3] }], // the last window ends before the image does
  ['batch,3,2,3', '1,1,3,2', {}],
  ['batch,4,3,2', '1,1,2,3', { strides: [2, 2] }],
  ['2,4,4,4', '3,3,2,2', { groups: 2, pads: [1, 1, 1, 1] }],
  ['batch,6,5,3', '3,2,1,6', { groups: 3, strides: [2, 2], pads: [0, 0, 1, 1] }],
  ['batch,5,4,16', '3,3,16,16', { pads: [1, 1, 1, 1] }],
];
const convRows = convolutions.flatMap(([x, w, attributes]) => {
  const [images, kernel] = parseShapes(`${x} ${w}`) as [Shape, Shape];
  const like = input('x, for its shape', images);
  const dy = conv2d(like, input('w', kernel), undefined, attributes).shape.join();
  const how = shown(attributes);
  return [
    row(`conv2d ${how}`, `${x} ${w} ${kernel[3]}`, (a, b, c) => conv2d(a, b, c, attributes)),
    row(`conv2dInputGradient ${how}`, `${dy} ${w}`, (a, b) => conv2dInputGradient(a, b, like, attributes)),
    row(`conv2dTranspose ${how}`, `${dy} ${w}`, (a, b) =>
      conv2dTranspose(a, b, { ...attributes, size: [Number(images[1]), Number(images[2])] }),
    ),
    row(`conv2dFilterGradient ${how}`, `${x} ${dy}`, (a, b) =>
      conv2dFilterGradient(a, b, { ...attributes, kernel: kernelOf(kernel) }),
    ),
  ];
});

const pools: [string, PoolAttributes][] = [
  ['batch,4,6,2', { poolSize: [2, 2] }],
  ['1,5,7,2', { poolSize: [2, 3] }], // the last window ends before the image does
  ['batch,5,5,1', { poolSize: [3, 3], strides: [2, 2], pads: [1, 0, 1, 2] }],
  ['1,4,4,1', { poolSize: [2, 2], strides: [1, 1] }],
  ['2,5,5,1', { poolSize: [1, 2], strides: [2, 3] }],
];
const poolRows = pools.flatMap(([x, attributes]) =>
  named({ maxPool2d, averagePool2d }).map(([name, f]) =>
    row(`${name} ${shown(attributes)}`, x, (images) => f(images, attributes), 'spaced'),
  ),
);

const softmaxRows = [
  ...named({ softmax, logSoftmax }).flatMap(([name, f]) =>
    [-1, 1].map((axis) => row(`${name} along ${axis}`, 'batch,3,4', (x) => f(x, { axis }))),
  ),
  ...[-1, 1].map((axis) =>
    row(`sparsemax along ${axis}`, 'batch,4,5', (x) => sparsemax(mul(x, constant(0.89)), { axis }), 'spaced'),
  ),
  row('softmaxCrossEntropy', 'batch,3 3', (logits, targets) => softmaxCrossEntropy(logits, targets)),
];

const first = (f: F) => (x: Value) => gradient(reduceSum(f(x)), [x])[0]!;
const fixedKernel = constant(uniform(randomStream('kernel'), [3, 3, 2, 2]));
const composedRows = [
  row('dropout', 'batch,8', (x) => dropout(tanh(x), constant(keyTensor('mask')), 0.5)),
  row('dropout of channels', 'batch,2,8', (x) =>
    dropout(tanh(x), constant(keyTensor('mask')), 0.5, { noiseShape: [null, 1, null] }),
  ),
  row('a value used three times', '2,3', (x) => add(mul(x, tanh(x)), x)),
  row(
    'the gradient of a mean',
    'batch,3',
    first((x) => mul(reduceMean(mul(x, x)), tanh(x))),
  ),
  row(
    'the gradient of relu',
    '3,4',
    first((x) => mul(relu(x), mul(x, x))),
    'spaced',
  ),
  row(
    'the gradient of softmax',
    '2,3',
    first((x) => mul(softmax(x), x)),
  ),
  row(
    'the gradient of a maximum',
    '3,4',
    first((x) => mul(reduceMax(x, { axes: [1], keepDims: true }), x)),
    'spaced',
  ),
  row(
    'the gradient of a product',
    '2,3',
    first((x) => reduceProd(x, { axes: [1] })),
    'positive',
  ),
  row(
    'the gradient of log1p',
    '2,3',
    first((x) => mul(log1p(x), x)),
    'positive',
  ),
  row(
    'the gradient of a gather',
    'batch,4,2',
    first((x) => square(gather(x, numbers([3], 0, 3, 3), { axis: 1 }))),
  ),
  row(
    'the gradient of a convolution',
    'batch,4,4,2',
    first((x) => tanh(conv2d(x, fixedKernel, undefined))),
  ),
];

/** Every differentiable operator, in all the ways that its gradients could go wrong. */
export const gradientRows: readonly GradientRow[] = [
  ...elementwiseRows,
  ...productRows,
  ...shapingRows,
  ...indexingRows,
  ...reductionRows,
  ...otherReductionRows,
  ...convRows,
  ...poolRows,
  ...softmaxRows,
  ...composedRows,
];
