import { describe, expect, test } from 'vitest';
import {
  type Activation,
  activationKind,
  activations,
  applyActivation,
} from '../src/activations/activations.ts';
import { gradient } from '../src/autodiff/gradient.ts';
import { customObject, registerCustomObjects } from '../src/core/custom-objects.ts';
import { UsageError } from '../src/core/errors.ts';
import { constant, input } from '../src/graph/leaves.ts';
import type { Value } from '../src/graph/value.ts';
import { conv2d } from '../src/ops/conv.ts';
import { mul, sigmoid } from '../src/ops/elementwise.ts';
import { reduceSum } from '../src/ops/reduce.ts';
import { softmax } from '../src/ops/softmax.ts';
import { useDevice } from './support/device.ts';
import { goldenJson, goldenTensors, relativeError } from './support/goldens.ts';
import { randomStream, uniform } from './support/random.ts';

interface Row {
  readonly key: string;
  readonly activation: keyof typeof activations;
  readonly options: Record<string, unknown>;
}

const same = { pads: [1, 1, 1, 1] } as const;
const rows = goldenJson<Row[]>('activations');
const tensors = goldenTensors('activations');
const { run } = useDevice();

/** Of any one element, beside the relative L2 error of all. */
const [absolute, relative] = [2e-6, 1e-5];

function compare(actual: Float32Array, expected: Float32Array): void {
  expect(relativeError(actual, expected)).toBeLessThan(1e-5);
  const wrong = [...actual].flatMap((value, i) =>
    Math.abs(value - expected[i]!) <= absolute + relative * Math.abs(expected[i]!)
      ? []
      : [`element ${i}: ${value}, not ${expected[i]}`],
  );
  expect(wrong).toEqual([]);
}

describe('values and gradients are Keras’', () => {
  test.each(rows)('$key', async ({ key, activation, options }) => {
    const x = tensors[`${key}/input`]!;
    const apply = activations[activation] as (x: Value, options?: object) => Value;
    const value = input('x', x.shape);
    const y = Object.keys(options).length === 0 ? apply(value) : apply(value, options);
    const loss = reduceSum(mul(y, constant(tensors[`${key}/upstream`]!)));
    const results = await run({ y, dx: gradient(loss, [value])[0]! }, { x });
    for (const [name, golden] of [['y', 'output'] as const, ['dx', 'gradient'] as const])
      compare(results[name]!.data as Float32Array, tensors[`${key}/${golden}`]!.data as Float32Array);
  });
});

test('every activation is compared with Keras', () => {
  const aliases = ['swish', 'hardSwish'];
  const compared = new Set(rows.map(({ activation }) => activation));
  expect(new Set(Object.keys(activations).filter((name) => !aliases.includes(name)))).toEqual(compared);
});

describe('behind a convolution, in whatever order its pixels lie', () => {
  const stream = randomStream('activations');
  const weights = uniform(stream, [3, 3, 16, 16], -0.3, 0.3);
  const feeds = { images: uniform(stream, [2, 7, 6, 16]), upstream: uniform(stream, [2, 7, 6, 16]) };
  const names = Object.keys(activations).filter((name) => name !== 'threshold' && name !== 'glu');

  test.each(names as Activation[])('%s', async (name) => {
    const w = input('w', [3, 3, 16, 16]);
    const y = applyActivation(name, conv2d(input('images', ['batch', 7, 6, 16]), w, undefined, same));
    const loss = reduceSum(mul(y, input('upstream', ['batch', 7, 6, 16])));
    const outputs = { y, dw: gradient(loss, [w])[0]! };
    const [tiled, plain] = await Promise.all([
      run(outputs, { ...feeds, w: weights }, 'training'),
      run(outputs, { ...feeds, w: weights }, 'portable'),
    ]);
    for (const key of ['y', 'dw'])
      expect(relativeError(tiled[key]!.data as Float32Array, plain[key]!.data as Float32Array)).toBeLessThan(
        2e-5,
      );
  });
});

const x = input('x', ['batch', 4]);

test('softmax and sigmoid stay to be seen, as losses need it', () => {
  expect(applyActivation('softmax', x).op).toBe(softmax.op);
  expect(applyActivation('sigmoid', x).op).toBe(sigmoid.op);
  expect(applyActivation('linear', x)).toBe(x);
});

describe('as an option', () => {
  const { check, toKeras, fromKeras } = activationKind;
  const own = (value: Value) => mul(value, value);

  test.each<[string, unknown, Activation, unknown]>([
    ['a name', 'leakyRelu', 'leakyRelu', 'leaky_relu'],
    ['Keras’ name', 'leaky_relu', 'leakyRelu', 'leaky_relu'],
    ['a name with a number', 'relu6', 'relu6', 'relu6'],
    ['an alias', 'swish', 'silu', 'silu'],
    ['Keras’ alias', 'hard_swish', 'hardSilu', 'hard_silu'],
    ['a function', activations.relu, 'relu', 'relu'],
  ])('%s', (_, given, held, keras) => {
    expect(check(given)).toBe(held);
    expect(toKeras!(held)).toEqual(keras);
    expect(fromKeras!(keras)).toBe(held);
    expect(fromKeras!({ module: 'builtins', class_name: 'function', config: keras })).toBe(held);
  });

  test.each([['relu7'], ['threshold'], ['constructor'], [3], [null], [{}]])('%s is refused', (given) => {
    expect(check(given)).toBeUndefined();
  });

  test('a function of one’s own is saved by the name that it is registered with', () => {
    expect(check(own)).toBe(own);
    expect(() => toKeras!(own)).toThrow(UsageError);
    expect(() => toKeras!(own)).toThrow('registerCustomObjects');
    registerCustomObjects({ my_square: own });
    expect(customObject('my_square')).toBe(own);
    const keras = toKeras!(own);
    expect(keras).toMatchObject({ class_name: 'function', config: 'my_square' });
    expect(check(fromKeras!(keras))).toBe(own);
    expect(applyActivation(own, x).inputs).toEqual([x, x]);
  });
});
