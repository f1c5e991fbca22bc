import type { Value } from '../graph/value.ts';
import type { Window } from '../ops/conv.ts';
import { add } from '../ops/elementwise.ts';
import { matMul } from '../ops/linear.ts';
import { reduceSum } from '../ops/reduce.ts';
import { reshape, transpose } from '../ops/shaping.ts';
import { pixelsAt, windowPixels } from './images-last.ts';
import { batchOf, convert, imagesLast, type Lowered, sizeOfImages } from './layout.ts';
import { sumOf } from './onnx-ops.ts';

/**
 * Convolution of images with the batch innermost as one product for each place, of the kernel and what is under the
 * window: for windows that hold few numbers.
 */

type Size = readonly [height: number, width: number];

/** What is under the window at these places: [places, window · channels, batch]. */
function windowsAt(x: Lowered, window: Window, output: Size, places: readonly number[]): Value {
  const [height, width, channels] = sizeOfImages(x);
  const offsets = windowPixels(window, [height, width], output);
  const pixels = places.flatMap((place) => offsets.map((offset) => offset[place]!));
  const found = pixelsAt(convert(x, imagesLast), pixels);
  return reshape(found, { shape: [places.length, offsets.length * channels, batchOf(x)] });
}

const all = ([height, width]: Size): number[] => Array.from({ length: height * width }, (_, place) => place);

export function windowsForward(
  x: Lowered,
  w: Value,
  b: Value | undefined,
  window: Window,
  [height, width, filters]: readonly [number, number, number],
): Lowered {
  const size = (w.shape[0] as number) * (w.shape[1] as number) * (w.shape[2] as number);
  const kernel = transpose(reshape(w, { shape: [size, filters] }), { perm: [1, 0] });
  const bias = b && reshape(b, { shape: [filters, 1] });
  const at = (places: readonly number[]) => {
    const y = matMul(kernel, windowsAt(x, window, [height, width], places));
    return bias ? add(y, bias) : y;
  };
  const shape = [batchOf(x), height, width, filters];
  const value = reshape(at(all([height, width])), { shape: [height, width, filters, batchOf(x)] });
  return { value, layout: imagesLast, shape, clean: true, at };
}

/** dW: [kernel height, kernel width, channels, filters] */
export function windowsFilterGradient(x: Lowered, dy: Lowered, window: Window): Value {
  const [height, width, filters] = sizeOfImages(dy);
  const [, , channels] = sizeOfImages(x);
  const upstream = convert(dy, imagesLast);
  const pixels = all([height, width]);
  const pieces = upstream.pieces ?? [{ pixels, value: pixelsAt(upstream, pixels) }];
  const parts = pieces.map((piece) => {
    const products = matMul(windowsAt(x, window, [height, width], piece.pixels), piece.value, {
      transposeB: true,
    });
    return reduceSum(products, { axes: [0] });
  });
  return reshape(parts.length === 1 ? parts[0]! : sumOf(...parts), {
    shape: [...window.kernel, channels, filters],
  });
}
