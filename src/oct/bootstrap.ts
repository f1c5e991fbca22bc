import type { RandomStream } from '../core/random.ts';
import type { Steps } from '../core/turns.ts';

/**
 * Standard errors of figures by the bootstrap over clusters: whole patients are drawn with replacement, as many as
 * there are, since the images of one patient are not independent. Field and Welsh, "Bootstrapping clustered data",
 * J. R. Stat. Soc. B 69 (2007).
 *
 * @param figures figures of the images under weights: how often each image's patient was drawn
 * @param patients the patient of each image, from 0 on
 * @returns the standard deviation of each figure over the resamples in which it is defined (not NaN); 0 where that is
 *   fewer than two
 */
export function* bootstrapErrors(
  figures: (weights: Float64Array) => Float64Array,
  patients: ArrayLike<number>,
  patientCount: number,
  resamples: number,
  stream: RandomStream,
): Steps<Float64Array> {
  const weights = new Float64Array(patients.length);
  const drawn = new Float64Array(patientCount);
  const moments: RunningMoments[] = [];
  for (let resample = 0; resample < resamples; resample++) {
    drawn.fill(0);
    for (let i = 0; i < patientCount; i++) drawn[stream.below(patientCount)]!++;
    for (let i = 0; i < weights.length; i++) weights[i] = drawn[patients[i]!]!;
    figures(weights).forEach((value, i) => {
      moments[i] ??= { count: 0, mean: 0, squares: 0 };
      if (!Number.isNaN(value)) add(moments[i], value);
    });
    yield;
  }
  return Float64Array.from(moments, ({ count, squares }) => (count < 2 ? 0 : Math.sqrt(squares / count)));
}

/** Welford's sums: exactly zero where all values are equal. */
interface RunningMoments {
  count: number;
  mean: number;
  squares: number;
}

function add(moments: RunningMoments, value: number): void {
  moments.count++;
  const before = value - moments.mean;
  moments.mean += before / moments.count;
  moments.squares += before * (value - moments.mean);
}
