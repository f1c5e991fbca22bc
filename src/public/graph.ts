/** Graphs of operators: their values, and operators of one's own. */
export type { DType } from '../core/dtype.ts';
export type { Dim, Shape } from '../core/shape.ts';
export { defineOp, type OpDeclaration } from '../graph/define-op.ts';
export { constant, input } from '../graph/leaves.ts';
export type { GradientContext, GradientRule, Value, ValueSpec } from '../graph/value.ts';
