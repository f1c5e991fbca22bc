import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { goldenJson, goldenTensors, relativeError } from '../../test/support/goldens.ts';
import { gradient } from '../autodiff/gradient.ts';
import { withCustomObjects } from '../core/custom-objects.ts';
import { DataError, ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { exp } from '../ops/elementwise.ts';
import { reduceMax } from '../ops/reduce.ts';
import { l1, l1l2, l2, orthogonal, penaltyOf, type Regularizer, regularizerKind } from './regularizers.ts';

interface Row {
  readonly spec: { readonly module: string; readonly class_name: string; readonly config: object };
  readonly weight: string;
  readonly value: number;
  readonly gradient: string;
}

const rows = goldenJson<Row[]>('rules').filter(({ spec }) => spec.module === 'keras.regularizers');
const tensors = goldenTensors('rules');
const device = useDevice();

async function penaltyAndGradient(regularizer: Regularizer, weight: Tensor) {
  const w = input('w', weight.shape);
  const penalty = penaltyOf(regularizer, w);
  const [dw] = gradient(penalty, [w]);
  return device.run({ penalty, dw: dw! }, { w: weight });
}

const fromKeras = (json: unknown) => regularizerKind.check(regularizerKind.fromKeras!(json))!;

test('the goldens hold every regularizer', () => {
  expect(new Set(rows.map(({ spec }) => spec.class_name)).size).toBe(4);
});

describe.each(rows)('$spec.class_name $spec.config of $weight', (row) => {
  test('has Keras’ value and gradient', async () => {
    const { penalty, dw } = await penaltyAndGradient(fromKeras(row.spec), tensors[row.weight]!);
    expect(penalty!.shape).toEqual([]);
    expect(relativeError(penalty!.data as Float32Array, [row.value])).toBeLessThan(1e-6);
    const expected = tensors[row.gradient]!.data as Float32Array;
    expect(relativeError(dw!.data as Float32Array, expected)).toBeLessThan(1e-5);
  });

  test('comes from Keras’ config and goes back to it', () => {
    expect(regularizerKind.toKeras!(fromKeras(row.spec))).toEqual({ ...row.spec, registered_name: null });
  });
});

test('the functions give specs, with Keras’ defaults', () => {
  expect(l1()).toEqual({ className: 'L1', config: { l1: 0.01 } });
  expect(l1(0.3)).toEqual(l1({ l1: 0.3 }));
  expect(l2()).toEqual({ className: 'L2', config: { l2: 0.01 } });
  expect(l2(0.1)).toEqual(l2({ l2: 0.1 }));
  expect(l1l2({ l2: 0.5 })).toEqual({ className: 'L1L2', config: { l1: 0, l2: 0.5 } });
  expect(orthogonal({ mode: 'columns' })).toEqual({
    className: 'OrthogonalRegularizer',
    config: { factor: 0.01, mode: 'columns' },
  });
});

test.each(['l1', 'l2', 'l1l2', 'orthogonalRegularizer', 'l1_l2', 'L1L2'])('%s is a name', (name) => {
  const spec = regularizerKind.check(name) as ReturnType<typeof l1l2>;
  expect(spec.className.toLowerCase()).toBe(name.replace('_', '').toLowerCase());
});

test('a name and a spec that leaves options out have the defaults', async () => {
  const weight = floats([1, 2, -3], [3]);
  for (const regularizer of ['l2', { className: 'L2', config: {} }] as const) {
    expect((await penaltyAndGradient(regularizer, weight)).penalty!.data[0]).toBeCloseTo(0.14, 6);
  }
});

test('a function of one’s own is a regularizer, and saved by its name', async () => {
  const largest = (weight: Value) => reduceMax(exp(weight));
  const { penalty, dw } = await penaltyAndGradient(largest, floats([0, 1, -3], [3]));
  expect(penalty!.data[0]).toBeCloseTo(Math.E, 5);
  expect(dw!.data[1]).toBeCloseTo(Math.E, 5);
  withCustomObjects({ largest }, () => {
    const json = JSON.parse(JSON.stringify(regularizerKind.toKeras!(largest)));
    expect(fromKeras(json)).toBe(largest);
  });
});

describe('orthogonality', () => {
  test('is nothing to ask of a single row', async () => {
    const { penalty, dw } = await penaltyAndGradient(orthogonal(), floats([3, 4], [1, 2]));
    expect([penalty!.data[0], ...(dw!.data as Float32Array)]).toEqual([0, 0, 0]);
  });

  test('is 0 of orthogonal rows and the factor of parallel ones, and a row of zeros has a gradient', async () => {
    const of = async (...values: number[]) =>
      penaltyAndGradient(orthogonal({ factor: 2 }), floats(values, [2, 2]));
    expect((await of(3, 4, -4, 3)).penalty!.data[0]).toBeCloseTo(0, 6);
    expect((await of(3, 4, -6, -8)).penalty!.data[0]).toBeCloseTo(2, 6);
    const zero = await of(3, 4, 0, 0);
    expect(zero.penalty!.data[0]).toBe(0);
    expect([...(zero.dw!.data as Float32Array)].every(Number.isFinite)).toBe(true);
  });
});

test.each<[string, () => unknown, new (message: string) => Error, string]>([
  ['a negative factor', () => l2(-1), UsageError, 'regularizer L2: l2 must be a number from 0 on, got -1'],
  ['an unknown option', () => l1({ l2: 1 } as never), UsageError, "regularizer L1: there is no option 'l2'"],
  [
    'an unknown name',
    () => penaltyOf('l3' as never, input('w', [2])),
    UsageError,
    'penaltyOf: regularizer must be regularizer: one of l1',
  ],
  [
    'kernels of images, of which the rows are to be orthogonal',
    () => penaltyOf(orthogonal(), input('w', [3, 3, 2, 2])),
    ShapeError,
    'OrthogonalRegularizer: a matrix is needed, got a weight float32[3, 3, 2, 2]',
  ],
  [
    'a function that gives no scalar',
    () =>
      penaltyOf(
        function own(w) {
          return w;
        },
        input('w', [2]),
      ),
    ShapeError,
    'regularizer own: a scalar is needed, got float32[2]',
  ],
  [
    'a class that Keras does not have',
    () => fromKeras({ class_name: 'L3', config: {} }),
    DataError,
    "no regularizer 'L3'",
  ],
  [
    'a function without a name',
    () => regularizerKind.toKeras!((w) => w),
    UsageError,
    'registerCustomObjects',
  ],
])('refuses %s', (_, call, type, message) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
