import { type Pixels, toGrey, toRgb } from './pixels.ts';
import { type Region, type ResizeMethod, resizeToFloats, toBytes } from './resize.ts';
import { rotate } from './rotate.ts';
import { plainView, type View } from './views.ts';

/** What an image is to become. */
export interface Target {
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** 1 grey, 3 RGB */
  readonly channels: 1 | 3;
  readonly resize: ResizeMethod;
  /** Plain unless given. */
  readonly view?: View;
}

/**
 * Makes the pixels that a network sees from a decoded image.
 *
 * @returns [height, width, channels], rounded to the nearest level
 */
export function render(pixels: Pixels, target: Target): Uint8Array<ArrayBuffer> {
  const { height, width, channels, resize, view = plainView } = target;
  // A grey image is resized in one channel, and repeated at the end.
  const source = channels === 1 && pixels.channels === 3 ? toGrey(pixels) : pixels;
  const { image, region } = look(source, view);
  const levels = resizeToFloats(image, height, width, resize, region);
  if (view.flip) mirror(levels, width, source.channels);
  if (view.contrast !== 1 || view.brightness !== 0) {
    adjustLevels(levels, source.channels, view.contrast, view.brightness);
  }
  const bytes = toBytes(levels);
  return channels === 3 && source.channels === 1 ? toRgb(bytes) : bytes;
}

/** The turned image, as much of it as the crop needs, and the crop within it. */
function look(pixels: Pixels, { rotation, crop }: View): { image: Pixels; region: Region } {
  const region = {
    left: crop.left * pixels.width,
    top: crop.top * pixels.height,
    width: crop.size * pixels.width,
    height: crop.size * pixels.height,
  };
  if (rotation === 0) return { image: pixels, region };
  const left = Math.floor(region.left);
  const top = Math.floor(region.top);
  const whole = {
    left,
    top,
    width: Math.min(pixels.width, Math.ceil(region.left + region.width)) - left,
    height: Math.min(pixels.height, Math.ceil(region.top + region.height)) - top,
  };
  return {
    image: rotate(pixels, rotation, whole),
    region: { ...region, left: region.left - left, top: region.top - top },
  };
}

/** Mirrors left to right, in place. */
function mirror(levels: Float32Array, width: number, channels: 1 | 3): void {
  const stride = width * channels;
  for (let row = 0; row < levels.length; row += stride) {
    for (let left = 0, right = width - 1; left < right; left++, right--) {
      for (let c = 0; c < channels; c++) {
        const a = row + left * channels + c;
        const b = row + right * channels + c;
        [levels[a], levels[b]] = [levels[b]!, levels[a]!];
      }
    }
  }
}

/** Contrast about each channel's mean, then brightness, in place. */
function adjustLevels(levels: Float32Array, channels: 1 | 3, contrast: number, brightness: number): void {
  for (let c = 0; c < channels; c++) {
    let sum = 0;
    for (let i = c; i < levels.length; i += channels) sum += levels[i]!;
    const mean = sum / (levels.length / channels);
    const offset = mean * (1 - contrast) + brightness;
    for (let i = c; i < levels.length; i += channels) levels[i] = levels[i]! * contrast + offset;
  }
}
