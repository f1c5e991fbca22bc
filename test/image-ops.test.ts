import { expect, test } from 'vitest';
import { applyOps } from '../src/images/apply.ts';
import type { ImageOp } from '../src/images/ops.ts';
import type { Channels, Pixels } from '../src/images/pixels.ts';
import { goldenJson, goldenTensors } from './support/goldens.ts';

interface Row {
  readonly source: string;
  readonly ops: readonly ImageOp[];
  readonly expected: string;
  /** In the numbers of the result. */
  readonly tolerance: number;
}
const tensors = goldenTensors('image_ops');
const rows = goldenJson<Row[]>('image_ops');

function pixelsOf(name: string): Pixels {
  const { data, shape } = tensors[name]!;
  const [height, width, channels] = shape as [number, number, Channels];
  return { dtype: 'uint8', data: data as Uint8Array, height, width, channels };
}

/** `resize nearest 9×14, toFloats` */
const title = (ops: readonly ImageOp[]): string =>
  ops.map(({ op, ...options }) => `${op} ${Object.values(options).join(' ')}`.trim()).join(', ');

test.each(rows.map((row) => ({ ...row, title: `${row.source}: ${title(row.ops)}` })))(
  '$title',
  ({ source, ops, expected: key, tolerance }) => {
    const expected = tensors[key]!;
    const image = pixelsOf(source);
    const before = image.data.slice();
    const { data, height, width, channels } = applyOps(image, ops);
    expect([height, width, channels]).toEqual(expected.shape);
    let worst = 0;
    for (let i = 0; i < data.length; i++) {
      worst = Math.max(worst, Math.abs(data[i]! - Number(expected.data[i])));
    }
    expect(worst).toBeLessThanOrEqual(tolerance);
    expect(Buffer.compare(image.data as Uint8Array, before as Uint8Array)).toBe(0);
  },
);
