import { ShapeError } from '../core/errors.ts';
import {
  type Attributes,
  type GradientRule,
  type OnnxForm,
  type Operator,
  Value,
  type ValueSpec,
} from './value.ts';

type Inputs<N extends readonly string[]> = N extends readonly [`...${string}`]
  ? readonly Value[]
  : { readonly [K in keyof N]: N[K] extends `${string}?` ? Value | undefined : Value };

type Arguments<N extends readonly string[], A> = N extends readonly [`...${string}`]
  ? // biome-ignore lint/complexity/noBannedTypes: `{}` is what every optional record extends
    {} extends A
    ? Value[]
    : [...Value[], A]
  : // biome-ignore lint/complexity/noBannedTypes: `{}` is what every optional record extends
    [...Inputs<N>, ...({} extends A ? [attributes?: A] : [attributes: A])];

/** The declaration of an operator. */
export interface OpDeclaration<N extends readonly string[], A> {
  /** ONNX's name of the operator, or our own where lowering rewrites it. */
  readonly opType: string;
  /** Names of the inputs, for errors: `'x'`, an optional `'bias?'`, or `['...values']` for any number. */
  readonly inputs: N;
  /** The output's shape and dtype. Throws a ShapeError that says what does not fit. */
  readonly infer: (inputs: Inputs<N>, attributes: A) => ValueSpec;
  /** The gradient by each input, `null` where it is zero. Without this, asking for a gradient is an error. */
  readonly grad?: readonly (GradientRule<Inputs<N>, A> | null)[];
  /** How the node is written where that is more than its name. */
  readonly onnx?: (inputs: Inputs<N>, attributes: A) => OnnxForm;
  /** The same in other operators, for one that ONNX lacks; its gradient stays the one that is declared here. */
  readonly compose?: (inputs: Inputs<N>, attributes: A) => Value;
  readonly elementwise?: boolean;
}

/**
 * Declares an operator, once and for all that is to be known of it. What comes back is called with the inputs, then
 * the attributes, and infers at once.
 *
 * @example
 * export const relu = defineOp({
 *   opType: 'Relu',
 *   inputs: ['x'],
 *   infer: ([x]) => x,
 *   grad: [({ dy, y }) => mul(dy, cast(greater(y, constant(0)), { to: 'float32' }))],
 * });
 */
// biome-ignore lint/complexity/noBannedTypes: an operator without attributes
export function defineOp<const N extends readonly string[], A extends object = {}>(
  declaration: OpDeclaration<N, A>,
): ((...args: Arguments<N, A>) => Value) & { readonly op: Operator } {
  const { opType, inputs: names, infer, grad = [], onnx, compose, elementwise = false } = declaration;
  const op: Operator = {
    opType,
    inputNames: names,
    grad,
    onnx: onnx ?? (() => ({})),
    ...(compose && { compose }),
    elementwise,
  };
  const variadic = names[0]?.startsWith('...') ?? false;

  const call = (...args: unknown[]): Value => {
    const last = args.at(-1);
    const hasAttributes = last !== undefined && !(last instanceof Value);
    const attributes = (hasAttributes ? last : {}) as A & Attributes;
    const given = (hasAttributes ? args.slice(0, -1) : args) as (Value | undefined)[];
    const inputs = variadic ? given : names.map((_, i) => given[i]);
    inputs.forEach((input, i) => {
      if (!(input instanceof Value) && !names[i]?.endsWith('?')) {
        throw new ShapeError(
          `${opType}: input '${names[variadic ? 0 : i]}' must be a value of a graph, got ${input}`,
        );
      }
    });
    return new Value(op, inputs, attributes, infer(inputs as unknown as Inputs<N>, attributes));
  };
  return Object.assign(call as (...args: Arguments<N, A>) => Value, { op });
}
