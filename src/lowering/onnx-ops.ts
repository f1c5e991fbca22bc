import type { Dim, Shape } from '../core/shape.ts';
import { defineOp } from '../graph/define-op.ts';
import type { OnnxAttribute } from '../graph/value.ts';
import type { Window } from '../ops/conv.ts';

/** Operators that only lowered graphs hold: images are channels first here, as ONNX wants them. */

interface WindowForm {
  readonly window: Window;
  /** [height, width] of the output. */
  readonly output: readonly [number, number];
  readonly groups?: number;
  /** Rows and columns at the end that no window reached (ConvTranspose). */
  readonly outputPadding?: readonly [number, number];
}

function windowForm({ window, groups, outputPadding }: WindowForm): Record<string, OnnxAttribute> {
  return {
    kernel_shape: window.kernel,
    strides: window.strides,
    pads: window.pads,
    ...(window.dilations.some((d) => d !== 1) && { dilations: window.dilations }),
    ...(groups !== undefined && groups !== 1 && { group: groups }),
    ...(outputPadding && { output_padding: outputPadding }),
  };
}

const imagesOf = (batch: Dim, channels: Dim, [height, width]: readonly [number, number]): Shape => [
  batch,
  channels,
  height,
  width,
];

/** x [batch, channels, …], w [filters, channels / groups, …] */
export const onnxConv = defineOp<['x', 'w', 'b?'], WindowForm>({
  opType: 'Conv',
  inputs: ['x', 'w', 'b?'],
  infer: ([x, w], { output }) => ({ shape: imagesOf(x.shape[0]!, w.shape[0]!, output), dtype: x.dtype }),
  onnx: (_, form) => ({ attributes: windowForm(form) }),
});

/** x [batch, channels, …], w [channels, filters / groups, …] */
export const onnxConvTranspose = defineOp<['x', 'w'], WindowForm>({
  opType: 'ConvTranspose',
  inputs: ['x', 'w'],
  infer: ([x, w], { output, groups = 1 }) => ({
    shape: imagesOf(x.shape[0]!, (w.shape[1] as number) * groups, output),
    dtype: x.dtype,
  }),
  onnx: (_, form) => ({ attributes: windowForm(form) }),
});

function pool(opType: string) {
  return defineOp<['x'], WindowForm>({
    opType,
    inputs: ['x'],
    infer: ([x], { output }) => ({ shape: imagesOf(x.shape[0]!, x.shape[1]!, output), dtype: x.dtype }),
    onnx: (_, form) => ({ attributes: windowForm(form) }),
  });
}

export const onnxMaxPool = pool('MaxPool');
export const onnxAveragePool = pool('AveragePool');

/** The sum of any number of values of one shape. */
export const sumOf = defineOp<['...values']>({
  opType: 'Sum',
  inputs: ['...values'],
  infer: ([first]) => first!,
});

/** The largest of any number of values of one shape, element by element. */
export const maxOf = defineOp<['...values']>({
  opType: 'Max',
  inputs: ['...values'],
  infer: ([first]) => first!,
});
