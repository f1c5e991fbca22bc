import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ComputeError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import type { Callback, EpochTimes } from './callback.ts';
import { History } from './callbacks/history.ts';
import { runTest } from './evaluation.ts';
import { type LoopOptions, runTraining } from './loop.ts';
import { addSums, type Batch, type Logs, noSums, type Sums, type Trainable } from './trainable.ts';

/** A batch of so many examples, of this loss each. */
const batch = (examples: number, loss: number): Batch => ({
  inputs: floats([loss]),
  targets: floats(new Float32Array(examples), [examples, 1]),
});

const sums = (examples: number, loss: number, hits: number): Sums => ({
  examples,
  totals: { loss: Float64Array.of(loss), 'hits/total': Float64Array.of(hits) },
});

/** Takes the losses from the batches, and writes down what it is asked. */
function recorded() {
  const told: string[] = [];
  const callback: Callback = {
    setModel: () => void told.push('model'),
    setParams: (params) => void told.push(`params ${JSON.stringify(params)}`),
    onTrainBegin: () => void told.push('train begins'),
    onEpochBegin: (epoch) => void told.push(`epoch ${epoch} begins`),
    onTrainBatchBegin: (at) => void told.push(`batch ${at} begins`),
    onTrainBatchEnd: async (at, { loss }, { epoch, step, examples }) => {
      await Promise.resolve();
      told.push(`batch ${at} ends: step ${step} of epoch ${epoch}, ${examples} examples, loss ${loss}`);
    },
    onEpochEnd: (epoch, logs) => void told.push(`epoch ${epoch} ends: ${JSON.stringify(logs)}`),
    onTestBegin: () => void told.push('test begins'),
    onTestBatchBegin: (at) => void told.push(`test batch ${at} begins`),
    onTestBatchEnd: (at, { loss }) => void told.push(`test batch ${at} ends: ${loss}`),
    onTestEnd: ({ loss }) => void told.push(`test ends: ${loss}`),
    onTrainEnd: (logs) => void told.push(`train ends: ${JSON.stringify(logs)}`),
  };
  return { told, trainable: trainableThat((what) => void told.push(what)), callback };
}

function trainableThat(tell: (what: string) => void): Trainable<Batch> {
  const measure = ({ inputs, targets }: Batch) => {
    const [loss] = (inputs as { data: Float32Array }).data;
    const [examples] = (targets as { shape: readonly number[] }).shape;
    return sums(examples!, loss! * examples!, examples!);
  };
  return {
    prepare: async (given) => given,
    trainableWeights: ['dense/kernel'],
    declare: (fetches) => tell(`fetches ${fetches}`),
    trainStep: async (given) => {
      tell('step');
      return { sums: measure(given), learningRate: 0.1, fetched: {} };
    },
    capture: async () => ({ values: {}, tensors: async () => ({}) }),
    testStep: async (given) => {
      tell('test');
      return measure(given);
    },
    logsOf: ({ examples, totals }) => ({
      loss: totals.loss![0]! / examples,
      hits: totals['hits/total']![0]! / examples,
    }),
    endTraining: async () => tell('last step done'),
  };
}

const twoBatches = Dataset.fromArray([batch(3, 2), batch(1, 6)]);
const options = (data: Dataset<Batch>, more: Partial<LoopOptions> = {}): LoopOptions => ({
  epochs: 1,
  batches: (epoch) => data.iterate(epoch),
  control: { stopTraining: false },
  ...more,
});

/** The logs of each epoch, by its number. */
function history() {
  const epochs: [number, Logs][] = [];
  const callback: Callback = { onEpochEnd: (epoch, logs) => void epochs.push([epoch, logs]) };
  return { epochs, callback };
}

test('tells callbacks in order, each example counting once', async () => {
  const { told, trainable, callback } = recorded();
  const validation = { batches: () => Dataset.fromArray([batch(2, 1), batch(1, 4)]).iterate(0) };
  await runTraining(
    trainable,
    options(twoBatches, { epochs: 2, steps: 2, callbacks: [callback], validation }),
  );
  const logs = JSON.stringify({ loss: 3, hits: 1, val_loss: 2, val_hits: 1 });
  const epoch = (number: number) => [
    `epoch ${number} begins`,
    'batch 0 begins',
    'step',
    `batch 0 ends: step ${2 * number + 1} of epoch ${number}, 3 examples, loss 2`,
    'batch 1 begins',
    'step',
    `batch 1 ends: step ${2 * number + 2} of epoch ${number}, 4 examples, loss 3`,
    'test begins',
    'test batch 0 begins',
    'test',
    'test batch 0 ends: 1',
    'test batch 1 begins',
    'test',
    'test batch 1 ends: 2',
    'test ends: 2',
    `epoch ${number} ends: ${logs}`,
  ];
  expect(told).toEqual([
    'params {"epochs":2,"steps":2}',
    'train begins',
    ...epoch(0),
    ...epoch(1),
    'last step done',
    `train ends: ${logs}`,
  ]);
});

test('tells where the time of an epoch went', async () => {
  const times: EpochTimes[] = [];
  const history = new History();
  const callback: Callback = { onEpochEnd: (_epoch, _logs, spent) => void times.push(spent) };
  await runTraining(recorded().trainable, options(twoBatches, { epochs: 3, callbacks: [history, callback] }));
  expect(times).toHaveLength(3);
  for (const spent of times) {
    expect(Object.keys(spent)).toEqual(['waiting', 'computing', 'other']);
    for (const seconds of Object.values(spent)) expect(seconds).toBeGreaterThanOrEqual(0);
  }
  expect(history.times).toEqual(times);
  const resumed = new History();
  resumed.setState(history.getState());
  expect(resumed.times).toEqual(times);
});

test('waits for each callback before the next', async () => {
  const order: string[] = [];
  const slow: Callback = {
    onEpochEnd: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push('slow');
    },
  };
  const fast: Callback = { onEpochEnd: () => void order.push('fast') };
  await runTraining(recorded().trainable, options(twoBatches, { callbacks: [slow, fast] }));
  expect(order).toEqual(['slow', 'fast']);
});

describe('an epoch', () => {
  test('is a pass of its own, counted from the first one', async () => {
    const asked: number[] = [];
    const data = Dataset.fromGenerator((pass) => {
      asked.push(pass);
      return [batch(1, pass)];
    });
    const { epochs, callback } = history();
    await runTraining(
      recorded().trainable,
      options(data, { epochs: 5, initialEpoch: 2, callbacks: [callback] }),
    );
    expect(asked).toEqual([2, 3, 4]);
    expect(epochs.map(([epoch, { loss }]) => [epoch, loss])).toEqual([
      [2, 2],
      [3, 3],
      [4, 4],
    ]);
  });

  test('of a number of steps goes on where the last one ended, into the next pass', async () => {
    const asked: number[] = [];
    const data = Dataset.fromGenerator((pass) => {
      asked.push(pass);
      return [0, 1, 2].map((i) => batch(1, 3 * pass + i));
    });
    const { epochs, callback } = history();
    const loop = options(data, { epochs: 3, stepsPerEpoch: 2, callbacks: [callback] });
    await runTraining(recorded().trainable, loop);
    expect(asked.slice(0, 2)).toEqual([0, 1]);
    expect(epochs.map(([, { loss }]) => loss)).toEqual([0.5, 2.5, 4.5]);
  });

  test.each([
    [undefined, [0, 1, 2, 3]],
    [2, [1, 3]],
    [
      [1, 4],
      [0, 3],
    ],
  ])('is tested after where the frequency is %j', async (frequency, tested) => {
    const { epochs, callback } = history();
    const validation = { batches: () => twoBatches.iterate(0), frequency };
    await runTraining(
      recorded().trainable,
      options(twoBatches, { epochs: 4, callbacks: [callback], validation }),
    );
    expect(epochs.filter(([, logs]) => 'val_loss' in logs).map(([epoch]) => epoch)).toEqual(tested);
  });
});

describe('the end comes', () => {
  const stepsOf = async (more: Partial<LoopOptions>, data = twoBatches) => {
    const { told, trainable } = recorded();
    const ended: Callback = { onTrainEnd: () => void told.push('train ends') };
    await runTraining(
      trainable,
      options(data, { epochs: 9, ...more, callbacks: [...(more.callbacks ?? []), ended] }),
    );
    return told;
  };

  test('after the step that is running, with its epoch’s end and test, when a callback wants it', async () => {
    const control = { stopTraining: false };
    const { epochs, callback } = history();
    const stopping: Callback = {
      onTrainBatchEnd: (at, _, { epoch }) => {
        control.stopTraining = epoch === 1 && at === 0;
      },
    };
    const validation = { batches: () => twoBatches.iterate(0) };
    const told = await stepsOf({ control, callbacks: [stopping, callback], validation });
    expect(told).toEqual([
      'step',
      'step',
      'test',
      'test',
      'step',
      'test',
      'test',
      'last step done',
      'train ends',
    ]);
    expect(epochs.map(([, logs]) => logs)).toMatchObject([{ loss: 3 }, { loss: 2, val_loss: 3 }]);
  });

  test('after the step that is running, and nothing but that, at a signal', async () => {
    const ending = new AbortController();
    const { epochs, callback } = history();
    const aborting: Callback = {
      onTrainBatchEnd: (_at, _logs, { step }) => void (step === 3 && ending.abort()),
    };
    const validation = { batches: () => twoBatches.iterate(0) };
    const told = await stepsOf({ signal: ending.signal, callbacks: [aborting, callback], validation });
    expect(told).toEqual(['step', 'step', 'test', 'test', 'step', 'last step done', 'train ends']);
    expect(epochs).toHaveLength(1);
  });

  test('before anything, at a signal that was given before', async () => {
    expect(await stepsOf({ signal: AbortSignal.abort() })).toEqual(['last step done', 'train ends']);
  });

  test('in time also where passes follow one another', async () => {
    const control = { stopTraining: false };
    const stopping: Callback = {
      onTrainBatchEnd: (_at, _logs, { step }) => {
        control.stopTraining = step === 4;
      },
    };
    let open = 0;
    const data = Dataset.fromGenerator(async function* () {
      open++;
      try {
        yield* [batch(1, 1), batch(1, 1), batch(1, 1)];
      } finally {
        open--;
      }
    });
    const told = await stepsOf({ control, stepsPerEpoch: 3, callbacks: [stopping] }, data);
    expect(told.filter((what) => what === 'step')).toHaveLength(4);
    expect(open).toBe(0);
  });
});

describe('fails with its reason', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])('at a loss of %d, with the step', async (loss) => {
    const { told, trainable } = recorded();
    const data = Dataset.fromArray([batch(2, 1), batch(2, loss), batch(2, 1)]);
    const running = runTraining(trainable, options(data, { epochs: 2 }));
    await expect(running).rejects.toThrow(ComputeError);
    await expect(running).rejects.toThrow(`the loss is ${loss} at step 2 (epoch 1)`);
    expect(told).toEqual(['step', 'step']);
  });

  test('but not at such a loss for which a callback has ended the training', async () => {
    const control = { stopTraining: false };
    const { epochs, callback } = history();
    const stopping: Callback = {
      onTrainBatchEnd: (_, { loss }) => {
        control.stopTraining = !Number.isFinite(loss);
      },
    };
    const data = Dataset.fromArray([batch(1, 1), batch(1, Number.NaN), batch(1, 1)]);
    await runTraining(recorded().trainable, options(data, { control, callbacks: [stopping, callback] }));
    expect(epochs[0]![1].loss).toBeNaN();
  });

  test('on a data set that gives nothing, to train on or to test on', async () => {
    const { trainable } = recorded();
    const empty = Dataset.fromArray<Batch>([]);
    for (const more of [{}, { stepsPerEpoch: 2 }]) {
      const running = runTraining(trainable, options(empty, more));
      await expect(running).rejects.toThrow('epoch 1: the data set gave no batch');
    }
    await expect(runTest(trainable, empty.iterate(0))).rejects.toThrow('no batch to test on');
    const validation = { batches: () => empty.iterate(0) };
    await expect(runTraining(trainable, options(twoBatches, { validation }))).rejects.toThrow(ComputeError);
  });

  test.each(['onTrainBatchBegin', 'onTrainBatchEnd', 'onEpochBegin', 'onEpochEnd'] as const)(
    'in %s, after closing the data set',
    async (event) => {
      let [opened, closed] = [0, 0];
      const data = Dataset.fromGenerator(async function* () {
        opened++;
        try {
          yield* [batch(1, 1), batch(1, 1), batch(1, 1)];
        } finally {
          closed++;
        }
      });
      const fail = () => {
        throw new Error('the callback’s own');
      };
      for (const more of [{}, { stepsPerEpoch: 2 }]) {
        const running = runTraining(
          recorded().trainable,
          options(data, { ...more, callbacks: [{ [event]: fail }] }),
        );
        await expect(running).rejects.toThrow('the callback’s own');
        expect(closed).toBe(opened);
      }
    },
  );
});

test('a batch is made ready for what it is for, the next one while a step runs', async () => {
  const told: string[] = [];
  const trainable: Trainable<Batch> = {
    ...trainableThat((what) => void told.push(what)),
    prepare: async (given, purpose) => {
      told.push(`ready to ${purpose}`);
      return given;
    },
  };
  const validation = { batches: () => Dataset.fromArray([batch(1, 1)]).iterate(0) };
  await runTraining(trainable, options(twoBatches, { validation }));
  expect(told).toEqual([
    'ready to train',
    'ready to train',
    'step',
    'step',
    'ready to test',
    'test',
    'last step done',
  ]);
});

describe('a test', () => {
  test('is the mean over all examples', async () => {
    expect(await runTest(recorded().trainable, twoBatches.iterate(0))).toEqual({ loss: 3, hits: 1 });
  });

  test('of so many batches reads no more, and closes the data set', async () => {
    let closed = false;
    const data = Dataset.fromGenerator(async function* () {
      try {
        for (let i = 0; ; i++) yield batch(1, i);
      } finally {
        closed = true;
      }
    });
    const { told, trainable } = recorded();
    expect(await runTest(trainable, data.iterate(0), { steps: 3 })).toEqual({ loss: 1, hits: 1 });
    expect(told).toEqual(['test', 'test', 'test']);
    expect(closed).toBe(true);
  });
});

test('sums add in any order and grouping, and begin at nothing', () => {
  const whole = fc.integer({ min: 1, max: 1000 });
  const some = fc.tuple(whole, whole, whole).map((numbers) => sums(...numbers));
  void fc.assert(
    fc.property(some, some, some, (a, b, c) => {
      expect(addSums(a, b)).toEqual(addSums(b, a));
      expect(addSums(addSums(a, b), c)).toEqual(addSums(a, addSums(b, c)));
      expect(addSums(noSums, a)).toEqual(a);
    }),
  );
  const [a, b] = [sums(2, 3, 1), sums(1, 6, 1)];
  expect(addSums(a, b)).toEqual(sums(3, 9, 2));
  expect([a, b]).toEqual([sums(2, 3, 1), sums(1, 6, 1)]);
});
