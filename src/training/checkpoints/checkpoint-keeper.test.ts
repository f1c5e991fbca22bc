import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { floats } from '../../core/tensor.ts';
import { DeviceLostError } from '../../runtime/device.ts';
import type { TrainingSession } from '../hook.ts';
import { DivergedError } from '../loop.ts';
import { beginningAt } from '../state.ts';
import { CheckpointKeeper, type CheckpointKeeperOptions } from './checkpoint-keeper.ts';
import { CheckpointStore } from './checkpoint-store.ts';

let base: string;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'fovea-keeper-'));
});
afterAll(() => rm(base, { recursive: true }));

class Session implements TrainingSession {
  step: number;
  isStopped = false;
  isInterrupted = false;
  epoch = 0;
  constructor(step = 0) {
    this.step = step;
  }
  requestStop(): void {
    this.isStopped = true;
  }
  async capture() {
    const { step, epoch } = this;
    return {
      progress: { ...beginningAt(epoch), step },
      model: { values: {}, tensors: async () => ({ w: floats([step]) }) },
      callbacks: [],
    };
  }
}

async function kept(options: Omit<CheckpointKeeperOptions, 'store'>) {
  const store = new CheckpointStore(await mkdtemp(join(base, 'a-')), { keepMax: 0 });
  const keeper = new CheckpointKeeper({ store, ...options });
  const steps = async () => (await store.list()).map(({ step }) => step);
  return { store, keeper, steps };
}

async function stepsOf(keeper: CheckpointKeeper, session: Session, count: number): Promise<void> {
  for (let i = 0; i < count && !session.isStopped; i++) {
    session.step++;
    await keeper.afterStep(session);
  }
}

test('saves at multiples, and at the end; one that goes on and makes no step saves nothing', async () => {
  const { keeper, steps } = await kept({ saveSteps: 4 });
  const session = new Session(2);
  await keeper.begin(session);
  await stepsOf(keeper, session, 8);
  await keeper.end(session);
  expect(await steps()).toEqual([4, 8, 10]);

  const idle = await kept({ saveSteps: 4 });
  await idle.keeper.begin(session);
  await idle.keeper.end(session);
  expect(await idle.steps()).toEqual([]);
});

test('an epoch’s end after the last save is saved too', async () => {
  const { keeper, store } = await kept({ saveSteps: 3 });
  const session = new Session();
  await keeper.begin(session);
  await stepsOf(keeper, session, 3);
  session.epoch = 1;
  await keeper.afterEpoch(session);
  await keeper.end(session);
  const { checkpoint } = (await store.newestWhole())!;
  expect(checkpoint.values).toMatchObject({ progress: { epoch: 1, step: 3 } });
});

test('listeners are told in turn; one of them may end the training', async () => {
  const told: string[] = [];
  const listener = {
    begin: () => void told.push('begin'),
    beforeSave: (step: number) => void told.push(`before ${step}`),
    afterSave: (step: number, path: string) => {
      told.push(`after ${step}, ${basename(path)}`);
      return step === 4;
    },
    end: (step: number) => void told.push(`end ${step}`),
  };
  const { keeper } = await kept({ saveSteps: 2, listeners: [listener] });
  const session = new Session();
  await keeper.begin(session);
  await stepsOf(keeper, session, 100);
  expect(session.step).toBeLessThan(9);
  await keeper.end(session);
  expect(told.slice(0, 5)).toEqual([
    'begin',
    'before 2',
    'after 2, model.ckpt-2.safetensors',
    'before 4',
    'after 4, model.ckpt-4.safetensors',
  ]);
  expect(told.at(-1)).toBe(`end ${session.step}`);
});

test.each<[string, Error, number, number[]]>([
  ['the last step', new Error('a hook failed'), 5, [3, 5]],
  ['nothing of before the first step', new Error('a hook failed'), 0, []],
  ['only what was due, where the loss was not finite', new DivergedError('no'), 5, [3]],
  ['only what was due, where the device is lost', new DeviceLostError('no'), 5, [3]],
])('after a failure it saves %s', async (_, error, made, expected) => {
  const { keeper, steps } = await kept({ saveSteps: 3 });
  const session = new Session();
  await keeper.begin(session);
  await stepsOf(keeper, session, made);
  await keeper.failed(session, error);
  expect(await steps()).toEqual(expected);
});

test('what cannot be saved ends the training at its next step, and is thrown at the end', async () => {
  let isHeld = true;
  const beforeCommit = async (): Promise<void> => {
    if (!isHeld) throw new Error('the lock is lost');
  };
  const { keeper, steps } = await kept({ saveSteps: 2, beforeCommit });
  const session = new Session();
  await keeper.begin(session);
  await stepsOf(keeper, session, 3);
  await expect.poll(steps).toEqual([2]);
  isHeld = false;
  await expect(stepsOf(keeper, session, 100)).rejects.toThrow('the lock is lost');
  await keeper.failed(session, new Error('the lock is lost'));
  expect(session.step).toBeLessThan(9);
  expect(await steps()).toEqual([2]);
});
