import { finite, oneOf, real, required } from '../core/options.ts';
import { arrayLike, asFloats, convertDType, type Levels } from './levels.ts';
import type { Memory } from './memory.ts';
import { opRow } from './op-row.ts';

/**
 * Hue and saturation of each pixel by a function of them; a grey image has neither and stays as it is.
 *
 * @param change of [hue, saturation], hue in sixths of a turn from red, saturation from 0 to 1
 */
function recolored(image: Levels, change: (hsv: [number, number]) => void, memory: Memory): Levels {
  const { data, channels } = image;
  if (channels === 1) return image;
  const result = memory.floats(data.length);
  const hs: [number, number] = [0, 0];
  for (let i = 0; i < data.length; i += channels) {
    const [red, green, blue] = [data[i]!, data[i + 1]!, data[i + 2]!];
    const value = Math.max(red, green, blue);
    const range = value - Math.min(red, green, blue);
    hs[0] = range > 0 ? hueOf(red, green, blue, value, range) : 0;
    hs[1] = value > 0 ? range / value : 0;
    change(hs);
    for (let c = 0; c < 3; c++) {
      // How far each of the three is from its own hue: full within one sixth, nothing from two on.
      const distance = (hs[0] + [5, 3, 1][c]!) % 6;
      result[i + c] = value - value * hs[1] * Math.max(0, Math.min(distance, 4 - distance, 1));
    }
    if (channels === 4) result[i + 3] = data[i + 3]!;
  }
  return { ...image, data: result };
}

function hueOf(red: number, green: number, blue: number, value: number, range: number): number {
  if (value === red) return ((green - blue) / range + 6) % 6;
  return value === green ? (blue - red) / range + 2 : (red - green) / range + 4;
}

export const adjustSaturation = opRow({
  options: {
    /** 0 makes grey, 1 changes nothing. */
    factor: required(real({ from: 0 })),
  },
  apply: (image, { factor }, memory) =>
    recolored(
      image,
      (hs) => {
        hs[1] = Math.min(1, hs[1] * factor);
      },
      memory,
    ),
});

export const adjustHue = opRow({
  options: {
    /** In turns: 1 is once around, back at the same. */
    delta: required(finite),
  },
  apply: (image, { delta }, memory) => {
    const turn = 6 * (delta - Math.floor(delta));
    return recolored(
      image,
      (hs) => {
        hs[0] = (hs[0] + turn) % 6;
      },
      memory,
    );
  },
});

/** The weights of `tf.image.rgb_to_grayscale`; a grey image stays as it is. */
export const rgbToGrayscale = opRow({
  options: {},
  apply: (image, _, memory) => {
    const { data, height, width, channels } = image;
    if (channels === 1) return image;
    const result = memory.floats(height * width);
    for (let i = 0, at = 0; i < result.length; i++, at += channels) {
      result[i] = 0.2989 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
    }
    return { ...image, data: result, channels: 1 };
  },
});

/** The grey level three times; an image of colours stays as it is. */
export const grayscaleToRgb = opRow({
  options: {},
  apply: (image, _, memory) => {
    const { data, channels } = image;
    if (channels !== 1) return image;
    const result = arrayLike(image, 3 * data.length, memory);
    for (let i = 0, at = 0; i < data.length; i++, at += 3) {
      const level = data[i]!;
      result[at] = level;
      result[at + 1] = level;
      result[at + 2] = level;
    }
    return { ...image, data: result, channels: 3 };
  },
});

export const convertImageDtype = opRow({
  options: {
    dtype: required(oneOf(['uint8', 'uint16', 'float32'])),
  },
  apply: (image, { dtype }, memory) => convertDType(image, dtype, memory),
});

/** The same levels as floats, 0 to 255 of 8 bits, which are not rounded at the end. */
export const toFloats = opRow({
  options: {},
  apply: (image, _, memory) => asFloats(image, memory),
});
