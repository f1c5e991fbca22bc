import { gradient } from '../../src/autodiff/gradient.ts';
import type { Shape } from '../../src/core/shape.ts';
import { zeros } from '../../src/core/tensor.ts';
import { constant, input } from '../../src/graph/leaves.ts';
import type { Value } from '../../src/graph/value.ts';
import * as conv from '../../src/ops/conv.ts';
import * as elementwise from '../../src/ops/elementwise.ts';
import { matMul } from '../../src/ops/linear.ts';
import { averagePool2d, maxPool2d, type PoolAttributes } from '../../src/ops/pool.ts';
import { type ReduceAttributes, reduceMax, reduceMean, reduceSum } from '../../src/ops/reduce.ts';
import {
  broadcastLike,
  concat,
  pad,
  repeatLastAxis,
  reshape,
  slice,
  transpose,
} from '../../src/ops/shaping.ts';
import { logSoftmax, softmax, softmaxCrossEntropy } from '../../src/ops/softmax.ts';
import { dropout } from '../../src/ops/threefry.ts';
import type { GradientRow } from './check-gradient.ts';
import { keyTensor, randomStream, uniform } from './random.ts';

const { abs, add, cast, div, exp, log, maximum, mul, neg, relu, sigmoid, softplus, sqrt, sub, tanh } =
  elementwise;
const { conv2d, conv2dFilterGradient, conv2dInputGradient, kernelOf } = conv;

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

const elementwiseRows = [
  ...named({ neg, exp, tanh, sigmoid, softplus }).map(([name, f]) => row(name, 'batch,3', f)),
  ...named({ log, sqrt }).map(([name, f]) => row(name, '2,3', f, 'positive')),
  ...named({ relu, abs }).map(([name, f]) => row(name, '3,4', f, 'spaced')),
  row('cast', '2,3', (x) => cast(cast(x, { to: 'float64' }), { to: 'float32' })),
  ...['2,3 2,3', '3 2,3', '2,1,3 4,1', '2,3 ()', 'batch,3 3', 'batch,1 3'].flatMap((shapes) => [
    ...named({ add, sub, mul, div }).map(([name, f]) => row(name, shapes, f, 'positive')),
    row('maximum', shapes, (a, b) => maximum(a, add(b, constant(1 / 8))), 'spaced'),
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
  row('broadcastLike', '3,1', (x) => broadcastLike(x, constant(zeros('float32', [2, 3, 4])))),
  row('repeatLastAxis', 'batch,1', (x) => repeatLastAxis(x, 4)),
];

const reductions: ReduceAttributes[] = [{}, { axes: [0] }, { axes: [-1, 1], keepDims: true }, { axes: [] }];
const reductionRows = reductions.flatMap((attributes) =>
  named({ reduceSum, reduceMean, reduceMax }).map(([name, f]) =>
    row(`${name} ${shown(attributes)}`, 'batch,3,2', (x) => f(x, attributes), 'spaced'),
  ),
);

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
  row('softmaxCrossEntropy', 'batch,3 3', (logits, targets) => softmaxCrossEntropy(logits, targets)),
];

const first = (f: F) => (x: Value) => gradient(reduceSum(f(x)), [x])[0]!;
const fixedKernel = constant(uniform(randomStream('kernel'), [3, 3, 2, 2]));
const composedRows = [
  row('dropout', 'batch,8', (x) => dropout(tanh(x), constant(keyTensor('mask')), 0.5)),
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
  ...reductionRows,
  ...convRows,
  ...poolRows,
  ...softmaxRows,
  ...composedRows,
];
