import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { gradient } from '../autodiff/gradient.ts';
import { ShapeError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import { reduceSum } from '../ops/reduce.ts';
import { softmax } from '../ops/softmax.ts';
import { categoricalCrossentropy } from './losses.ts';

const { run } = useDevice();
const classes = ['batch', 3];
const targets = input('targets', classes);

describe('categoricalCrossentropy', () => {
  test.each<[string, number[], number[], number]>([
    // Values of keras.losses.categorical_crossentropy, Keras 3.15
    ['probabilities', [1, 0, 0], [0.2, 0.3, 0.5], 1.6094379],
    ['predictions that do not sum to 1', [0, 1, 0], [1, 1, 2], 1.3862944],
    ['a target of probability zero', [0, 0, 1], [0.5, 0.5, 0], 16.118095],
    ['soft targets', [0.2, 0.3, 0.5], [0.2, 0.3, 0.5], 1.0296531],
    ['certainty', [0, 1, 0], [0, 1, 0], 1.192093e-7],
    ['certainty of another class', [1, 0, 0], [0, 3, 1], 16.118095],
    ['tiny probabilities', [0.5, 0.5, 0], [1e-9, 1e-9, 1], 16.118095],
  ])('of %s is Keras’', async (_, target, prediction, expected) => {
    const loss = categoricalCrossentropy(targets, input('predictions', classes));
    const feeds = { targets: floats(target, [1, 3]), predictions: floats(prediction, [1, 3]) };
    const [found] = (await run({ loss }, feeds)).loss!.data as Float32Array;
    expect(Math.abs(found! - expected)).toBeLessThan(1e-6 * Math.max(1, expected) + 1e-8);
  });

  test.each([
    { logits: [1, 2, 3], target: [1, 0, 0], expected: Math.log(Math.exp(1) + Math.exp(2) + Math.exp(3)) - 1 },
    { logits: [1e4, 0, -1e4], target: [1, 0, 0], expected: 0 },
    { logits: [1e4, 0, -1e4], target: [0, 0, 1], expected: 2e4 },
    { logits: [-80, -80, -80], target: [0, 1, 0], expected: Math.log(3) },
    { logits: [30, 0, 0], target: [1, 0, 0], expected: Math.log1p(2 * Math.exp(-30)) },
  ])(
    'of the softmax of $logits loses no digit, nor does its gradient',
    async ({ logits, target, expected }) => {
      const x = input('logits', classes);
      const loss = categoricalCrossentropy(targets, softmax(x));
      const [slope] = gradient(reduceSum(loss), [x]);
      const outputs = { loss, slope: slope!, probabilities: softmax(x) };
      const result = await run(outputs, { targets: floats(target, [1, 3]), logits: floats(logits, [1, 3]) });
      const [found] = result.loss!.data as Float32Array;
      expect(Math.abs(found! - expected)).toBeLessThan(1e-6 * Math.max(expected, 0.1));
      const probabilities = result.probabilities!.data as Float32Array;
      (result.slope!.data as Float32Array).forEach((value, i) => {
        expect(value).toBeCloseTo(probabilities[i]! - target[i]!, 6);
      });
    },
  );

  test('has a finite gradient where a probability is zero or one', async () => {
    const x = input('predictions', classes);
    const [slope] = gradient(reduceSum(categoricalCrossentropy(targets, x)), [x]);
    const feeds = { targets: floats([1, 0, 0], [1, 3]), predictions: floats([0, 1, 0], [1, 3]) };
    for (const value of (await run({ slope: slope! }, feeds)).slope!.data as Float32Array) {
      expect(Number.isFinite(value)).toBe(true);
    }
  });

  test('refuses targets of another shape', () => {
    const wrong = constant(floats([1, 0], [1, 2]));
    expect(() => categoricalCrossentropy(wrong, input('predictions', classes))).toThrow(ShapeError);
    expect(() => categoricalCrossentropy(wrong, input('predictions', classes))).toThrow('[1, 2]');
  });
});
