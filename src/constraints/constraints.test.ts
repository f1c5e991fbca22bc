import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { goldenJson, goldenTensors, relativeError } from '../../test/support/goldens.ts';
import { withCustomObjects } from '../core/custom-objects.ts';
import { DataError, ShapeError, UsageError } from '../core/errors.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { constant, input } from '../graph/leaves.ts';
import type { Value } from '../graph/value.ts';
import { mul } from '../ops/elementwise.ts';
import { reduceSum } from '../ops/reduce.ts';
import {
  type Constraint,
  constrained,
  constraintKind,
  constraintTable,
  maxNorm,
  minMaxNorm,
  nonNeg,
  unitNorm,
} from './constraints.ts';

interface Row {
  readonly spec: { readonly module: string; readonly class_name: string; readonly config: object };
  readonly weight: string;
  readonly value: string;
}

const rows = goldenJson<Row[]>('rules').filter(({ spec }) => spec.module === 'keras.constraints');
const tensors = goldenTensors('rules');
const device = useDevice();

async function project(constraint: Constraint, weight: Tensor): Promise<Tensor<'float32'>> {
  const projected = constrained(constraint, input('w', weight.shape));
  return (await device.run({ projected }, { w: weight })).projected as Tensor<'float32'>;
}

const fromKeras = (json: unknown) => constraintKind.check(constraintKind.fromKeras!(json))!;

test('the goldens hold every constraint', () => {
  expect(new Set(rows.map(({ spec }) => spec.class_name))).toEqual(new Set(Object.keys(constraintTable)));
});

describe.each(rows)('$spec.class_name $spec.config of $weight', (row) => {
  test('gives Keras’ weight', async () => {
    const { shape, data } = await project(fromKeras(row.spec), tensors[row.weight]!);
    const expected = tensors[row.value] as Tensor<'float32'>;
    expect(shape).toEqual(expected.shape);
    expect(relativeError(data, expected.data)).toBeLessThan(1e-6);
  });

  test('comes from Keras’ config and goes back to it', () => {
    expect(constraintKind.toKeras!(fromKeras(row.spec))).toEqual({ ...row.spec, registered_name: null });
  });
});

test('the functions give specs, with Keras’ defaults', () => {
  expect(maxNorm()).toEqual({ className: 'MaxNorm', config: { maxValue: 2, axis: 0 } });
  expect(minMaxNorm({ rate: 0.5, axis: [0, 1] })).toEqual({
    className: 'MinMaxNorm',
    config: { minValue: 0, maxValue: 1, rate: 0.5, axis: [0, 1] },
  });
  expect(nonNeg()).toEqual({ className: 'NonNeg', config: {} });
  expect(unitNorm({ axis: -1 })).toEqual({ className: 'UnitNorm', config: { axis: -1 } });
});

test('what already fits stays, zeros included, and norms end within their bounds', async () => {
  const norms = input('w', [4, 3]);
  const constraints: Record<string, Constraint> = {
    max: maxNorm({ maxValue: 1.5 }),
    between: minMaxNorm({ minValue: 0.5, maxValue: 1.5 }),
    unit: 'unitNorm',
    positive: 'nonNeg',
  };
  const program = await device.compile(
    Object.fromEntries(Object.entries(constraints).map(([name, each]) => [name, constrained(each, norms)])),
  );
  const value = fc.float({ min: -4, max: 4, noNaN: true }).map((x) => (Math.abs(x) < 1e-2 ? 0 : x));
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 12, maxLength: 12 }), async (values) => {
      const results = await program.run({ w: floats(values, [4, 3]) });
      const column = (data: ArrayLike<number>, j: number) => [0, 1, 2, 3].map((i) => data[i * 3 + j]!);
      const norm = (data: ArrayLike<number>, j: number) => Math.hypot(...column(data, j));
      for (let j = 0; j < 3; j++) {
        const before = norm(values, j);
        const after = (name: string) => norm(results[name]!.data as Float32Array, j);
        expect(after('max')).toBeCloseTo(Math.min(before, 1.5), 4);
        expect(after('between')).toBeCloseTo(before && Math.min(Math.max(before, 0.5), 1.5), 4);
        expect(after('unit')).toBeCloseTo(before && 1, 4);
        column(results.positive!.data as Float32Array, j).forEach((x, i) => {
          expect(x + 0).toBe(Math.max(0, Math.fround(column(values, j)[i]!)));
        });
      }
    }),
    { numRuns: 40 },
  );
  await program.dispose();
});

test('a function of one’s own is a constraint, and saved by its name', async () => {
  const halved = (weight: Value) => mul(weight, constant(0.5));
  expect((await project(halved, floats([1, -4]))).data).toEqual(Float32Array.of(0.5, -2));
  withCustomObjects({ halved }, () => {
    expect(fromKeras(JSON.parse(JSON.stringify(constraintKind.toKeras!(halved))))).toBe(halved);
  });
});

test.each<[string, () => unknown, new (message: string) => Error, string]>([
  [
    'a negative norm',
    () => maxNorm({ maxValue: -1 }),
    UsageError,
    'constraint MaxNorm: maxValue must be a number from 0 on, got -1',
  ],
  [
    'half an axis',
    () => unitNorm({ axis: 0.5 }),
    UsageError,
    'constraint UnitNorm: axis must be a whole number',
  ],
  ['an unknown option', () => nonNeg({ axis: 0 } as never), UsageError, "there is no option 'axis'"],
  [
    'an axis that the weight does not have',
    () => constrained(maxNorm({ axis: [0, 2] }), input('w', [4, 3])),
    ShapeError,
    'MaxNorm: axis must lie in [-2, 2), got 2',
  ],
  [
    'an unknown name',
    () => constrained('small' as never, input('w', [2])),
    UsageError,
    'constrained: constraint must be',
  ],
  [
    'a function that changes the shape',
    () =>
      constrained(
        function own(w) {
          return reduceSum(w);
        },
        input('w', [2]),
      ),
    ShapeError,
    'constraint own: float32[2] is needed, got float32[]',
  ],
  [
    'a class that Keras does not have',
    () => fromKeras({ class_name: 'Small' }),
    DataError,
    "no constraint 'Small'",
  ],
])('refuses %s', (_, call, type, message) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
