import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { goldenJson, goldenTensors, relativeError } from '../../test/support/goldens.ts';
import { withCustomObjects } from '../core/custom-objects.ts';
import { DataError, ShapeError, UsageError } from '../core/errors.ts';
import { deriveKey } from '../core/random.ts';
import { bytesOf, elementCount, floats, type Tensor } from '../core/tensor.ts';
import {
  computeFans,
  drawInitial,
  type Initializer,
  initializerKind,
  initializers,
  initializerTable,
} from './initializers.ts';

interface Row {
  readonly spec: { readonly module: string; readonly class_name: string; readonly config: object };
  readonly shape?: readonly number[];
  readonly value?: string;
}

const key = deriveKey(1, 'initializers');
const rows = goldenJson<Row[]>('rules').filter(({ spec }) => spec.module === 'keras.initializers');
const tensors = goldenTensors('rules');
const fromKeras = (json: unknown) => initializerKind.check(initializerKind.fromKeras!(json))!;

describe('fans', () => {
  test.each([
    { shape: [8, 4], fanIn: 8, fanOut: 4 },
    { shape: [3, 3, 16, 32], fanIn: 144, fanOut: 288 },
    { shape: [5, 1, 2, 3], fanIn: 10, fanOut: 15 },
    { shape: [7], fanIn: 7, fanOut: 7 },
    { shape: [], fanIn: 1, fanOut: 1 },
  ])('of $shape', ({ shape, ...fans }) => {
    expect(computeFans(shape)).toEqual(fans);
  });

  test('along given axes', () => {
    const shape = [3, 5, 7];
    expect(computeFans(shape, { inputAxes: [0, 1], outputAxes: [-1] })).toEqual({ fanIn: 15, fanOut: 7 });
    expect(() => computeFans(shape, { inputAxes: [3], outputAxes: [0] })).toThrow(
      'inputAxes: axis must lie in',
    );
    expect(() => computeFans(shape, { inputAxes: [0] })).toThrow(UsageError);
  });
});

describe('as Keras has them', () => {
  test('the goldens hold every initializer', () => {
    expect(new Set(rows.map(({ spec }) => spec.class_name))).toEqual(new Set(Object.keys(initializerTable)));
  });

  test.each(rows)(
    '$spec.class_name $spec.config comes from Keras’ config and goes back to it',
    ({ spec }) => {
      const held = fromKeras(spec);
      const json = JSON.parse(JSON.stringify(initializerKind.toKeras!(held)));
      expect(json).toEqual({ ...spec, registered_name: null });
      expect(fromKeras(json)).toEqual(held);
    },
  );

  test.each(rows.filter(({ shape }) => shape))(
    '$spec.class_name $spec.config of $shape',
    ({ spec, shape, value }) => {
      const drawn = drawInitial(fromKeras(spec), shape!, key);
      expect([drawn.dtype, drawn.shape]).toEqual(['float32', shape]);
      expect(relativeError(drawn.data, tensors[value!]!.data as Float32Array)).toBeLessThan(1e-6);
    },
  );

  test('names of earlier versions are known, and a gain of the identity is kept', () => {
    expect(fromKeras({ class_name: 'OrthogonalInitializer', config: { gain: 2, seed: null } })).toEqual(
      initializers.orthogonal({ gain: 2 }),
    );
    const doubled = initializers.identity({ gain: 2 });
    expect(drawInitial(doubled, [2, 2], key).data).toEqual(Float32Array.of(2, 0, 0, 2));
    expect(fromKeras(JSON.parse(JSON.stringify(initializerKind.toKeras!(doubled))))).toEqual(doubled);
  });
});

/** Σ over the elements of what `term` gives, by their number. */
function mean(data: Float32Array, term: (x: number) => number): number {
  return data.reduce((sum, x) => sum + term(x), 0) / data.length;
}

/** Moments of a distribution around zero of variance 1: E x⁴ − 1, and where it ends. */
const distributions = {
  uniform: { fourth: 9 / 5 - 1, end: Math.sqrt(3) },
  normal: { fourth: 3 - 1, end: Number.POSITIVE_INFINITY },
  // Var = 1 − 4φ(2)/(2Φ(2) − 1) = 0.7737, E x⁴ = 1.4162: E x⁴/Var² = 2.3657.
  truncatedNormal: { fourth: 2.3657 - 1, end: 2 / 0.87962566103423978 },
};

describe.each<
  [string, Initializer, keyof typeof distributions, (fanIn: number, fanOut: number) => number, number]
>([
  ['randomNormal', 'randomNormal', 'normal', () => 0.05 ** 2, 0],
  ['randomNormal with options', initializers.randomNormal({ mean: 2, stddev: 3 }), 'normal', () => 9, 2],
  ['randomUniform', 'randomUniform', 'uniform', () => 0.05 ** 2 / 3, 0],
  [
    'randomUniform with options',
    initializers.randomUniform({ minval: 1, maxval: 4 }),
    'uniform',
    () => 9 / 12,
    2.5,
  ],
  ['truncatedNormal', 'truncatedNormal', 'truncatedNormal', () => (0.05 * 0.87962566103423978) ** 2, 0],
  [
    'truncatedNormal with options',
    initializers.truncatedNormal({ mean: -1, stddev: 2 }),
    'truncatedNormal',
    () => (2 * 0.87962566103423978) ** 2,
    -1,
  ],
  ['varianceScaling', 'varianceScaling', 'truncatedNormal', (fanIn) => 1 / fanIn, 0],
  [
    'varianceScaling by the fan out',
    initializers.varianceScaling({ scale: 3, mode: 'fanOut', distribution: 'untruncatedNormal' }),
    'normal',
    (_, fanOut) => 3 / fanOut,
    0,
  ],
  [
    'varianceScaling along given axes',
    initializers.varianceScaling({ distribution: 'uniform', inputAxes: [0], outputAxes: [-1] }),
    'uniform',
    () => 1 / 200,
    0,
  ],
  ['glorotNormal', 'glorotNormal', 'truncatedNormal', (fanIn, fanOut) => 2 / (fanIn + fanOut), 0],
  ['glorotUniform', 'glorotUniform', 'uniform', (fanIn, fanOut) => 2 / (fanIn + fanOut), 0],
  ['heNormal', 'heNormal', 'truncatedNormal', (fanIn) => 2 / fanIn, 0],
  ['heUniform', 'heUniform', 'uniform', (fanIn) => 2 / fanIn, 0],
  ['lecunNormal', 'lecunNormal', 'truncatedNormal', (fanIn) => 1 / fanIn, 0],
  ['lecunUniform', 'lecunUniform', 'uniform', (fanIn) => 1 / fanIn, 0],
])('%s', (_, initializer, distribution, variance, centre) => {
  const { fourth, end } = distributions[distribution];

  test.each([{ shape: [200, 100] }, { shape: [200, 3, 16, 8] }])(
    'on $shape has its moments and its bounds',
    ({ shape }) => {
      const { fanIn, fanOut } = computeFans(shape);
      const deviation = Math.sqrt(variance(fanIn, fanOut));
      const { data, ...rest } = drawInitial(initializer, shape, key);
      expect(rest).toEqual({ dtype: 'float32', shape });
      const standard = data.map((x) => (x - centre) / deviation);
      // Five standard errors, of which E x² − 1 has √(E x⁴ − 1).
      const error = 5 / Math.sqrt(data.length);
      expect(Math.abs(mean(standard, (x) => x))).toBeLessThan(error);
      expect(Math.abs(mean(standard, (x) => x ** 2) - 1)).toBeLessThan(error * Math.sqrt(fourth));
      expect(Math.abs(mean(standard, (x) => x ** 3))).toBeLessThan(4 * error);
      expect(Math.abs(mean(standard, (x) => x ** 4) - 1 - fourth)).toBeLessThan(10 * error);
      const largest = standard.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      expect(largest).toBeLessThanOrEqual(end * (1 + 1e-6));
      expect(largest).toBeGreaterThan(end === Number.POSITIVE_INFINITY ? 3 : 0.98 * end);
    },
  );

  test('depends on its key alone', () => {
    const draw = (seed: number, path: string) =>
      drawInitial(initializer, [64, 64], deriveKey(seed, path)).data.map((x) => x - centre);
    const first = draw(1, 'a');
    expect(draw(1, 'a')).toEqual(first);
    const square = mean(first, (x) => x * x);
    for (const other of [draw(2, 'a'), draw(1, 'b')]) {
      const correlation = first.reduce((sum, x, i) => sum + x * other[i]!, 0) / first.length / square;
      expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(first.length));
    }
  });
});

const hash = (value: Tensor) => createHash('sha256').update(bytesOf(value)).digest('hex').slice(0, 16);

test.each([
  ['glorotUniform', [3, 3, 5, 7], 0.1910574734210968, 'badecef5e09a4940'],
  ['glorotUniform', [7, 3], undefined, 'e08d4575ca6c481d'],
  ['heUniform', [3, 3, 5, 7], 0.29598498344421387, '6f2d5b38c35bed48'],
  ['heUniform', [7, 3], undefined, 'ff7cdfe1f3cff6d2'],
] as const)('%s of %j keeps the bits that runs began with', (name, shape, first, bits) => {
  const value = drawInitial(name, shape, key);
  if (first !== undefined) expect(value.data[0]).toBe(first);
  expect(hash(value)).toBe(bits);
});

describe('a seed', () => {
  const seeded = Object.keys(initializerTable).filter(
    (name) => 'seed' in initializerTable[name as keyof typeof initializerTable].options,
  );

  test.each(seeded)('of %s makes its values depend on it and the shape alone', (className) => {
    const draw = (seed: number, path: string) =>
      hash(drawInitial({ className, config: { seed } }, [16, 8], deriveKey(1, path)));
    expect(draw(5, 'a')).toBe(draw(5, 'b'));
    expect(draw(5, 'a')).not.toBe(draw(6, 'a'));
    const unseeded = (path: string) =>
      hash(drawInitial({ className, config: {} }, [16, 8], deriveKey(1, path)));
    expect(unseeded('a')).not.toBe(unseeded('b'));
  });

  test('is taken by every initializer that draws', () => {
    expect(seeded).toHaveLength(11);
  });
});

describe('orthogonal', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 2, maxLength: 4 });

  test('weights of any shape have orthonormal columns, or rows where those are fewer', () => {
    fc.assert(
      fc.property(sizes, fc.double({ min: 0.25, max: 4, noNaN: true }), fc.nat(1000), (shape, gain, seed) => {
        const { data } = drawInitial(initializers.orthogonal({ gain, seed }), shape, key);
        const columns = shape.at(-1)!;
        const rows = elementCount(shape) / columns;
        const at = (i: number, j: number) => data[i * columns + j]! / gain;
        const few = Math.min(rows, columns);
        const many = Math.max(rows, columns);
        const vector = (i: number, k: number) => (rows < columns ? at(i, k) : at(k, i));
        for (let a = 0; a < few; a++) {
          for (let b = 0; b <= a; b++) {
            let product = 0;
            for (let k = 0; k < many; k++) product += vector(a, k) * vector(b, k);
            expect(Math.abs(product - (a === b ? 1 : 0))).toBeLessThan(1e-5);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test('of large matrices too, square ones included', () => {
    const size = 150;
    const { data } = drawInitial('orthogonal', [size, size], key);
    for (let a = 0; a < size; a += 7) {
      for (let b = 0; b <= a; b++) {
        let product = 0;
        for (let k = 0; k < size; k++) product += data[k * size + a]! * data[k * size + b]!;
        expect(Math.abs(product - (a === b ? 1 : 0))).toBeLessThan(1e-5);
      }
    }
  });

  test('turns to every side: the mean of many is zero, and of their squares one by the size', () => {
    const [count, size] = [500, 4];
    const sums = { first: new Float64Array(size ** 2), second: new Float64Array(size ** 2) };
    for (let i = 0; i < count; i++) {
      drawInitial('orthogonal', [size, size], deriveKey(i, 'orthogonal')).data.forEach((x, k) => {
        sums.first[k]! += x / count;
        sums.second[k]! += x ** 2 / count;
      });
    }
    // An element x of a random orthogonal matrix of size n: Var x = 1/n, Var x² = 2(n − 1)/(n²(n + 2)).
    for (let k = 0; k < size ** 2; k++) {
      expect(Math.abs(sums.first[k]!)).toBeLessThan(5 * Math.sqrt(1 / size / count));
      expect(Math.abs(sums.second[k]! - 1 / size)).toBeLessThan(5 * Math.sqrt(1 / 16 / count));
    }
  });
});

test('a function of one’s own is an initializer, and saved by its name', () => {
  const ramp = (shape: readonly number[]) =>
    floats(
      Array.from({ length: elementCount(shape) }, (_, i) => i),
      shape,
    );
  expect(drawInitial(ramp, [2, 2], key).data).toEqual(Float32Array.of(0, 1, 2, 3));
  withCustomObjects({ ramp }, () => {
    expect(fromKeras(JSON.parse(JSON.stringify(initializerKind.toKeras!(ramp))))).toBe(ramp);
  });
});

test('names are those of the functions, and Keras’ too', () => {
  for (const [name, make] of Object.entries(initializers))
    expect(initializerKind.check(name)).toEqual(make());
  expect(initializerKind.check('he_normal')).toEqual(initializers.heNormal());
  expect(initializerKind.fromKeras!('zeros')).toBe('zeros');
});

test.each<[string, () => unknown, new (message: string) => Error, string]>([
  [
    'an unknown name',
    () => drawInitial('kaiming' as never, [2], key),
    UsageError,
    'drawInitial: initializer must be initializer: one of zeros, ones,',
  ],
  [
    'a scale of zero',
    () => initializers.varianceScaling({ scale: 0 }),
    UsageError,
    'initializer VarianceScaling: scale must be a number above 0, got 0',
  ],
  ['half a seed', () => initializers.heNormal({ seed: 0.5 }), UsageError, 'seed must be a whole number'],
  [
    'an unknown option',
    () => initializers.zeros({ seed: 1 } as never),
    UsageError,
    "there is no option 'seed'",
  ],
  [
    'an identity of a kernel',
    () => drawInitial('identity', [3, 3, 2, 2], key),
    ShapeError,
    'got the shape [3, 3, 2, 2]',
  ],
  [
    'an orthogonal bias',
    () => drawInitial('orthogonal', [3], key),
    ShapeError,
    'two axes or more is needed, got [3]',
  ],
  ['a transform of two channels', () => drawInitial('stft', [8, 2, 5], key), ShapeError, 'got [8, 2, 5]'],
  [
    'a window of another length',
    () => drawInitial(initializers.stft({ window: [1, 2] }), [3, 1, 5], key),
    ShapeError,
    'the window has 2 values for frames of 3',
  ],
  [
    'an unknown window',
    () => initializers.stft({ window: 'kaiser' as never }),
    UsageError,
    'window must be one of',
  ],
  [
    'a function that gives another shape',
    () =>
      drawInitial(
        function own() {
          return floats([1, 2]);
        },
        [3],
        key,
      ),
    ShapeError,
    'initializer own: a float32 tensor of the shape [3] is needed, got float32[2]',
  ],
  [
    'a class that Keras does not have',
    () => fromKeras({ class_name: 'Kaiming' }),
    DataError,
    "no initializer 'Kaiming'",
  ],
])('refuses %s', (_, call, type, message) => {
  expect(call).toThrow(type);
  expect(call).toThrow(message);
});
