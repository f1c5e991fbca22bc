import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { followSteps } from '../../test/support/optimizer-steps.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { UsageError } from '../core/errors.ts';
import { floats, type Tensor } from '../core/tensor.ts';
import { learningRateAt } from './learning-rate.ts';
import { averageSlot, type Optimizer, usesAveragesAtEnd } from './optimizer.ts';
import { adam, adamW, ftrl, lion, makeOptimizer, muon, nadam, optimizerOf, sgd } from './optimizers.ts';
import { optimizerTable } from './table.ts';

const { compile } = useDevice();
const classNames = Object.keys(optimizerTable) as (keyof typeof optimizerTable)[];

const stream = randomStream('optimizers');
const shapes = { 'low/kernel': [3, 2], 'low/bias': [2], 'high/kernel': [2, 3] };
const drawn = () =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, uniform(stream, shape)]));
const start = drawn();
const gradients = [drawn(), drawn(), drawn(), drawn()];
const follow = (optimizer: Optimizer, of = (step: number) => gradients[step - 1]!) =>
  followSteps(compile, optimizer, start, of, gradients.length);
const numbers = (value: Tensor | undefined) => [...(value!.data as Float32Array)];

test.each(classNames)('a multiplier is of the learning rate: %s', async (className) => {
  // Factors of a power of two leave no roundings to differ by.
  const learningRate = 2 ** -6;
  const scaled = await follow(
    makeOptimizer(className, { learningRate, weightDecay: 0.1, learningRateMultipliers: { low: 0.25 } }),
  );
  const slow = await follow(makeOptimizer(className, { learningRate: learningRate / 4, weightDecay: 0.1 }));
  const fast = await follow(makeOptimizer(className, { learningRate, weightDecay: 0.1 }));
  for (const name of Object.keys(shapes)) {
    const [same, other] = name.startsWith('low') ? [slow, fast] : [fast, slow];
    expect(numbers(scaled.at(-1)![name]), name).toEqual(numbers(same.at(-1)![name]));
    expect(numbers(scaled.at(-1)![name]), name).not.toEqual(numbers(other.at(-1)![name]));
  }
});

test.each(classNames)('between updates, nothing moves, whatever the gradients: %s', async (className) => {
  const optimizer = makeOptimizer(className, { gradientAccumulationSteps: 3, weightDecay: 0.1 });
  const infinite = Object.fromEntries(
    Object.entries(start).map(([name, { data, shape }]) => [
      name,
      floats(new Float32Array(data.length).fill(Number.POSITIVE_INFINITY), shape),
    ]),
  );
  const [, second] = await follow(optimizer, (step) => (step === 2 ? infinite : gradients[0]!));
  const slots = Object.keys(shapes).flatMap((name) =>
    optimizer
      .slots({ name, shape: start[name]!.shape })
      .filter((slot) => slot.name !== 'gradientAccumulator')
      .map((slot) => [`${name}/${slot.name}`, slot.initial] as const),
  );
  for (const name of Object.keys(shapes)) expect(numbers(second![name])).toEqual(numbers(start[name]));
  for (const [key, initial] of slots) {
    for (const value of numbers(second![key])) expect(value, key).toBeCloseTo(initial as number, 7);
  }
});

test('gradients that add up give the step of their mean', async () => {
  const means = gradients.slice(0, 2).map((_, i) =>
    Object.fromEntries(
      Object.keys(shapes).map((name) => {
        const [a, b] = [numbers(gradients[2 * i]![name]), numbers(gradients[2 * i + 1]![name])];
        return [
          name,
          floats(
            a.map((value, j) => (value + b[j]!) / 2),
            start[name]!.shape,
          ),
        ];
      }),
    ),
  );
  const summed = await follow(nadam({ learningRate: 0.1, gradientAccumulationSteps: 2 }));
  const direct = await follow(nadam({ learningRate: 0.1 }), (step) => means[Math.min(step, 2) - 1]!);
  for (const [name, value] of Object.entries(summed[3]!).filter(([name]) => name in shapes)) {
    const due = numbers(direct[1]![name]);
    for (const [i, found] of numbers(value).entries()) expect(found).toBeCloseTo(due[i]!, 6);
  }
});

test('averages begin at the first update’s weights and take their place at the end', async () => {
  const optimizer = sgd({ learningRate: 0.5, useEma: true, emaMomentum: 0.75 });
  expect([usesAveragesAtEnd(optimizer), usesAveragesAtEnd(sgd())]).toEqual([true, false]);
  expect(optimizer.slots({ name: 'a/kernel', shape: [2] })).toEqual([
    { name: averageSlot, shape: [2], initial: 'weight' },
  ]);
  const [first, second] = await follow(optimizer);
  const averageOf = (state: typeof first, name: string) => numbers(state![`${name}/${averageSlot}`]);
  for (const name of Object.keys(shapes)) {
    expect(averageOf(first, name)).toEqual(numbers(first![name]));
    averageOf(second, name).forEach((found, i) => {
      const due = 0.75 * numbers(first![name])[i]! + 0.25 * numbers(second![name])[i]!;
      expect(found).toBeCloseTo(due, 6);
    });
  }
});

test('a weight does not decay when a part of its name is excluded', async () => {
  const options = { learningRate: 0.1, weightDecay: 0.5 };
  const zero = Object.fromEntries(
    Object.entries(start).map(([name, { data, shape }]) => [
      name,
      floats(new Float32Array(data.length), shape),
    ]),
  );
  const [state] = await follow(adamW({ ...options, excludeFromWeightDecay: ['bias', 'gh/ker'] }), () => zero);
  expect(numbers(state!['low/bias'])).toEqual(numbers(start['low/bias']));
  expect(numbers(state!['high/kernel'])).toEqual(numbers(start['high/kernel']));
  numbers(state!['low/kernel']).forEach((found, i) => {
    expect(found).toBeCloseTo(0.95 * numbers(start['low/kernel'])[i]!, 6);
  });
});

test('the numbers of any step are finite and have one set of names', () => {
  const options = fc.record({
    className: fc.constantFrom(...classNames),
    learningRate: fc.double({ min: 1e-12, max: 100, noNaN: true }),
    step: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1e8 })),
    useEma: fc.boolean(),
    gradientAccumulationSteps: fc.option(fc.integer({ min: 2, max: 9 }), { nil: undefined }),
  });
  fc.assert(
    fc.property(options, ({ className, step, learningRate, ...rest }) => {
      const optimizer = makeOptimizer(className, { learningRate, weightDecay: 0.1, ...rest });
      const scalars = optimizer.scalars(learningRateAt(optimizer, step), step);
      expect(Object.keys(scalars)).toEqual(optimizer.scalarNames);
      for (const [name, value] of Object.entries(scalars)) expect(value, name).toSatisfy(Number.isFinite);
    }),
  );
});

describe('optimizerOf', () => {
  test.each(['adam', 'adamW', 'adamw', 'rmsprop', 'sgd'] as const)('%s is a name', (name) => {
    expect(optimizerOf(name).className.toLowerCase()).toBe(name.toLowerCase());
  });

  test('takes an optimizer as it is', () => {
    const own = lion({ beta1: 0.5 });
    expect(optimizerOf(own)).toBe(own);
  });

  test.each(['adamm', 3, null, {}])('refuses %j', (given) => {
    expect(() => optimizerOf(given as 'adam')).toThrow(UsageError);
    expect(() => optimizerOf(given as 'adam')).toThrow('optimizer must be one of sgd, rmsprop, adam, adamw');
  });
});

test.each<[string, () => unknown, string]>([
  [
    'a negative rate',
    () => sgd({ learningRate: -1 }),
    'optimizer SGD: learningRate must be a number from 0 on',
  ],
  ['a rate that is no number', () => adam({ learningRate: Number.NaN }), 'optimizer Adam: learningRate must'],
  [
    'an infinite rate',
    () => adamW({ learningRate: Number.POSITIVE_INFINITY }),
    'optimizer AdamW: learningRate',
  ],
  ['an unknown option', () => adam({ beta_1: 0.9 } as never), "optimizer Adam: there is no option 'beta_1'"],
  [
    'a share of 1',
    () => adam({ beta2: 1 }),
    'optimizer Adam: beta2 must be a number from 0 on and below 1, got 1',
  ],
  [
    'two limits of gradients',
    () => sgd({ clipnorm: 1, globalClipnorm: 2 }),
    'optimizer SGD: only one of clipnorm, clipvalue and globalClipnorm can be given, got clipnorm 1 and globalClipnorm 2',
  ],
  [
    'to add up single gradients',
    () => sgd({ gradientAccumulationSteps: 1 }),
    'gradientAccumulationSteps must be a whole number from 2 on, got 1',
  ],
  [
    'a multiplier below 0',
    () => sgd({ learningRateMultipliers: { head: -1 } }),
    'learningRateMultipliers must be an object of layer names, each with a number from 0 on',
  ],
  ['a pattern that is none', () => muon({ excludeLayers: ['('] }), 'each a regular expression'],
  [
    'a rate of 0 to divide by',
    () => ftrl().scalars(0, 3),
    'the learning rate must be above 0, got 0 at update 3',
  ],
])('refuses %s', (_, call, message) => {
  expect(call).toThrow(UsageError);
  expect(call).toThrow(message);
});
