/** Operators on values of a graph: https://onnx.ai/onnx/operators/ */
export { type ConvAttributes, conv2d } from '../ops/conv.ts';
export {
  abs,
  add,
  cast,
  div,
  equal,
  exp,
  greater,
  less,
  log,
  maximum,
  mul,
  neg,
  relu,
  sigmoid,
  sign,
  softplus,
  sqrt,
  sub,
  tanh,
} from '../ops/elementwise.ts';
export { matMul } from '../ops/linear.ts';
export { averagePool2d, maxPool2d, type PoolAttributes } from '../ops/pool.ts';
export { argMax, type ReduceAttributes, reduceMax, reduceMean, reduceSum } from '../ops/reduce.ts';
export {
  broadcastLike,
  concat,
  gather,
  pad,
  range,
  reshape,
  shapeOf,
  slice,
  transpose,
} from '../ops/shaping.ts';
export { logSoftmax, softmax, softmaxCrossEntropy } from '../ops/softmax.ts';
export { dropout, randomUniform } from '../ops/threefry.ts';
