import { describe, expect, test } from 'vitest';
import { ComputeError } from '../core/errors.ts';
import { floats } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import type { Callback } from './callbacks.ts';
import { type LoopOptions, runTest, runTraining } from './loop.ts';
import { addSums, type Batch, logsOf, noSums, type Trainable } from './trainable.ts';

/** A batch of so many examples, of this loss each. */
const batch = (examples: number, loss: number): Batch => ({
  inputs: floats([loss]),
  targets: floats(new Float32Array(examples), [examples, 1]),
});

/** Takes the losses from the batches, and writes down what it is asked. */
function recorded() {
  const told: string[] = [];
  const measure = ({ inputs, targets }: Batch) => {
    const [loss] = (inputs as { data: Float32Array }).data;
    const examples = targets.shape[0]!;
    return { examples, sums: { loss: loss! * examples, hits: examples } };
  };
  const trainable: Trainable<Batch> = {
    prepare: async (given) => given,
    trainStep: async (given, step) => {
      told.push(`step ${step}`);
      return measure(given);
    },
    testStep: async (given) => {
      told.push('test');
      return measure(given);
    },
  };
  const callback: Callback = {
    onTrainBegin: () => void told.push('train begins'),
    onEpochBegin: (epoch) => void told.push(`epoch ${epoch} begins`),
    onTrainBatchEnd: async ({ epoch, step, examples }, { loss }) => {
      await Promise.resolve();
      told.push(`after step ${step} of epoch ${epoch}: ${examples} examples, loss ${loss}`);
    },
    onEpochEnd: (epoch, logs) => void told.push(`epoch ${epoch} ends: ${JSON.stringify(logs)}`),
    onTrainEnd: () => void told.push('train ends'),
  };
  return { told, trainable, callback };
}

const twoBatches = Dataset.fromArray([batch(3, 2), batch(1, 6)]);
const options = (data: Dataset<Batch>, more: Partial<LoopOptions> = {}): LoopOptions => ({
  epochs: 1,
  batches: (epoch) => data.iterate(epoch - 1),
  ...more,
});

test('tells callbacks in order, each example counting once', async () => {
  const { told, trainable, callback } = recorded();
  const validation = () => Dataset.fromArray([batch(2, 1)]).iterate(0);
  const history = await runTraining(
    trainable,
    options(twoBatches, { epochs: 2, callbacks: [callback], validation }),
  );
  const logs = { loss: 3, hits: 1, val_loss: 1, val_hits: 1 };
  expect(told).toEqual([
    'train begins',
    'epoch 1 begins',
    'step 1',
    'after step 1 of epoch 1: 3 examples, loss 2',
    'step 2',
    'after step 2 of epoch 1: 4 examples, loss 3',
    'test',
    `epoch 1 ends: ${JSON.stringify(logs)}`,
    'epoch 2 begins',
    'step 3',
    'after step 3 of epoch 2: 3 examples, loss 2',
    'step 4',
    'after step 4 of epoch 2: 4 examples, loss 3',
    'test',
    `epoch 2 ends: ${JSON.stringify(logs)}`,
    'train ends',
  ]);
  expect(history.epochs).toEqual([logs, logs]);
  expect(history.interrupted).toBe(false);
});

test('callbacks are told one after another, the history first', async () => {
  const { trainable } = recorded();
  const order: string[] = [];
  const slow: Callback = {
    onEpochEnd: async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push('slow');
    },
  };
  const fast: Callback = { onEpochEnd: () => void order.push('fast') };
  await runTraining(trainable, options(twoBatches, { callbacks: [slow, fast] }));
  expect(order).toEqual(['slow', 'fast']);
});

test('each epoch asks for batches of its own', async () => {
  const { trainable } = recorded();
  const asked: number[] = [];
  const data = Dataset.fromGenerator((epoch) => {
    asked.push(epoch);
    return [batch(1, epoch)];
  });
  const history = await runTraining(trainable, options(data, { epochs: 3 }));
  expect(asked).toEqual([0, 1, 2]);
  expect(history.epochs.map(({ loss }) => loss)).toEqual([0, 1, 2]);
});

describe('a signal', () => {
  test('ends the training after the step that is running', async () => {
    const { told, trainable } = recorded();
    const ending = new AbortController();
    const callback: Callback = {
      onTrainBatchEnd: ({ step }) => {
        if (step === 3) ending.abort();
      },
      onTrainEnd: () => void told.push('train ends'),
    };
    const loop = options(twoBatches, { epochs: 9, callbacks: [callback], signal: ending.signal });
    const history = await runTraining(trainable, loop);
    expect(told).toEqual(['step 1', 'step 2', 'step 3', 'train ends']);
    expect(history.interrupted).toBe(true);
    expect(history.epochs).toEqual([{ loss: 3, hits: 1 }]);
  });

  test('that was given before lets nothing begin', async () => {
    const { told, trainable, callback } = recorded();
    const history = await runTraining(
      trainable,
      options(twoBatches, { callbacks: [callback], signal: AbortSignal.abort() }),
    );
    expect(told).toEqual(['train begins', 'train ends']);
    expect(history).toMatchObject({ interrupted: true, epochs: [] });
  });
});

describe('fails with its reason', () => {
  test.each([Number.NaN, Number.POSITIVE_INFINITY])('at a loss of %d, with the step', async (loss) => {
    const { told, trainable } = recorded();
    const data = Dataset.fromArray([batch(2, 1), batch(2, loss), batch(2, 1)]);
    const running = runTraining(trainable, options(data, { epochs: 2 }));
    await expect(running).rejects.toThrow(ComputeError);
    await expect(running).rejects.toThrow(`the loss is ${loss} at step 2 (epoch 1)`);
    expect(told).toEqual(['step 1', 'step 2']);
  });

  test('on a data set that gives nothing, to train on or to test on', async () => {
    const { trainable } = recorded();
    const empty = Dataset.fromArray<Batch>([]);
    await expect(runTraining(trainable, options(empty))).rejects.toThrow(
      'epoch 1: the data set gave no batch',
    );
    await expect(runTest(trainable, empty.iterate(0))).rejects.toThrow('no batch to test on');
    const validation = () => empty.iterate(0);
    await expect(runTraining(trainable, options(twoBatches, { validation }))).rejects.toThrow(ComputeError);
  });

  test('in a callback, after closing the data set', async () => {
    const { trainable } = recorded();
    let closed = false;
    const data = Dataset.fromGenerator(async function* () {
      try {
        for (;;) yield batch(1, 1);
      } finally {
        closed = true;
      }
    });
    const callback: Callback = {
      onTrainBatchEnd: () => {
        throw new Error('the callback’s own');
      },
    };
    const running = runTraining(trainable, options(data, { callbacks: [callback] }));
    await expect(running).rejects.toThrow('the callback’s own');
    expect(closed).toBe(true);
  });
});

test('a test is the mean over all examples', async () => {
  const { trainable } = recorded();
  expect(await runTest(trainable, twoBatches.iterate(0), 'val_')).toEqual({ val_loss: 3, val_hits: 1 });
});

test('sums add in any order, and begin at nothing', () => {
  const [a, b] = [
    { examples: 2, sums: { loss: 3 } },
    { examples: 1, sums: { loss: 6, hits: 1 } },
  ];
  expect(addSums(a, b)).toEqual({ examples: 3, sums: { loss: 9, hits: 1 } });
  expect(addSums(a, b)).toEqual(addSums(b, a));
  expect(addSums(noSums, a)).toEqual(a);
  expect(logsOf(addSums(a, b), 'val_')).toEqual({ val_loss: 3, val_hits: 1 / 3 });
});
