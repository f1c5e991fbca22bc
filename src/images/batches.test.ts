import { describe, expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { floats, tensor } from '../core/tensor.ts';
import { cutmix, type LabelledBatch, mixup } from './batches.ts';

const n = 6;
const size = 8 * 10 * 3;

/** Each image of one level, each label a class of its own, so that results say what they were mixed from. */
function batch(): LabelledBatch<'float32'> {
  const images = floats(
    Float32Array.from({ length: n * size }, (_, i) => 10 * Math.floor(i / size)),
    [n, 8, 10, 3],
  );
  const labels = floats(
    Array.from({ length: n * n }, (_, i) => Number(Math.floor(i / n) === i % n)),
    [n, n],
  );
  return { images, labels };
}
const rowsOf = (data: Float32Array, count: number): Float32Array[] =>
  Array.from({ length: n }, (_, i) => data.subarray(i * count, (i + 1) * count));

describe.each([
  ['mixup', mixup],
  ['cutmix', cutmix],
] as const)('%s', (_, mix) => {
  test('mixes labels as it mixes pixels', () => {
    for (let element = 0; element < 20; element++) {
      const { images, labels } = mix(batch(), { seed: 1, element, alpha: 0.7 });
      const shares = rowsOf(labels.data, n);
      rowsOf(images.data, size).forEach((pixels, i) => {
        const mean = pixels.reduce((sum, level) => sum + level, 0) / size;
        const expected = shares[i]!.reduce((sum, share, label) => sum + share * 10 * label, 0);
        expect(Math.abs(mean - expected)).toBeLessThan(1e-3);
        expect(Math.abs(shares[i]!.reduce((sum, share) => sum + share) - 1)).toBeLessThan(1e-6);
      });
    }
  });

  test('depends on seed and element, and changes nothing that it was given', () => {
    const given = batch();
    const first = mix(given, { seed: 1, element: [0, 1] });
    expect(given).toEqual(batch());
    expect(mix(given, { seed: 1, element: [0, 1] })).toEqual(first);
    expect(mix(given, { seed: 1, element: [0, 2] })).not.toEqual(first);
    expect(mix(given, { seed: 2, element: [0, 1] })).not.toEqual(first);
  });

  test('bytes stay bytes', () => {
    const { labels } = batch();
    const images = tensor('uint8', [n, 8, 10, 3], Uint8Array.from(batch().images.data));
    const mixed = mix({ images, labels }, { seed: 1, element: 0 });
    const exact = mix(batch(), { seed: 1, element: 0 });
    expect(mixed.images.dtype).toBe('uint8');
    expect([...mixed.images.data]).toEqual(Array.from(exact.images.data, (level) => Math.floor(level + 0.5)));
  });

  test('refuses what makes no sense', () => {
    expect(() => mix(batch(), { seed: 1, element: 0, alpha: 0 })).toThrow('alpha must be');
    expect(() => mix(batch(), { seed: 0.5, element: 0 })).toThrow(UsageError);
    const { images } = batch();
    expect(() => mix({ images, labels: floats([1, 0], [1, 2]) }, { seed: 1, element: 0 })).toThrow(
      'got [6, 8, 10, 3] and [1, 2]',
    );
  });
});

test.each([0.2, 1, 5])('shares are of Beta(%d, same): mean a half, variance 1 / (8α + 4)', (alpha) => {
  const shares: number[] = [];
  for (let element = 0; element < 2000; element++) {
    const one = { images: floats([0, 1], [2, 1, 1, 1]), labels: floats([1, 0, 0, 1], [2, 2]) };
    const { labels } = mixup(one, { seed: 3, element, alpha });
    // Where an image was mixed with itself, its share is lost.
    if (labels.data[0] !== 1) shares.push(labels.data[0]!, labels.data[3]!);
  }
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
  const expected = 1 / (8 * alpha + 4);
  expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(expected / shares.length));
  expect(Math.abs(variance / expected - 1)).toBeLessThan(0.15);
});
