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
    groups === 1 && kernel.every((k) => k === 3) && [...strides, ...dilations].every((s) => s === 1);
  if (!fits || purpose === 'portable') return undefined;
  const [, , channels] = input;
  const [height, width, filters] = output;
  const side = Math.min(height, width);
  // Too few channels for products that pay, or too few places for a tile.
  if (channels < 16 || filters < 16 || side < 4) return undefined;
  // Winograd saves a sixth of a step on small maps of few channels, and moves it further from Keras (docs/performance.md).
  if (purpose === 'training' && channels <= 64 && side <= 16) return undefined;
  // F5 wastes least of 14 × 14; F7 would fit it, but its gradients are less exact.
  if (purpose === 'training') return side % 5 === 0 || side === 14 ? 5 : 4;
  // Few channels on large maps: moving the tiles costs more than is saved.
  if (filters <= 64 && side >= 112) return undefined;
  // F7 divides 14, 28 and 56; its transforms pay where there are many channels.
  return side % 7 === 0 && side <= 56 && filters >= 256 ? 7 : 4;
}

/**
 * Whether images stay with the batch innermost while they are trained on: where the maps are small, and either few
 * numbers are under a window of any form, or a 3×3 kernel meets few channels. The products then have the batch as their
 * width, and the images' places are moved in blocks.
 */
export function isSmall({
  window: { kernel, strides, dilations },
  groups,
  input,
  output,
  purpose,
}: ConvShape): 'window' | 'channels' | undefined {
  const [height, width, channels] = input;
  const filters = output[2];
  if (purpose !== 'training' || groups !== 1 || Math.max(height, width) > 32 || filters > 64)
    return undefined;
  if (kernel[0] * kernel[1] * channels <= 32) return 'window';
  const simple = kernel.every((k) => k === 3) && [...strides, ...dilations].every((s) => s === 1);
  const enough = Math.min(channels, filters) >= 16 && Math.min(output[0], output[1]) >= 3;
  return simple && enough && channels <= 64 ? 'channels' : undefined;
}
