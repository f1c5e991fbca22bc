import { ShapeError } from '../core/errors.ts';
import { broadcastShapes } from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import type { Value } from '../graph/value.ts';

interface MatMulAttributes {
  /** Swap the last two axes of `a` first. */
  readonly transposeA?: boolean;
  /** Swap the last two axes of `b` first. */
  readonly transposeB?: boolean;
}

/** The matrix product of the last two axes; the axes before them broadcast. */
export const matMul = defineOp<['a', 'b'], MatMulAttributes>({
  opType: 'MatMul',
  inputs: ['a', 'b'],
  infer: ([a, b], { transposeA = false, transposeB = false }) => {
    if (a.rank < 2 || b.rank < 2) throw new ShapeError(`MatMul: matrices are needed, got ${a} and ${b}`);
    const [rows, innerA] = transposeA
      ? [a.shape.at(-1)!, a.shape.at(-2)!]
      : [a.shape.at(-2)!, a.shape.at(-1)!];
    const [innerB, columns] = transposeB
      ? [b.shape.at(-1)!, b.shape.at(-2)!]
      : [b.shape.at(-2)!, b.shape.at(-1)!];
    const batch = broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2));
    if (innerA !== innerB || !batch || a.dtype !== b.dtype) {
      const turned = (flag: boolean) => (flag ? ' (transposed)' : '');
      throw new ShapeError(
        `MatMul: ${a}${turned(transposeA)} and ${b}${turned(transposeB)} cannot be multiplied`,
      );
    }
    return { shape: [...batch, rows, columns], dtype: a.dtype };
  },
  // Y = op(A)·op(B): the gradient of op(A) is dY·op(B)ᵀ, of op(B) op(A)ᵀ·dY; a transposed operand takes the transpose.
  grad: [
    ({ dy, inputs: [, b], attributes: { transposeA = false, transposeB = false } }): Value =>
      transposeA
        ? matMul(b, dy, { transposeA: transposeB, transposeB: true })
        : matMul(dy, b, { transposeB: !transposeB }),
    ({ dy, inputs: [a], attributes: { transposeA = false, transposeB = false } }): Value =>
      transposeB
        ? matMul(dy, a, { transposeA: true, transposeB: transposeA })
        : matMul(a, dy, { transposeA: !transposeA }),
  ],
  onnx: (_, { transposeA, transposeB }) =>
    transposeA || transposeB
      ? {
          opType: 'FusedMatMul',
          domain: 'com.microsoft',
          attributes: { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 },
        }
      : {},
});
