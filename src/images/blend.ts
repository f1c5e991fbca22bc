import { blendWasm } from './blend-wasm.ts';
import type { Levels } from './levels.ts';
import type { Memory } from './memory.ts';
import type { Spans } from './spans.ts';

/** As much as is used here: TypeScript's own declarations come with those of a browser. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: object };
};

/** The loops over pixels, blend.wat; numbers are places in `memory`, in bytes. */
interface Loops {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): void };
  blendRows(row: number, data: number, length: number, weights: number, taps: number): void;
  blendGrey(out: number, row: number, starts: number, weights: number, taps: number, width: number): void;
  blendColors(
    out: number,
    row: number,
    starts: number,
    weights: number,
    taps: number,
    width: number,
    stride: number,
  ): void;
}

let assembled: Loops | undefined;

function assembledLoops(): Loops {
  const module = () => new WebAssembly.Module(Buffer.from(blendWasm, 'base64'));
  assembled ??= new WebAssembly.Instance(module()).exports as Loops;
  return assembled;
}

/** Bytes behind each part, as the loops take up to 16 at once. */
const slack = 16;

/** Places for parts of these sizes in bytes, one behind another in the loops' memory, which grows as it must. */
function place({ memory }: Loops, sizes: readonly number[]): number[] {
  let end = 0;
  const places = sizes.map((size) => {
    const start = end;
    end = (start + size + 2 * slack) & ~(slack - 1);
    return start;
  });
  const missing = end - memory.buffer.byteLength;
  if (missing > 0) memory.grow(Math.ceil(missing / 65_536));
  return places;
}

/**
 * Every row and column a weighted sum of the source's, in two passes: rows, then columns. Sums are of double precision,
 * what lies between the passes and the result of single. Only what one row of the result needs lies in the loops' memory.
 */
export function blend(image: Levels, rows: Spans, columns: Spans, memory: Memory): Levels {
  const { data, channels } = image;
  const [height, width] = [rows.starts.length, columns.starts.length];
  const length = image.width * channels;
  const loops = assembledLoops();
  const [starts, columnWeights, rowWeights, row, out, pixels] = place(loops, [
    4 * width,
    8 * columns.weights.length,
    8 * rows.weights.length,
    // Spans reach beyond the end of the row, by weights of 0.
    4 * (length + columns.taps * channels),
    4 * width * channels,
    length * rows.taps,
  ]) as [number, number, number, number, number, number];
  const { buffer } = loops.memory;
  new Int32Array(buffer, starts).set(columns.starts);
  new Float64Array(buffer, columnWeights).set(columns.weights);
  new Float64Array(buffer, rowWeights).set(rows.weights);
  const floats = new Float32Array(buffer, row, length + columns.taps * channels).fill(0);
  const bytes = new Uint8Array(buffer, pixels);
  const blended = new Float32Array(buffer, out, width * channels);

  const result = memory.floats(height * width * channels);
  for (let y = 0; y < height; y++) {
    const taps = rows.counts[y]!;
    const from = rows.starts[y]! * length;
    if (data instanceof Uint8Array) {
      bytes.set(data.subarray(from, from + taps * length));
      loops.blendRows(row, pixels, length, rowWeights + 8 * y * rows.taps, taps);
    } else {
      blendFloatRows(floats, length, data, from, rows, y);
    }
    if (channels === 1) loops.blendGrey(out, row, starts, columnWeights, columns.taps, width);
    else loops.blendColors(out, row, starts, columnWeights, columns.taps, width, 4 * channels);
    result.set(blended, y * width * channels);
  }
  return { ...image, data: result, height, width };
}

function blendFloatRows(
  row: Float32Array,
  length: number,
  data: Float32Array,
  start: number,
  spans: Spans,
  y: number,
): void {
  row.fill(0, 0, length);
  for (let t = 0; t < spans.counts[y]!; t++) {
    const weight = spans.weights[y * spans.taps + t]!;
    const from = start + t * length;
    for (let x = 0; x < length; x++) row[x]! += weight * data[from + x]!;
  }
}
