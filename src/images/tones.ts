import { finite, optional, real, required, seed } from '../core/options.ts';
import { deriveKey, threefry } from '../core/random.ts';
import { blend } from './blend.ts';
import { gaussian } from './kernels.ts';
import { arrayLike, type Levels } from './levels.ts';
import type { Memory } from './memory.ts';
import { opRow, share } from './op-row.ts';
import { kernelSpans } from './spans.ts';

/** Each level by a function of it; opacity stays. Not rounded. */
function mapped(image: Levels, level: (value: number) => number, memory: Memory): Levels {
  const { data, channels } = image;
  const result = memory.floats(data.length);
  for (let i = 0; i < data.length; i++) result[i] = level(data[i]!);
  keepOpacity(result, data, channels);
  return { ...image, data: result };
}

function keepOpacity(result: Float32Array, data: Levels['data'], channels: number): void {
  if (channels === 4) for (let i = 3; i < data.length; i += 4) result[i] = data[i]!;
}

/** Contrast about each channel's mean, then brightness. */
export const levels = opRow({
  options: {
    /** Factor of the distance from each channel's mean. Default 1. */
    contrast: optional(finite, 1),
    /** Grey levels (of 255) that are added. Default 0. */
    brightness: optional(finite, 0),
  },
  apply: (image, { contrast, brightness }, memory) => {
    const { data, channels } = image;
    const added = brightness * (image.white / 255);
    const result = memory.floats(data.length);
    for (let c = 0; c < Math.min(channels, 3); c++) {
      let sum = 0;
      if (contrast !== 1) for (let i = c; i < data.length; i += channels) sum += data[i]!;
      const mean = sum / (data.length / channels);
      const offset = mean * (1 - contrast) + added;
      for (let i = c; i < data.length; i += channels) result[i] = data[i]! * contrast + offset;
    }
    keepOpacity(result, data, channels);
    return { ...image, data: result };
  },
});

/** white · gain · (level / white) ^ gamma */
export const adjustGamma = opRow({
  options: {
    gamma: optional(real({ from: 0 }), 1),
    gain: optional(real({ from: 0 }), 1),
  },
  apply: (image, { gamma, gain }, memory) => {
    const { white } = image;
    return mapped(image, (level) => white * gain * Math.max(0, level / white) ** gamma, memory);
  },
});

/** (level − mean) / max(deviation, 1 / √count), over all channels: floats about 0. */
export const perImageStandardization = opRow({
  options: {},
  apply: (image, _, memory) => {
    const { data } = image;
    let sum = 0;
    for (let i = 0; i < data.length; i++) sum += data[i]!;
    const mean = sum / data.length;
    let squares = 0;
    for (let i = 0; i < data.length; i++) squares += (data[i]! - mean) ** 2;
    const deviation = Math.max(Math.sqrt(squares / data.length), 1 / Math.sqrt(data.length));
    const result = memory.floats(data.length);
    for (let i = 0; i < data.length; i++) result[i] = (data[i]! - mean) / deviation;
    return { ...image, data: result, dtype: 'float32', white: 1 };
  },
});

/** Normally distributed noise, another for each channel. */
export const noise = opRow({
  options: {
    /** Standard deviation, as a share of white. */
    stddev: required(real({ from: 0 })),
    /** The same seed gives the same noise. */
    seed: required(seed),
  },
  apply: (image, { stddev, seed }, memory) => {
    const { data, white, channels } = image;
    const key = deriveKey(seed, 'noise');
    const result = memory.floats(data.length);
    // Box and Muller: two uniform numbers give two normal ones.
    for (let i = 0; i < data.length; i += 2) {
      const [first, second] = threefry(key, i, 0);
      const radius = stddev * white * Math.sqrt(-2 * Math.log((first + 1) * 2 ** -32));
      const angle = 2 * Math.PI * second * 2 ** -32;
      result[i] = data[i]! + radius * Math.cos(angle);
      if (i + 1 < data.length) result[i + 1] = data[i + 1]! + radius * Math.sin(angle);
    }
    keepOpacity(result, data, channels);
    return { ...image, data: result };
  },
});

/** Gaussian blur; pixels beyond the image count for nothing. */
export const blur = opRow({
  options: {
    /** Standard deviation, in pixels, of a kernel that ends at three times as much. */
    sigma: required(real({ above: 0, to: 1000 })),
  },
  apply: (image, { sigma }, memory) => {
    const kernel = gaussian(Math.ceil(3 * sigma) + 1, sigma);
    const spans = (size: number) => kernelSpans({ size, start: 0, extent: size, out: size }, kernel, false);
    return blend(image, spans(image.height), spans(image.width), memory);
  },
});

/** A box of one level over the image. */
export const erase = opRow({
  options: {
    /** Shares of height and width; what lies outside the image is passed over. */
    top: required(share),
    left: required(share),
    height: required(share),
    width: required(share),
    /** A share of white. Default 0, black. */
    value: optional(share, 0),
  },
  apply: (image, { value, ...box }, memory) => {
    const { data, height, width, channels } = image;
    const result = arrayLike(image, data.length, memory);
    result.set(data);
    const [top, bottom] = [box.top, box.top + box.height].map((at) => Math.round(at * height));
    const [left, right] = [box.left, box.left + box.width].map((at) =>
      Math.min(width, Math.round(at * width)),
    );
    for (let y = top!; y < Math.min(height, bottom!); y++) {
      result.fill(value * image.white, (y * width + left!) * channels, (y * width + right!) * channels);
    }
    if (channels === 4) for (let i = 3; i < data.length; i += 4) result[i] = data[i]!;
    return { ...image, data: result };
  },
});
