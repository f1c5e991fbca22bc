import { describe, expect, test } from 'vitest';
import type { Tensor } from '../src/core/tensor.ts';
import { modelFromJSON } from '../src/models/from-keras.ts';
import { adam, sgd } from '../src/optimizers/optimizers.ts';
import { goldenJson, goldenTensors } from './support/goldens.ts';
import { batches } from './support/training.ts';

/** What test/goldens/make_training.py writes of a network that Keras trains. */
interface Row {
  readonly name: string;
  readonly model: object;
  readonly weights: readonly { readonly path: string; readonly tensor: string }[];
  readonly batches: readonly { readonly images: string; readonly labels: string }[];
  readonly runs: Readonly<Record<'sgd' | 'adam', Run>>;
}

interface Run {
  readonly losses: readonly number[];
  readonly final: readonly string[];
  /** How far Keras in float32 lies from these losses, which it computed in float64. */
  readonly float32LossDistance: number;
}

/** Adam's first steps are as long for a tiny gradient as for a large one, so they carry more of its rounding. */
const optimizers = {
  sgd: { make: () => sgd({ learningRate: 0.05, momentum: 0.9 }), limit: 1e-4 },
  adam: { make: () => adam({ learningRate: 1e-3 }), limit: 1e-3 },
};

const tensors = goldenTensors('training');
const cases = goldenJson<Row[]>('training').flatMap((row) =>
  Object.entries(row.runs).map(
    ([name, run]) => [row.name, name as keyof typeof optimizers, row, run] as const,
  ),
);
const numbers = (tensor: Tensor) => tensor.data as Float32Array;

describe.each(cases)('%s trained by %s', (_, name, row, run) => {
  test('has Keras’ losses and weights after 20 steps', async () => {
    const model = modelFromJSON(row.model, { threads: 2 });
    const initial = row.weights.map(({ tensor }) => tensors[tensor]!);
    model.setWeights(initial);
    model.compile({ optimizer: optimizers[name].make(), loss: 'categoricalCrossentropy' });
    const losses: number[] = [];
    for (const step of run.losses.keys()) {
      const { images, labels } = row.batches[step % row.batches.length]!;
      const { epochs } = await model.fitDataset(
        batches({ inputs: tensors[images]!, targets: tensors[labels] as Tensor<'float32'> }),
      );
      losses.push(epochs[0]!.loss!);
    }
    await model.dispose();
    losses.forEach((loss, step) => {
      const limit = Math.max(1e-5, 4 * run.float32LossDistance);
      expect(Math.abs(loss - run.losses[step]!) / run.losses[step]!, `step ${step}`).toBeLessThan(limit);
    });
    // Of all weights together, against the change that training made.
    let [difference, change] = [0, 0];
    model.weights.forEach(({ value }, i) => {
      const [begun, found, expected] = [initial[i]!, value!, tensors[run.final[i]!]!].map(numbers);
      expected!.forEach((wanted, at) => {
        difference += (found![at]! - wanted) ** 2;
        change += (begun![at]! - wanted) ** 2;
      });
      if (run.final[i] === row.weights[i]!.tensor) expect(found, row.weights[i]!.path).toEqual(begun);
    });
    expect(Math.sqrt(difference / change)).toBeLessThan(optimizers[name].limit);
  });
});
