import type { RandomStream } from '../core/random.ts';
import { floats } from '../core/tensor.ts';
import type { Predictions } from './evaluation.ts';

/** What to simulate. The defaults are near the test part of the OCT sample: 58 patients with 1.7 images each. */
export interface SimulatedPatients {
  readonly patients: number;
  /** How far the true class stands out, in standard deviations: 1.7 gives an accuracy of 0.75, 2.4 one of 0.89. */
  readonly signal: number;
  /** The share of the noise's variance that the images of one patient have in common. */
  readonly correlation: number;
}

const classes = ['CNV', 'DME', 'DRUSEN', 'NORMAL'];
const classShares = [0.24, 0.29, 0.17, 0.3];
const imageCountShares = [0.6, 0.2, 0.1, 0.1]; // 1, 2, 3 and 4 images

/**
 * Predictions for made-up patients, each of one class, by a model whose errors a patient's images share in part. It
 * serves to measure how often an interval covers the truth, which only a simulation knows.
 */
export function simulatePatients(
  { patients, signal, correlation }: SimulatedPatients,
  stream: RandomStream,
): Predictions {
  const labels: number[] = [];
  const names: string[] = [];
  const probabilities: number[] = [];
  for (let patient = 0; patient < patients; patient++) {
    const label = draw(classShares, stream);
    const images = 1 + draw(imageCountShares, stream);
    const common = classes.map(() => stream.normal());
    for (let image = 0; image < images; image++) {
      const odds = common.map((shared, c) => {
        const noise = Math.sqrt(correlation) * shared + Math.sqrt(1 - correlation) * stream.normal();
        return Math.exp(2 * (noise + (c === label ? signal : 0)));
      });
      const total = odds.reduce((sum, odd) => sum + odd, 0);
      probabilities.push(...odds.map((odd) => odd / total));
      labels.push(label);
      names.push(`${patient}`);
    }
  }
  const shape = [labels.length, classes.length];
  return { probabilities: floats(probabilities, shape), labels, patients: names, classes };
}

/** A number from 0 on, by its share. */
function draw(shares: readonly number[], stream: RandomStream): number {
  let rest = stream.uniform();
  const index = shares.findIndex((share) => {
    rest -= share;
    return rest < 0;
  });
  return index < 0 ? shares.length - 1 : index;
}
