import type { ConvShape } from './conv.ts';

/**
 * What a graph is lowered for. `frozen`: inference with constant kernels, on this machine. `training`: kernels that
 * change, and their gradients. `portable`: a file for any runtime, in ONNX's own operators throughout.
 */
export type Purpose = 'frozen' | 'training' | 'portable';

/**
 * m of Winograd's F(m×m, 3×3), or `undefined` where Conv is faster. A fixed table by shape, so that the same network
 * gives the same bits on every run; `npm run bench:conv` measures the alternatives on the machine at hand.
 */
export function winogradSize({ window, groups, input, output, purpose }: ConvShape): number | undefined {
  const { kernel, strides, dilations } = window;
  const fits =
    groups === 1 &&
    [kernel[0], kernel[1]].every((k) => k === 3) &&
    [...strides, ...dilations].every((s) => s === 1);
  if (!fits || purpose === 'portable') return undefined;
  const [, , channels] = input;
  const [height, width, filters] = output;
  const side = Math.min(height, width);
  if (channels < 16 || filters < 16 || side < 4) return undefined;
  if (purpose === 'training') return side % 5 === 0 || side === 14 ? 5 : 4;
  if (channels <= 64 && side >= 112) return undefined;
  if (side === 14) return 7;
  return 4;
}
