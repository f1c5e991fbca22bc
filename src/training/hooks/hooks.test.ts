import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { UsageError } from '../../core/errors.ts';
import { floats } from '../../core/tensor.ts';
import { stateOf } from '../../data/state.ts';
import { runTest } from '../evaluation.ts';
import type { SessionRunHook, TrainingSession } from '../hook.ts';
import { DivergedError, type LoopOptions, runTraining } from '../loop.ts';
import type { TrainingState } from '../state.ts';
import { readScalars } from '../summaries/event-folder.ts';
import { flushAllWriters } from '../summaries/shared-writers.ts';
import type { Batch, Sums, Trainable } from '../trainable.ts';
import { LoggingTensorHook } from './logging-tensor-hook.ts';
import { NanTensorHook } from './nan-tensor-hook.ts';
import { ProfilerHook } from './profiler-hook.ts';
import { SecondOrStepTimer } from './second-or-step-timer.ts';
import { StepCounterHook } from './step-counter-hook.ts';
import { StopAtStepHook } from './stop-at-step-hook.ts';
import { SummarySaverHook } from './summary-saver-hook.ts';
import { TimeHistory } from './time-history.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-hooks-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));
afterEach(() => {
  vi.useRealTimers();
});

const freshFolder = (): Promise<string> => mkdtemp(join(base, 'run-'));

/** Batches of a pass, of two examples each. */
const batchesPerPass = 4;

/** The losses of steps tell them apart. */
const lossAt = (step: number): number => 16 - step;

const batchOf = (loss: number): Batch => ({ inputs: floats([loss]), targets: floats([0, 0], [2, 1]) });

/** Batches whose pass can tell its place. */
const batches: LoopOptions['batches'] = (pass, place) => {
  let at = place?.position ? Number(place.position[1]) : 0;
  const stream = (async function* () {
    while (at < batchesPerPass) yield batchOf(lossAt(pass * batchesPerPass + ++at));
  })();
  return Object.assign(stream, { placeNow: () => ({ epoch: pass, position: stateOf('trial', at) }) });
};

interface Trial {
  readonly hooks: readonly SessionRunHook[];
  readonly epochs?: number;
  readonly from?: TrainingState | undefined;
  /** What else a step does, before it is made. */
  readonly onStep?: (step: number) => void;
}

/** Trains with hooks, and tells what the trainable was asked. */
async function train({ hooks, epochs = 3, from, onStep }: Trial) {
  const asked = { steps: 0, fetches: {} as Record<number, readonly string[]>, captures: [] as number[] };
  let declared: readonly string[] = [];
  let step = from?.progress.step ?? 0;
  const measured = ({ inputs }: Batch): Sums => {
    const [loss] = (inputs as { data: Float32Array }).data;
    return { examples: 2, totals: { loss: Float64Array.of(loss! * 2) } };
  };
  const trainable: Trainable<Batch> = {
    prepare: async (given) => given,
    trainableWeights: ['dense/kernel', 'dense/bias'],
    declare: (fetches) => {
      declared = fetches;
    },
    trainStep: async (given, fetches) => {
      await Promise.resolve();
      onStep?.(step + 1);
      step++;
      asked.steps++;
      if (fetches.length > 0) asked.fetches[step] = fetches;
      expect(declared).toEqual(expect.arrayContaining([...fetches]));
      const fetched = Object.fromEntries(fetches.map((name) => [name, floats([step, 0, 1])]));
      return { sums: measured(given), learningRate: 0.5, fetched };
    },
    testStep: async (given) => measured(given),
    logsOf: ({ examples, totals }) => ({ loss: totals.loss![0]! / examples, accuracy: 0.25 }),
    capture: async () => {
      asked.captures.push(step);
      const weights = {
        'dense/kernel': floats([1, 2]),
        'dense/bias': floats([0]),
        'dense/bias/m': floats([9]),
      };
      return { values: {}, tensors: async () => weights };
    },
  };
  const running = runTraining(trainable, { epochs, batches, from, hooks, control: { stopTraining: false } });
  const error: unknown = await running.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return { ...asked, error, declared, trainable };
}

/** The state after a step. */
async function stateAfter(step: number): Promise<TrainingState> {
  let state: TrainingState | undefined;
  const taking: SessionRunHook = {
    afterRun: async (session) => {
      if (session.step === step) state = await session.capture();
    },
  };
  await train({ hooks: [taking] });
  return state!;
}

const stepsOf = async (folder: string, tag: string): Promise<number[]> =>
  (await readScalars(folder)).filter((scalar) => scalar.tag === tag).map(({ step }) => step);

/** Lines of a hook's `log`. */
function lines() {
  const said: string[] = [];
  return { said, log: (line: string) => void said.push(line) };
}

/** Each step takes a second of a clock that only they move. */
function secondsBySteps(): (step: number) => void {
  vi.useFakeTimers({ toFake: ['performance'] });
  return () => vi.advanceTimersByTime(1000);
}

describe('a timer', () => {
  test('of steps is due at their multiples, wherever a run begins', () => {
    void fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(30), (everyNSteps, begin) => {
        const timer = new SecondOrStepTimer({ everyNSteps });
        timer.reset(begin);
        for (let step = begin + 1; step < begin + 20; step++) {
          const isDue = timer.shouldTriggerForStep(step);
          expect(isDue).toBe(step % everyNSteps === 0);
          if (isDue) timer.updateLastTriggeredStep(step);
          expect(timer.shouldTriggerForStep(step)).toBe(false);
        }
      }),
    );
  });

  test('of seconds is due when they have passed, and tells what has', () => {
    const tick = secondsBySteps();
    const timer = new SecondOrStepTimer({ everyNSecs: 3 });
    timer.reset(10);
    const due: [number, object][] = [];
    for (let step = 11; step <= 18; step++) {
      tick(step);
      if (timer.shouldTriggerForStep(step)) due.push([step, timer.updateLastTriggeredStep(step)]);
    }
    expect(due).toEqual([
      [13, { steps: 3, seconds: 3 }],
      [16, { steps: 3, seconds: 3 }],
    ]);
    expect(timer.lastTriggeredStep).toBe(16);
  });
});

test.each<[string, () => unknown, string]>([
  [
    'StopAtStepHook of nothing',
    () => new StopAtStepHook({}),
    'exactly one of numSteps and lastStep, got none',
  ],
  ['StopAtStepHook of both', () => new StopAtStepHook({ numSteps: 1, lastStep: 1 }), 'got both'],
  ['StopAtStepHook of half a step', () => new StopAtStepHook({ lastStep: 0.5 }), 'lastStep must be'],
  ['ProfilerHook without a time', () => new ProfilerHook({}), 'exactly one of saveSteps and saveSecs'],
  [
    'StepCounterHook of both',
    () => new StepCounterHook({ everyNSteps: 1, everyNSecs: 1 }),
    'exactly one of everyNSteps and everyNSecs',
  ],
  ['SummarySaverHook without a folder', () => new SummarySaverHook({} as never), 'outputDir is missing'],
  [
    'LoggingTensorHook of nothing',
    () => new LoggingTensorHook({ tensors: [], atEnd: true }),
    'something to log',
  ],
  [
    'LoggingTensorHook without a time',
    () => new LoggingTensorHook({ tensors: ['loss'] }),
    'exactly one of everyNIter',
  ],
  ['NanTensorHook by another name', () => new NanTensorHook({ loss: 'a' } as never), "no option 'loss'"],
  ['SecondOrStepTimer of nothing', () => new SecondOrStepTimer({}), 'exactly one of everyNSteps'],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(UsageError);
  expect(make).toThrow(message);
});

describe('StopAtStepHook', () => {
  test.each([
    [{ lastStep: 5 }, 0, 5],
    [{ lastStep: 5 }, 3, 2],
    [{ lastStep: 5 }, 5, 0],
    [{ lastStep: 5 }, 7, 0],
    [{ numSteps: 5 }, 0, 5],
    [{ numSteps: 5 }, 3, 5],
    [{ numSteps: 0 }, 3, 0],
    [{ numSteps: 99 }, 3, 9],
  ])('%j after %d steps makes %d', async (options, before, made) => {
    const from = before === 0 ? undefined : await stateAfter(before);
    const { steps, error } = await train({ hooks: [new StopAtStepHook(options)], from });
    expect(error).toBeUndefined();
    expect(steps).toBe(made);
  });
});

describe('StepCounterHook', () => {
  test('tells how many steps and examples there are in a second', async () => {
    const outputDir = await freshFolder();
    const { said, log } = lines();
    const onStep = secondsBySteps();
    await train({ hooks: [new StepCounterHook({ everyNSteps: 5, outputDir, log })], onStep });
    const at = (step: number) => [
      { step, tag: 'global_step/sec', value: 1 },
      { step, tag: 'examples/sec', value: 2 },
      { step, tag: 'time/waiting', value: 0 },
    ];
    expect(await readScalars(outputDir)).toMatchObject([...at(5), ...at(10)]);
    const line = 'global_step/sec: 1.000, images/sec: 2.000, 0.000 s waiting for data';
    expect(said).toEqual([`step 5: ${line}`, `step 10: ${line}`]);
  });

  test('counts seconds, and writes nothing where it has no folder', async () => {
    const { said, log } = lines();
    await train({ hooks: [new StepCounterHook({ everyNSecs: 4, log })], onStep: secondsBySteps() });
    expect(said.map((line) => line.split(':')[0])).toEqual(['step 4', 'step 8', 'step 12']);
  });

  test('says nothing of an evaluation, whose step stands still', async () => {
    const { said, log } = lines();
    const { trainable } = await train({ hooks: [] });
    const hooks = [new StepCounterHook({ everyNSteps: 1, log })];
    await runTest(trainable, batches(0), { hooks, globalStep: 7 });
    expect(said).toEqual([]);
  });
});

describe('LoggingTensorHook', () => {
  test('logs every so many steps, and fetches at no other', async () => {
    const { said, log } = lines();
    const tensors = ['loss', 'learning_rate', 'gradients/dense/bias'];
    const { fetches } = await train({
      hooks: [new LoggingTensorHook({ tensors, everyNIter: 6, log })],
      onStep: secondsBySteps(),
    });
    const line = (step: number) =>
      `step ${step}: loss = ${lossAt(step)}, learning_rate = 0.5, gradients/dense/bias = float32[3] [${step}, 0, 1] (6.000 s)`;
    expect(said).toEqual([line(6), line(12)]);
    expect(Object.keys(fetches)).toEqual(['6', '12']);
  });

  test.each([
    [{ everyNSecs: 4 }, ['step 5', 'step 10']],
    [{ everyNSecs: 4, atEnd: true }, ['step 5', 'step 10', 'step 12']],
    [{ everyNIter: 6, atEnd: true }, ['step 6', 'step 12']],
    [{ atEnd: true }, ['step 12']],
  ])('with %j logs at %j', async (options, expected) => {
    const { said, log } = lines();
    const hooks = [new LoggingTensorHook({ tensors: ['accuracy'], ...options, log })];
    await train({ hooks, onStep: secondsBySteps() });
    expect(said.map((line) => line.split(':')[0])).toEqual(expected);
    expect(said.every((line) => line.includes('accuracy = 0.25'))).toBe(true);
  });

  test('takes a formatter, and counts the batches of an evaluation', async () => {
    const { said, log } = lines();
    const { trainable } = await train({ hooks: [] });
    const formatter = ({ loss }: Readonly<Record<string, unknown>>, step: number) => `${step} ${loss}`;
    const hooks = [new LoggingTensorHook({ tensors: ['loss'], everyNIter: 2, formatter, log })];
    for (const globalStep of [7, 8]) await runTest(trainable, batches(0), { hooks, globalStep });
    expect(said).toEqual([`2 ${lossAt(2)}`, `4 ${lossAt(4)}`, `2 ${lossAt(2)}`, `4 ${lossAt(4)}`]);
  });

  test('says which names there are where one is unknown', async () => {
    const { error } = await train({ hooks: [new LoggingTensorHook({ tensors: ['los'], everyNIter: 1 })] });
    expect(error).toBeInstanceOf(UsageError);
    expect(error).toHaveProperty(
      'message',
      expect.stringContaining("no 'los'; it gives loss, accuracy, learning_rate"),
    );
  });
});

describe('NanTensorHook', () => {
  /** Passes on what the loss would be. */
  const diverging = (hook: NanTensorHook, at: number): SessionRunHook => ({
    afterRun: (session, values) =>
      hook.afterRun(session, session.step === at ? { ...values, logs: { loss: Number.NaN } } : values),
  });

  test('fails at a loss that is no finite number', async () => {
    const { steps, error } = await train({ hooks: [diverging(new NanTensorHook(), 3)] });
    expect(error).toBeInstanceOf(DivergedError);
    expect(error).toHaveProperty('message', expect.stringContaining('loss is NaN at step 3'));
    expect(steps).toBe(3);
  });

  test('ends the training there with a line, where it is not to fail', async () => {
    const { said, log } = lines();
    const { steps, error } = await train({
      hooks: [diverging(new NanTensorHook({ failOnNanLoss: false, log }), 3)],
    });
    expect(error).toBeUndefined();
    expect(steps).toBe(3);
    expect(said).toEqual(['NanTensorHook: loss is NaN at step 3, training stops']);
  });

  test('leaves a finite loss alone, and says which names there are where one is unknown', async () => {
    expect(await train({ hooks: [new NanTensorHook()] })).toMatchObject({ steps: 12, error: undefined });
    const { error } = await train({ hooks: [new NanTensorHook({ lossTensor: 'los' })] });
    expect(error).toHaveProperty(
      'message',
      expect.stringContaining("no number 'los'; they have loss, accuracy"),
    );
  });
});

describe('SummarySaverHook', () => {
  test('writes what steps give, and asks for nothing at others', async () => {
    const outputDir = await freshFolder();
    const hook = new SummarySaverHook({ outputDir, saveSteps: 5, gradients: true, weights: true });
    const { fetches, captures, declared } = await train({ hooks: [hook] });
    const gradients = ['gradients/dense/kernel', 'gradients/dense/bias'];
    expect(declared).toEqual(gradients);
    expect(fetches).toEqual({ 5: gradients, 10: gradients });
    expect(captures).toEqual([5, 10]);
    const at = (step: number) => [
      { step, tag: 'loss', value: lossAt(step) },
      { step, tag: 'accuracy', value: 0.25 },
      { step, tag: 'learning_rate', value: 0.5 },
    ];
    expect(await readScalars(outputDir)).toMatchObject([...at(5), ...at(10)]);
    const [name] = await readdir(outputDir);
    const written = await readFile(join(outputDir, name!), 'latin1');
    for (const tag of [...gradients, 'weights/dense/kernel', 'weights/dense/bias'])
      expect(written.split(tag)).toHaveLength(3);
    expect(written).not.toContain('dense/bias/m');
  });

  test('writes neither rates nor histograms that are not wanted, at times too', async () => {
    const outputDir = await freshFolder();
    const hook = new SummarySaverHook({ outputDir, saveSecs: 3, learningRate: false });
    const { fetches, captures, declared } = await train({ hooks: [hook], onStep: secondsBySteps() });
    expect({ fetches, captures, declared }).toEqual({ fetches: {}, captures: [], declared: [] });
    // Whether a step is due is known before it: three seconds are over before the fourth.
    expect(await stepsOf(outputDir, 'loss')).toEqual([4, 8, 12]);
    expect(await stepsOf(outputDir, 'learning_rate')).toEqual([]);
  });

  test('shares one file with the others that write there', async () => {
    const outputDir = await freshFolder();
    const hooks = [
      new SummarySaverHook({ outputDir, saveSteps: 2 }),
      new StepCounterHook({ everyNSteps: 3, outputDir: `${outputDir}/.`, log: () => {} }),
    ];
    await train({ hooks });
    expect(await readdir(outputDir)).toHaveLength(1);
    expect(await stepsOf(outputDir, 'loss')).toEqual([2, 4, 6, 8, 10, 12]);
    expect(await stepsOf(outputDir, 'examples/sec')).toEqual([3, 6, 9, 12]);
  });
});

test('a training killed at any step and taken up again writes what one does that was not', async () => {
  const hooksFor = (outputDir: string) => [
    new SummarySaverHook({ outputDir, saveSteps: 2, gradients: true }),
    new StepCounterHook({ everyNSteps: 3, outputDir, log: () => {} }),
  ];
  const told = async (folder: string) =>
    (await readScalars(folder))
      .map(({ step, tag, value }) => (tag.includes('/') ? [step, tag] : [step, tag, value]))
      .sort();
  const whole = await freshFolder();
  await train({ hooks: hooksFor(whole) });
  const expected = await told(whole);
  expect(expected).toHaveLength(6 * 3 + 4 * 3);
  await fc.assert(
    fc.asyncProperty(fc.nat(11), fc.nat(11), async (a, b) => {
      const [saved, killed] = [Math.min(a, b), Math.max(a, b)];
      const folder = await freshFolder();
      let state: TrainingState | undefined;
      const saving: SessionRunHook = {
        afterRun: async (session: TrainingSession) => {
          if (session.step !== saved) return;
          state = await session.capture();
          await flushAllWriters();
        },
      };
      const onStep = (step: number) => {
        if (step === killed + 1) throw new Error('killed');
      };
      const first = await train({ hooks: [...hooksFor(folder), saving], onStep });
      expect(first).toMatchObject({ steps: killed, error: { message: 'killed' } });
      await train({ hooks: hooksFor(folder), from: state });
      expect(await told(folder)).toEqual(expected);
    }),
    { numRuns: 30 },
  );
});

describe('ProfilerHook', () => {
  interface Traced {
    readonly name: string;
    readonly ph: string;
    readonly ts: number;
    readonly dur: number;
    readonly args: { readonly step: number };
  }
  const spansIn = async (folder: string, step: number): Promise<Traced[]> => {
    const { traceEvents } = JSON.parse(await readFile(join(folder, `timeline-${step}.json`), 'utf8'));
    return traceEvents.filter(({ ph }: Traced) => ph === 'X');
  };

  test('writes where the time of the steps since the last file went', async () => {
    const outputDir = join(await freshFolder(), 'profiles');
    const onStep = secondsBySteps();
    const slow: SessionRunHook = { afterRun: () => void vi.advanceTimersByTime(500) };
    await train({ hooks: [slow, new ProfilerHook({ outputDir, saveSteps: 5 })], onStep });
    expect((await readdir(outputDir)).sort()).toEqual(['timeline-10.json', 'timeline-5.json']);
    for (const [file, first] of [
      [5, 1],
      [10, 6],
    ] as const) {
      const spans = await spansIn(outputDir, file);
      expect(spans.map(({ name, dur, args }) => [args.step, name, Math.round(dur)])).toEqual(
        [0, 1, 2, 3, 4].flatMap((i) => [
          [first + i, 'computing', 1_000_000],
          [first + i, 'other', 500_000],
        ]),
      );
    }
  });

  test('accounts for all time once', async () => {
    const outputDir = await freshFolder();
    const before = (performance.timeOrigin + performance.now()) * 1000;
    const wait = () => new Promise<void>((resolve) => setTimeout(resolve, 2));
    await train({ hooks: [{ afterRun: wait }, new ProfilerHook({ outputDir, saveSteps: 12 })] });
    const spans = await spansIn(outputDir, 12);
    expect(spans[0]!.ts).toBeGreaterThanOrEqual(before);
    spans.slice(1).forEach(({ ts }, i) => {
      expect(ts).toBeCloseTo(spans[i]!.ts + spans[i]!.dur, -1);
    });
    const steps = new Set(spans.filter(({ name }) => name === 'computing').map(({ args }) => args.step));
    expect([...steps]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });
});

describe('TimeHistory', () => {
  test('has the time of each step, of each run anew', async () => {
    const history = new TimeHistory();
    expect(history).toMatchObject({ times: [], totalTime: 0, examples: 0, imagesPerSecond: 0 });
    for (const epochs of [3, 1]) {
      await train({ hooks: [history], epochs, onStep: secondsBySteps() });
      const steps = epochs * batchesPerPass;
      expect(history.times).toEqual(Array.from({ length: steps }, () => 1));
      expect(history).toMatchObject({ totalTime: steps, examples: 2 * steps, imagesPerSecond: 2 });
    }
  });

  test('forgets the first of very many steps, but not that they were', () => {
    const history = new TimeHistory();
    const session = {} as TrainingSession;
    const values = { logs: {}, examples: 1, learningRate: 0, computed: 0, fetched: {} };
    for (let step = 0; step < 25_000; step++) history.afterRun(session, { ...values, waited: 1000 * step });
    expect(history.times).toHaveLength(10_000);
    expect([history.times[0], history.times.at(-1)]).toEqual([15_000, 24_999]);
    expect(history).toMatchObject({ examples: 25_000, totalTime: (25_000 * 24_999) / 2 });
  });
});

test('writers are given back when a training fails, and when a hook of it does', async () => {
  const outputDir = await freshFolder();
  const failing: SessionRunHook = {
    afterCreateSession: () => {
      throw new Error('not today');
    },
  };
  const hook = new SummarySaverHook({ outputDir, saveSteps: 1 });
  const { error } = await train({ hooks: [hook, failing] });
  expect(error).toHaveProperty('message', expect.stringContaining('not today'));
  expect(await readdir(outputDir)).toEqual([]);
  await train({ hooks: [hook], epochs: 1 });
  expect(await stepsOf(outputDir, 'loss')).toEqual([1, 2, 3, 4]);
});
