import { describe, expect, test } from 'vitest';
import { useDevice } from '../../test/support/device.ts';
import { relativeError } from '../../test/support/goldens.ts';
import { randomStream, uniform } from '../../test/support/random.ts';
import { UsageError } from '../core/errors.ts';
import { scalar, type Tensor, zeros } from '../core/tensor.ts';
import { input } from '../graph/leaves.ts';
import { adam, adamW, learningRateAt, type Optimizer, sgd } from './optimizers.ts';
import { cosineDecay } from './schedules.ts';

const { run } = useDevice();
const steps = 5;
const size = 12;

/** One weight's state in double precision. */
interface State {
  w: number;
  [slot: string]: number;
}

const rate = 0.1;
const decayed = cosineDecay({ initialLearningRate: rate, decaySteps: 4, warmupSteps: 1 });

/** Each optimizer with its formula, written out: the state after step `t` from the one before and the gradient. */
const rows: [string, Optimizer, (state: State, g: number, t: number) => State][] = [
  ['sgd', sgd({ learningRate: rate }), ({ w }, g) => ({ w: w - rate * g })],
  ['sgd on a schedule', sgd({ learningRate: decayed }), ({ w }, g, t) => ({ w: w - decayed(t - 1) * g })],
  [
    'momentum',
    sgd({ learningRate: rate, momentum: 0.9 }),
    ({ w, v = 0 }, g) => {
      const next = 0.9 * v - rate * g;
      return { w: w + next, v: next };
    },
  ],
  [
    'momentum on a schedule',
    sgd({ learningRate: decayed, momentum: 0.5 }),
    ({ w, v = 0 }, g, t) => {
      const next = 0.5 * v - decayed(t - 1) * g;
      return { w: w + next, v: next };
    },
  ],
  [
    'nesterov',
    sgd({ learningRate: rate, momentum: 0.9, nesterov: true }),
    ({ w, v = 0 }, g) => {
      const next = 0.9 * v - rate * g;
      return { w: w + 0.9 * next - rate * g, v: next };
    },
  ],
  ['adam', adam({ learningRate: rate }), adamStep(() => rate, 0.9, 0.999, 1e-7, 0)],
  [
    'adam with options',
    adam({ learningRate: decayed, beta1: 0.5, beta2: 0.9, epsilon: 0.1 }),
    adamStep((t) => decayed(t - 1), 0.5, 0.9, 0.1, 0),
  ],
  ['adamW', adamW({ learningRate: rate }), adamStep(() => rate, 0.9, 0.999, 1e-7, 0.004)],
  [
    'adamW with decay, on a schedule',
    adamW({ learningRate: decayed, weightDecay: 0.3 }),
    adamStep((t) => decayed(t - 1), 0.9, 0.999, 1e-7, 0.3),
  ],
];

function adamStep(rateAt: (t: number) => number, b1: number, b2: number, epsilon: number, decay: number) {
  return ({ w, m = 0, v = 0 }: State, g: number, t: number): State => {
    const nextM = b1 * m + (1 - b1) * g;
    const nextV = b2 * v + (1 - b2) * g * g;
    const step = (rateAt(t) * Math.sqrt(1 - b2 ** t)) / (1 - b1 ** t);
    return {
      w: w - rateAt(t) * decay * w - (step * nextM) / (Math.sqrt(nextV) + epsilon),
      m: nextM,
      v: nextV,
    };
  };
}

describe('takes the steps of its formula in double precision', () => {
  test.each(rows)('%s', async (name, optimizer, formula) => {
    const stream = randomStream('optimizer', name);
    const start = uniform(stream, [size]);
    const slots = optimizer.slots.map((slot) => [slot, input(slot, [size])] as const);
    const scalars = Object.keys(optimizer.scalars(0, 1)).map((key) => [key, input(key, [])] as const);
    const next = optimizer.update({
      weight: input('weight', [size]),
      gradient: input('gradient', [size]),
      slots: Object.fromEntries(slots),
      scalars: Object.fromEntries(scalars),
    });
    expect(Object.keys(next.slots)).toEqual(optimizer.slots);
    const outputs = Object.fromEntries(
      Object.entries({ weight: next.weight, ...next.slots }).map(([key, value]) => [`next/${key}`, value]),
    );
    let state: Record<string, Tensor> = {
      weight: start,
      ...Object.fromEntries(optimizer.slots.map((slot) => [slot, zeros('float32', [size])])),
    };
    let expected: State[] = Array.from(start.data, (w) => ({ w }));
    for (let step = 1; step <= steps; step++) {
      const gradient = uniform(stream, [size], -0.1, 0.1);
      const numbers = Object.entries(optimizer.scalars(learningRateAt(optimizer, step), step));
      const feeds = Object.fromEntries(numbers.map(([key, value]) => [key, scalar(value)]));
      const results = await run(outputs, { ...state, gradient, ...feeds });
      state = Object.fromEntries(Object.keys(state).map((key) => [key, results[`next/${key}`]!]));
      expected = expected.map((one, i) => formula(one, gradient.data[i]!, step));
      const found = state.weight!.data as Float32Array;
      expect(
        relativeError(
          found,
          expected.map(({ w }) => w),
        ),
        `step ${step}`,
      ).toBeLessThan(1e-6);
    }
    const moved = (state.weight!.data as Float32Array).map((w, i) => w - start.data[i]!);
    const due = expected.map(({ w }, i) => w - start.data[i]!);
    expect(relativeError(moved, due), 'the whole way').toBeLessThan(1e-5);
  });
});

test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])('a rate of %d is refused', (learningRate) => {
  for (const make of [sgd, adam, adamW]) {
    expect(() => make({ learningRate })).toThrow(UsageError);
    expect(() => make({ learningRate })).toThrow(`${make.name}: learningRate`);
  }
});
