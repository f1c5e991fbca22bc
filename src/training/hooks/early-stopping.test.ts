import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { UsageError } from '../../core/errors.ts';
import type { RunValues, SessionRunHook } from '../hook.ts';
import { SummaryWriter } from '../summaries/summary-writer.ts';
import {
  type Evaluated,
  makeEarlyStoppingHook,
  stopIfHigherHook,
  stopIfLowerHook,
  stopIfNoDecreaseHook,
  stopIfNoIncreaseHook,
} from './early-stopping.ts';
import { readEvalMetrics } from './eval-metrics.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-early-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));

const log = (): void => {};
const estimatorAt = (folder: string): Evaluated => ({ evalDir: (name = '') => join(folder, name) });

/** An evaluation every 100 steps. */
async function evaluated(values: readonly number[]): Promise<string> {
  const folder = await mkdtemp(join(base, 'eval-'));
  const writer = await SummaryWriter.open(folder);
  values.forEach((metric, i) => {
    writer.scalars(100 * (i + 1), { metric, loss: 1 });
  });
  await writer.close();
  return folder;
}

/** Whether a run that begins at a step is stopped there, or else after which steps. */
async function stopsAt(hook: SessionRunHook, step: number, last: number): Promise<number | undefined> {
  const session = {
    step,
    isStopped: false,
    isInterrupted: false,
    requestStop: () => {
      session.isStopped = true;
    },
    capture: () => Promise.reject(new Error('not asked for')),
  };
  await hook.afterCreateSession?.(session);
  for (; !session.isStopped; session.step++) {
    if (session.step > last) return undefined;
    if (session.step > step) await hook.afterRun?.(session, {} as RunValues);
    if (session.isStopped) return session.step;
  }
  return session.step;
}

const { NaN: nan } = Number;
test.each<[string, (of: Evaluated) => SessionRunHook, readonly number[], boolean]>([
  ['a decrease', (of) => stopIfNoDecreaseHook(of, 'metric', 200, { log }), [3, 2, 1], false],
  ['no decrease', (of) => stopIfNoDecreaseHook(of, 'metric', 200, { log }), [1, 1, 1], true],
  [
    'no decrease for too few steps',
    (of) => stopIfNoDecreaseHook(of, 'metric', 201, { log }),
    [1, 2, 2],
    false,
  ],
  ['a decrease after too many', (of) => stopIfNoDecreaseHook(of, 'metric', 200, { log }), [1, 2, 2, 0], true],
  [
    'none before minSteps',
    (of) => stopIfNoDecreaseHook(of, 'metric', 200, { minSteps: 200, log }),
    [1, 2, 2],
    false,
  ],
  ['a number after NaN', (of) => stopIfNoDecreaseHook(of, 'metric', 200, { log }), [nan, 9, 8], false],
  ['NaN after a number', (of) => stopIfNoDecreaseHook(of, 'metric', 200, { log }), [1, nan, nan], true],
  ['an increase', (of) => stopIfNoIncreaseHook(of, 'metric', 200, { log }), [1, 2, 3], false],
  ['no increase', (of) => stopIfNoIncreaseHook(of, 'metric', 200, { log }), [3, 2, 3], true],
  ['NaN without increase', (of) => stopIfNoIncreaseHook(of, 'metric', 200, { log }), [nan, nan, nan], true],
  ['higher', (of) => stopIfHigherHook(of, 'metric', 0.1, { log }), [0, 0.2, 0], true],
  ['higher by the digits of float32', (of) => stopIfHigherHook(of, 'metric', 0.1, { log }), [0.1], false],
  ['NaN, for higher', (of) => stopIfHigherHook(of, 'metric', 0.1, { log }), [nan], false],
  ['higher before minSteps', (of) => stopIfHigherHook(of, 'metric', 0.1, { minSteps: 101, log }), [1], false],
  ['lower', (of) => stopIfLowerHook(of, 'metric', 0.7, { log }), [0.8, 0.6], true],
  ['not lower', (of) => stopIfLowerHook(of, 'metric', 0.7, { log }), [0.7], false],
  ['no evaluation', (of) => stopIfLowerHook(of, 'metric', 0.7, { log }), [], false],
])('%s', async (_, make, values, stops) => {
  const hook = make(estimatorAt(await evaluated(values)));
  expect(await stopsAt(hook, 300, 310)).toBe(stops ? 300 : undefined);
});

test('evaluations are looked at when a run begins, and every so many steps', async () => {
  const looks: string[] = [];
  const said: string[] = [];
  const hook = makeEarlyStoppingHook(
    estimatorAt(base),
    async () => {
      looks.push('look');
      return looks.length === 4;
    },
    { runEverySteps: 10, log: (line) => void said.push(line) },
  );
  expect(await stopsAt(hook, 5, 100)).toBe(30);
  expect(said).toEqual(['step 30: shouldStop says so, training stops']);
});

test('the folder is that of evaluations, or another; the line says why', async () => {
  const folder = await evaluated([0.5, 0.75]);
  const said: string[] = [];
  const options = { evalDir: folder, runEverySteps: 1, log: (line: string) => void said.push(line) };
  expect(await stopsAt(stopIfHigherHook(estimatorAt(base), 'metric', 0.7, options), 1, 1)).toBe(1);
  expect(await stopsAt(stopIfNoDecreaseHook(estimatorAt(base), 'metric', 100, options), 1, 1)).toBe(1);
  expect(said).toEqual([
    'step 1: metric was 0.75 at step 200, higher than 0.7, training stops',
    'step 1: no decrease of metric in 100 steps, from 0.5 at step 100 on, training stops',
  ]);
});

test('results are by step, the later one of two', async () => {
  const folder = await evaluated([1, 2]);
  const writer = await SummaryWriter.open(folder);
  writer.scalars(100, { metric: 5 });
  await writer.close();
  expect([...(await readEvalMetrics(folder))]).toEqual([
    [100, { metric: 5, loss: 1 }],
    [200, { metric: 2, loss: 1 }],
  ]);
  expect(await readEvalMetrics(join(base, 'gone'))).toEqual(new Map());
});

test('what cannot be meant is refused', async () => {
  const of = estimatorAt(await evaluated([1]));
  const typo = stopIfHigherHook(of, 'metrik', 1, { log });
  await expect(stopsAt(typo, 1, 1)).rejects.toThrow("no metric 'metrik'; they have metric, loss");
  for (const make of [
    () => stopIfHigherHook(of, 'metric', Number.NaN),
    () => stopIfNoIncreaseHook(of, 'metric', 0),
    () => stopIfLowerHook(of, 'metric', 1, { runEverySecs: 1, runEverySteps: 1 }),
    () => stopIfLowerHook(of, 'metric', 1, { every: 1 } as never),
    () => makeEarlyStoppingHook(of, true as never),
  ])
    expect(make).toThrow(UsageError);
});
