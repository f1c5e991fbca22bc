import type { DType } from '../core/dtype.ts';
import { formatShape, type Shape } from '../core/shape.ts';
import type { ValueSpec } from '../graph/value.ts';
import type { Layer } from './layer.ts';

let lastId = 0;

/** One call of a layer while a model is described. */
export class Node {
  readonly layer: Layer;
  readonly inputs: readonly SymbolicTensor[];
  readonly outputs: readonly SymbolicTensor[];
  /** What `apply` was told: false for a call that infers even while the model trains. */
  readonly training: boolean | undefined;

  constructor(
    layer: Layer,
    inputs: readonly SymbolicTensor[],
    specs: readonly ValueSpec[],
    training?: boolean | undefined,
  ) {
    this.layer = layer;
    this.inputs = inputs;
    this.training = training;
    this.outputs = specs.map((spec, index) => new SymbolicTensor(this, index, spec));
  }
}

/** An output of a layer while a model is described: a shape, and where it comes from. */
export class SymbolicTensor {
  /** Grows in order of creation, so inputs have smaller ids than what is computed from them. */
  readonly id = ++lastId;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly node: Node;
  /** Its place among the node's outputs. */
  readonly index: number;

  constructor(node: Node, index: number, { shape, dtype }: ValueSpec) {
    this.node = node;
    this.index = index;
    this.shape = shape;
    this.dtype = dtype;
  }

  get layer(): Layer {
    return this.node.layer;
  }

  /** What the layer was called on. */
  get inputs(): readonly SymbolicTensor[] {
    return this.node.inputs;
  }

  /** `float32[batch, 4] of dense_1` */
  toString(): string {
    return `${this.dtype}${formatShape(this.shape)} of ${this.layer.name}`;
  }
}
