import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gradient } from '../src/autodiff/gradient.ts';
import type { Tensor } from '../src/core/tensor.ts';
import { input } from '../src/graph/leaves.ts';
import type { Value } from '../src/graph/value.ts';
import * as conv from '../src/ops/conv.ts';
import * as elementwise from '../src/ops/elementwise.ts';
import * as linear from '../src/ops/linear.ts';
import * as pool from '../src/ops/pool.ts';
import * as reduce from '../src/ops/reduce.ts';
import * as shaping from '../src/ops/shaping.ts';
import * as softmax from '../src/ops/softmax.ts';
import { Device } from '../src/runtime/device.ts';
import { goldenJson, goldenTensors, relativeError } from './support/goldens.ts';

interface Row {
  readonly op: string;
  readonly name: string;
  readonly inputs: readonly string[];
  readonly attributes: Record<string, unknown>;
  readonly output: string;
  readonly upstream: string;
  /** By each input; null where it is a constant. */
  readonly gradients: readonly (string | null)[];
}

type AnyOp = (...args: unknown[]) => Value;
const operators = {
  ...conv,
  ...elementwise,
  ...linear,
  ...pool,
  ...reduce,
  ...shaping,
  ...softmax,
} as unknown as Record<string, AnyOp>;

/** Images whose batch is known only when the graph runs, as in training; everything else as it is. */
const symbolic = (shape: readonly number[], isImages: boolean) =>
  isImages ? ['batch', ...shape.slice(1)] : shape;

const tensors = goldenTensors('operators');
let device: Device;
beforeAll(async () => {
  device = await Device.open({ threads: 1 });
});
afterAll(() => device.close());

describe.each(goldenJson<Row[]>('operators'))('$op $name', (row) => {
  test.each(['training', 'portable'] as const)(
    'has TensorFlow’s value and gradients (%s)',
    async (purpose) => {
      const feeds: Record<string, Tensor> = { upstream: tensors[row.upstream]! };
      const inputs = row.inputs.map((name, i) => {
        const value = tensors[name]!;
        feeds[`x${i}`] = value;
        const images = /2d$/.test(row.op) && i === 0;
        return input(`x${i}`, symbolic(value.shape, images), value.dtype);
      });
      const wrt = inputs.slice(0, row.gradients.length);
      const y = operators[row.op]!(...inputs, row.attributes);
      const loss = reduce.reduceSum(elementwise.mul(y, input('upstream', y.shape)));
      const gradients = gradient(loss, wrt);
      const program = await device.compile({
        name: row.name,
        outputs: { y, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) },
        purpose,
      });
      const results = await program.run(feeds);
      expect(results.y!.shape).toEqual(tensors[row.output]!.shape);
      expect(
        relativeError(results.y!.data as Float32Array, tensors[row.output]!.data as Float32Array),
      ).toBeLessThan(1e-5);
      row.gradients.forEach((name, i) => {
        if (name === null) return;
        const error = relativeError(
          results[`g${i}`]!.data as Float32Array,
          tensors[name]!.data as Float32Array,
        );
        expect(error, name).toBeLessThan(1e-5);
      });
    },
  );
});
