import type { DType } from '../core/dtype.ts';
import type { Shape } from '../core/shape.ts';
import type { Tensor } from '../core/tensor.ts';

/** An ONNX model. */
export interface Model {
  /** The version of the file format: 10 belongs to opset 21, https://onnx.ai/onnx/repo-docs/Versioning.html */
  readonly irVersion: number;
  /** Versions of the operator sets: `{ '': 21 }`, `''` being ONNX's own. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly graph: Graph;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface Graph {
  readonly name: string;
  /** In an order in which they can run. */
  readonly nodes: readonly Node[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Constants, by name. */
  readonly initializers?: Readonly<Record<string, Tensor>>;
  /** Types of values in between; ONNX Runtime infers them by itself. */
  readonly values?: readonly ValueInfo[];
}

export interface Node {
  readonly opType: string;
  /** `''` stands for an optional input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly name?: string;
  /** The operator set; ONNX's own unless given. */
  readonly domain?: string;
}

/** An attribute's value: ONNX tells `1` from `1.0`, so its kind is said. */
export type Attribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly strings: readonly string[] }
  | { readonly tensor: Tensor }
  | { readonly graph: Graph };

/** Name, dtype and shape of a value. Symbols of a shape (`'batch'`) are ONNX's `dim_param`. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}
