import { divideDims, multiplyDims } from '../core/shape.ts';
import { tensor } from '../core/tensor.ts';
import { constant } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import type { Window } from '../ops/conv.ts';
import { add, div, equal, mask, mul, relu, sub } from '../ops/elementwise.ts';
import { concat, gather, reshape } from '../ops/shaping.ts';
import { fromPieces, pixelsAt, windowPixels } from './images-last.ts';
import {
  batchOf,
  channelsFirst,
  convert,
  fromRows,
  imagesLast,
  type Lowered,
  plain,
  rowLayout,
  rowOrder,
  rowsOf,
  sizeOfImages,
  tiles,
} from './layout.ts';
import { maxOf, onnxAveragePool, onnxMaxPool, sumOf } from './onnx-ops.ts';
import { pick } from './rows.ts';
import type { Purpose } from './tiling-table.ts';

type PoolShape = readonly [height: number, width: number];

/** Offsets within a window, row by row. */
function offsets({ kernel }: Window): [number, number][] {
  return Array.from({ length: kernel[0] * kernel[1] }, (_, at) => [
    Math.floor(at / kernel[1]),
    at % kernel[1],
  ]);
}

/** For each offset of the window, the pixel that every place of the window finds there: rows [batch · places, channels]. */
function shifts(x: Lowered, window: Window, [height, width]: PoolShape, fill: number): Value[] {
  const { rows, order } = rowsOf(x);
  const [inHeight, inWidth] = sizeOfImages(x);
  return offsets(window).map(([i, j]) =>
    pick(
      rows,
      1,
      height * width,
      (_, place) => {
        const y = Math.floor(place / width) * window.strides[0] + i - window.pads[0];
        const px = (place % width) * window.strides[1] + j - window.pads[1];
        return y >= 0 && y < inHeight && px >= 0 && px < inWidth ? order.address(y, px) : undefined;
      },
      fill,
    ),
  );
}

export function lowerMaxPool(x: Lowered, window: Window, output: PoolShape, purpose: Purpose): Lowered {
  const shape = [batchOf(x), ...output, x.shape[3]!];
  if (x.layout.kind === 'channelsFirst') {
    return { value: onnxMaxPool(x.value, { window, output }), layout: channelsFirst, shape, clean: true };
  }
  if (movesInBlocks(x, window)) {
    const pixels = windowPixels(window, sizeOfImages(x).slice(0, 2) as [number, number], output);
    const largest = pixels
      .map((each) => pixelsAt(x, each, Number.NEGATIVE_INFINITY))
      .reduce((a, b) => maxOf(a, b));
    const value = reshape(largest, { shape: [...output, shape[3]!, shape[0]!] });
    return { value, layout: imagesLast, shape, clean: true };
  }
  // Without gradients nothing else needs the unpooled activations: pool first, and activate a quarter of them.
  const { inner, again } =
    purpose === 'frozen' && x.layout.kind === 'tiles' ? belowActivation(x) : { inner: x, again: same };
  const pooled =
    poolTiles(inner, window, output) ??
    fromRows(maxOf(...shifts(inner, window, output, Number.NEGATIVE_INFINITY)), plain, shape, true);
  return { ...pooled, value: again(pooled.value) };
}

/** Whether the windows share no pixel, and the batch is innermost. */
function movesInBlocks({ layout }: Lowered, { kernel, strides }: Window): boolean {
  return layout.kind === 'imagesLast' && kernel.every((size, axis) => size <= strides[axis]!);
}

const same = (value: Value): Value => value;

/** What ReLU and a bias were applied to, and how to apply them again: the maximum commutes with both. */
function belowActivation(x: Lowered): { inner: Lowered; again: (value: Value) => Value } {
  const { op, inputs } = x.value;
  if (op === relu.op) {
    const { inner, again } = belowActivation({ ...x, value: inputs[0]! });
    return { inner, again: (value) => relu(again(value)) };
  }
  const [rows, bias] = inputs;
  if (op === add.op && bias!.rank === 1 && rows!.rank === x.value.rank) {
    return { inner: { ...x, value: rows! }, again: (value) => add(value, bias!) };
  }
  return { inner: x, again: same };
}

/** Pools of 2×2 within tiles of even size: the four pixels of a window are in whole blocks of rows. */
function poolTiles(x: Lowered, window: Window, output: PoolShape): Lowered | undefined {
  const { kernel, strides, pads } = window;
  if (x.layout.kind !== 'tiles' || x.layout.size % 2 !== 0) return undefined;
  if ([...kernel, ...strides].some((size) => size !== 2) || pads.some((amount) => amount !== 0))
    return undefined;
  const [height, width, channels] = sizeOfImages(x);
  if (height % 2 !== 0 || width % 2 !== 0) return undefined;
  const { size } = x.layout;
  const half = size / 2;
  const perPlace = divideDims(x.value.shape[0]!, size * size)!;
  const places = reshape(x.value, { shape: [size * size, multiplyDims(perPlace, channels)] });
  const corners = offsets(window).map(([i, j]) => {
    const rows = Int32Array.from(
      { length: half * half },
      (_, at) => (2 * Math.floor(at / half) + i) * size + 2 * (at % half) + j,
    );
    return gather(places, constant(tensor('int32', [rows.length], rows)), { axis: 0 });
  });
  const rows = reshape(maxOf(...corners), { shape: [multiplyDims(half * half, perPlace), channels] });
  return fromRows(rows, tiles(half), [batchOf(x), ...output, channels], x.clean);
}

export function lowerAveragePool(x: Lowered, window: Window, output: PoolShape): Lowered {
  const value = onnxAveragePool(convert(x, channelsFirst).value, { window, output });
  return { value, layout: channelsFirst, shape: [batchOf(x), ...output, x.shape[3]!], clean: true };
}

/**
 * The gradients of every place's window, one for each offset, added up in the pixels that they belong to, in the layout
 * of `x`. A pixel has at most ⌈kernel / stride⌉ windows along an axis.
 */
function scatterShifts(
  parts: readonly Value[],
  x: Lowered,
  window: Window,
  [height, width]: PoolShape,
): Lowered {
  const { kernel, strides, pads } = window;
  const [inHeight, inWidth] = sizeOfImages(x);
  const places = height * width;
  const layout = rowLayout(x);
  const order = rowOrder(layout, inHeight, inWidth);
  const all = { value: concat(...parts, { axis: 0 }), count: parts.length * places, perImage: places };
  const reach = (axis: 0 | 1) => Math.ceil(kernel[axis] / strides[axis]);
  const sums: Value[] = [];
  for (let down = 0; down < reach(0); down++) {
    for (let right = 0; right < reach(1); right++) {
      sums.push(
        pick(all, order.lead, order.trail, (lead, trail) => {
          const pixel = order.pixel(lead, trail);
          if (!pixel) return undefined;
          const [py, px] = [pixel[0] + pads[0], pixel[1] + pads[1]];
          const [y, wx] = [Math.floor(py / strides[0]) - down, Math.floor(px / strides[1]) - right];
          const [i, j] = [py - y * strides[0], px - wx * strides[1]];
          if (y < 0 || y >= height || wx < 0 || wx >= width || i >= kernel[0] || j >= kernel[1])
            return undefined;
          // The parts lie one after another, each [batch · places]: `a` counts whole parts.
          return { a: (i * kernel[1] + j) * places, c: y * width + wx };
        }),
      );
    }
  }
  return fromRows(sums.length === 1 ? sums[0]! : sumOf(...sums), layout, x.shape, true);
}

/** Each place's gradient goes to the first offset whose pixel equals the maximum. */
export function lowerMaxPoolGradient(dy: Lowered, x: Lowered, y: Lowered, window: Window): Lowered {
  const output = sizeOfImages(y).slice(0, 2) as [number, number];
  if (movesInBlocks(x, window)) return piecesOfMaxPoolGradient(dy, x, y, window);
  const [gradient, largest] = [dy, y].map((images) => rowsOf(convert(images, plain)).rows.value) as [
    Value,
    Value,
  ];
  let rest = gradient;
  const parts = shifts(x, window, output, Number.NEGATIVE_INFINITY).map((pixel, at, { length }) => {
    const part = mul(rest, mask(equal(pixel, largest), rest));
    if (at < length - 1) rest = sub(rest, part);
    return part;
  });
  return scatterShifts(parts, x, window, output);
}

/** As above, with the batch innermost: a piece for each offset. */
function piecesOfMaxPoolGradient(dy: Lowered, x: Lowered, y: Lowered, window: Window): Lowered {
  const [height, width, channels] = sizeOfImages(x);
  const [down, across] = sizeOfImages(y);
  const [gradient, largest] = [dy, y].map((images) =>
    reshape(convert(images, imagesLast).value, { shape: [down * across, channels, batchOf(x)] }),
  ) as [Value, Value];
  let rest = gradient;
  const offsets = windowPixels(window, [height, width], [down, across]);
  const pieces = offsets.map((pixels, at) => {
    // What the others leave is the last one's, if every window has it.
    if (at === offsets.length - 1 && !pixels.includes(-1)) return { pixels, value: rest };
    const found = equal(pixelsAt(x, pixels, Number.NEGATIVE_INFINITY), largest);
    const value = mul(rest, mask(found, rest));
    rest = sub(rest, value);
    return { pixels, value };
  });
  return fromPieces(pieces, x.shape);
}

export function lowerAveragePoolGradient(dy: Lowered, x: Lowered, window: Window): Lowered {
  const [height, width, channels] = sizeOfImages(dy);
  const [inHeight, inWidth] = sizeOfImages(x);
  const covered = (start: number, kernel: number, size: number) =>
    Math.min(size, start + kernel) - Math.max(0, start);
  const counts = new Float32Array(height * width);
  for (let place = 0; place < counts.length; place++) {
    const top = Math.floor(place / width) * window.strides[0] - window.pads[0];
    const left = (place % width) * window.strides[1] - window.pads[1];
    counts[place] = covered(top, window.kernel[0], inHeight) * covered(left, window.kernel[1], inWidth);
  }
  const share = div(convert(dy, plain).value, constant(tensor('float32', [1, height, width, 1], counts)));
  const { rows } = rowsOf({
    value: share,
    layout: plain,
    shape: [batchOf(dy), height, width, channels],
    clean: true,
  });
  return scatterShifts(
    offsets(window).map(() => rows.value),
    x,
    window,
    [height, width],
  );
}
