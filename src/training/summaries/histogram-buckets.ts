/** As many as TensorFlow makes by default. */
const bucketCount = 30;

/**
 * Values counted in 30 buckets of equal width, from the least to the greatest: [30, 3], left edge, right edge and count.
 * A bucket has its left edge; the last one has both. Where all values are equal, all edges are that value, and the last
 * bucket counts; without values all is 0. NaN and infinite values are left out.
 * https://www.tensorflow.org/api_docs/python/tf/summary/histogram
 */
export function histogramBuckets(values: Float32Array | Float64Array): Float64Array {
  const buckets = new Float64Array(bucketCount * 3);
  let [least, greatest] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  if (least > greatest) return buckets;

  // Halves, as the width of all of float64 would be infinite.
  const scale = Number.isFinite(greatest - least) ? 1 : 0.5;
  const width = greatest * scale - least * scale;
  const last = bucketCount - 1;
  for (let i = 0; i < bucketCount; i++) {
    const edge = (at: number): number =>
      at === bucketCount ? greatest : (least * scale + width * (at / bucketCount)) / scale;
    buckets[i * 3] = edge(i);
    buckets[i * 3 + 1] = edge(i + 1);
  }
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    const part = width === 0 ? 1 : (value * scale - least * scale) / width;
    const bucket = Math.min(last, Math.floor(part * bucketCount));
    buckets[bucket * 3 + 2]! += 1;
  }
  return buckets;
}
