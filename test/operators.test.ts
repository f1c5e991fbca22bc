import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gradient } from '../src/autodiff/gradient.ts';
import type { Tensor } from '../src/core/tensor.ts';
import { input } from '../src/graph/leaves.ts';
import type { Value } from '../src/graph/value.ts';
import * as conv from '../src/ops/conv.ts';
import * as elementwise from '../src/ops/elementwise.ts';
import * as linear from '../src/ops/linear.ts';
import * as pool from '../src/ops/pool.ts';
import * as rearranging from '../src/ops/rearranging.ts';
import * as reduce from '../src/ops/reduce.ts';
import * as shaping from '../src/ops/shaping.ts';
import * as softmax from '../src/ops/softmax.ts';
import * as sorting from '../src/ops/sorting.ts';
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
/** What gives several values, each by itself. */
const parts = {
  variance: (x: Value, attributes: reduce.ReduceAttributes) => reduce.moments(x, attributes).variance,
  topKValues: (x: Value, attributes: { k: number }) => sorting.topK(x, attributes).values,
};
const operators = {
  ...parts,
  ...conv,
  ...elementwise,
  ...linear,
  ...pool,
  ...rearranging,
  ...reduce,
  ...shaping,
  ...softmax,
  ...sorting,
} as unknown as Record<string, AnyOp>;

/** Whose first axis is a batch that is known only when the graph runs, as in training. */
const batched = new Set([
  ...['conv2d', 'conv2dTranspose', 'maxPool2d', 'averagePool2d', 'sort', 'cumSum', 'topKValues', 'takeAlong'],
  ...['gatherRows', 'gather', 'flip', 'tile', 'repeatElements', 'pad', 'padEdges', 'oneHot'],
]);
const isBatch = (op: string, input: number) =>
  batched.has(op) && (input === 0 || op === 'takeAlong' || op === 'gatherRows');
const symbolic = (shape: readonly number[], isBatch: boolean) =>
  isBatch ? ['batch', ...shape.slice(1)] : shape;

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
        return input(`x${i}`, symbolic(value.shape, isBatch(row.op, i)), value.dtype);
      });
      const result = operators[row.op]!(...inputs, row.attributes);
      const y = result.dtype === 'float32' ? result : elementwise.cast(result, { to: 'float32' });
      const wrt = inputs.filter((_, i) => row.gradients[i] !== null);
      const goldens = row.gradients.filter((name) => name !== null);
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
      goldens.forEach((name, i) => {
        const error = relativeError(
          results[`g${i}`]!.data as Float32Array,
          tensors[name]!.data as Float32Array,
        );
        expect(error, name).toBeLessThan(1e-5);
      });
    },
  );
});
