import type { DType } from '../core/dtype.ts';
import { type Dim, formatShape, type Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';

export type Attribute = number | string | boolean | readonly Dim[] | Tensor;
export type Attributes = Readonly<Record<string, Attribute | undefined>>;

/** What is known of a value before anything runs. */
export interface ValueSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

export type OnnxAttribute =
  | number
  | string
  | readonly number[]
  | { readonly float: number }
  | { readonly dtype: DType };

/** How a node stands in an ONNX file. What is left out is what most operators have. */
export interface OnnxForm {
  /** ONNX's operator; the operator's own `opType` if absent. */
  readonly opType?: string;
  /** `com.microsoft` for ONNX Runtime's contributed operators. */
  readonly domain?: string;
  /** ONNX attributes; a number is written as an int, `{ float }` as a float, `{ dtype }` as ONNX's code of it. */
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
  /** Constants that follow the inputs, such as the axes of a reduction. */
  readonly constants?: readonly Tensor[];
  /** Which of the outputs of ONNX's operator this is; the first if absent. */
  readonly output?: number;
}

export interface GradientContext<I extends readonly (Value | undefined)[], A> {
  /** The gradient of the loss by the output: the output's shape. */
  readonly dy: Value;
  /** The output. */
  readonly y: Value;
  readonly inputs: I;
  readonly attributes: A;
  /** Which input the gradient is asked for. */
  readonly index: number;
}

/** The gradient by one input, of its shape or of one that broadcasting made from it. */
export type GradientRule<I extends readonly (Value | undefined)[], A> = (
  context: GradientContext<I, A>,
) => Value;

/** An operator as the engine sees it, its types erased. */
export interface Operator {
  readonly opType: string;
  readonly inputNames: readonly string[];
  /** One rule an input (the last repeats for variadic ones); `null` where no gradient passes. Empty where there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: each operator's own input and attribute types meet here
  readonly grad: readonly (GradientRule<any, any> | null)[];
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly onnx: (inputs: any, attributes: any) => OnnxForm;
  /** Where ONNX has no such operator: the same in others, put in its place before anything is lowered. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly compose?: (inputs: any, attributes: any) => Value;
  /** Computed element by element from inputs of the output's shape, so any order of the elements will do. */
  readonly elementwise: boolean;
}

let lastId = 0;

/** A value of a graph: the output of one operator, and with it the node that makes it. */
export class Value implements ValueSpec {
  /** Grows in order of creation, so inputs have smaller ids than what is computed from them. */
  readonly id = ++lastId;
  readonly op: Operator;
  readonly inputs: readonly (Value | undefined)[];
  readonly attributes: Attributes;
  readonly shape: Shape;
  readonly dtype: DType;

  constructor(op: Operator, inputs: readonly (Value | undefined)[], attributes: Attributes, spec: ValueSpec) {
    this.op = op;
    this.inputs = inputs;
    this.attributes = attributes;
    this.shape = spec.shape;
    this.dtype = spec.dtype;
  }

  get rank(): number {
    return this.shape.length;
  }

  /** `float32[batch, 4]` */
  toString(): string {
    return `${this.dtype}${formatShape(this.shape)}`;
  }
}

/** Every value that `outputs` depend on, inputs before what is computed from them. */
export function topologicalOrder(outputs: Iterable<Value>): Value[] {
  const seen = new Set<Value>(outputs);
  for (const value of seen) for (const input of value.inputs) if (input) seen.add(input);
  return [...seen].sort((a, b) => a.id - b.id);
}
