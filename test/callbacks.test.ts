import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { ComputeError, DataError, SystemError, UsageError } from '../src/core/errors.ts';
import { camelCase } from '../src/core/options.ts';
import { floats, type Tensor } from '../src/core/tensor.ts';
import type { Callback, CallbackState, Learner } from '../src/training/callback.ts';
import { csvLine, firstCsvLine } from '../src/training/callbacks/csv.ts';
import { directionOf } from '../src/training/callbacks/directions.ts';
import { parseFilePath } from '../src/training/callbacks/file-path.ts';
import { History } from '../src/training/callbacks/history.ts';
import type { ProgressStream } from '../src/training/callbacks/progbar-logger.ts';
import { callbacks } from '../src/training/callbacks/table.ts';
import type { Logs } from '../src/training/trainable.ts';
import { goldenJson } from './support/goldens.ts';

/** What test/goldens/make_callbacks.py writes. */
interface Goldens {
  readonly histories: readonly [Record<string, Logs[]>];
  readonly directions: readonly [Record<string, 'min' | 'max' | null>];
  readonly formats: readonly { filepath: string; numbers: Record<string, number>; text: string }[];
  readonly runs: readonly Run[];
}

interface Run {
  readonly name: string;
  readonly callbacks: readonly [className: string, config: Record<string, unknown>][];
  readonly history: string;
  readonly batches?: readonly Logs[][];
  /** What the CSV file held. */
  readonly before?: string;
  readonly expected: {
    readonly stopped: number | null;
    readonly rates: number[];
    readonly saved: string[];
    readonly restored: number | null;
    readonly logged: number[] | null;
    readonly csv?: string;
  };
}

/** JSON with its numbers that are none, as the goldens have them. */
function numbersBack<T>(json: unknown): T {
  if (Array.isArray(json)) return json.map(numbersBack) as T;
  if (typeof json === 'object' && json !== null)
    return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, numbersBack(value)])) as T;
  return (['NaN', 'Infinity', '-Infinity'].includes(json as string) ? Number(json) : json) as T;
}

const goldens = goldenJson<Goldens>('callbacks');
const histories = numbersBack<Record<string, Logs[]>>(goldens.histories[0]);
const runs = goldens.runs.map((run) => [run.name, numbersBack<Run>(run)] as const);

/** A model whose only weight is the epoch, on a device until it is brought over. */
class FakeLearner implements Learner {
  readonly name = 'fake';
  stopTraining = false;
  learningRate = 0.125;
  onDevice = -1;
  restored: number | null = null;
  readonly saved: string[] = [];
  #weights = [floats([-1])];

  async syncWeights(): Promise<void> {
    this.#weights = [floats([this.onDevice])];
  }
  getWeights(): Tensor[] {
    return this.#weights;
  }
  setWeights([value]: readonly Tensor[]): void {
    this.restored = (value!.data as Float32Array)[0]!;
  }
  async save(path: string, options?: { readonly overwrite?: boolean }): Promise<void> {
    expect(options).toEqual({ overwrite: true });
    await this.saveWeights(path);
  }
  async saveWeights(path: string): Promise<void> {
    expect((this.#weights[0]!.data as Float32Array)[0]).toBe(this.onDevice);
    this.saved.push(path);
  }
}

interface Resuming {
  /** The epoch that others go on from, with the states of those before. */
  readonly at: number;
  readonly others: readonly Callback[];
  readonly setFirst: boolean;
}

/** The epochs of a training, as the loop tells them. */
async function train(
  model: FakeLearner,
  first: readonly Callback[],
  epochs: readonly Logs[],
  batches?: readonly Logs[][],
  resuming?: Resuming,
): Promise<{ stopped: number | null; rates: number[] }> {
  let told = first;
  const begin = async () => {
    for (const callback of told) callback.setModel?.(model);
    for (const callback of told) callback.setParams?.({ epochs: epochs.length, steps: undefined });
    for (const callback of told) await callback.onTrainBegin?.({});
  };
  const rates: number[] = [];
  let stopped: number | null = null;
  let step = 0;
  await begin();
  for (const [epoch, recorded] of epochs.entries()) {
    if (epoch === resuming?.at) {
      const states = told.map((callback) => stateOf(callback));
      told = resuming.others;
      const recall = () => {
        for (const [i, state] of states.entries()) if (state) told[i]!.setState!(state);
      };
      if (resuming.setFirst) recall();
      await begin();
      if (!resuming.setFirst) recall();
    }
    for (const callback of told) await callback.onEpochBegin?.(epoch, {});
    for (const [batch, logs] of (batches?.[epoch] ?? []).entries()) {
      model.onDevice = epoch;
      for (const callback of told) await callback.onTrainBatchBegin?.(batch, {});
      const progress = { epoch, step: ++step, examples: 8 * (batch + 1) };
      for (const callback of told) await callback.onTrainBatchEnd?.(batch, logs, progress);
      if (model.stopTraining) break;
    }
    model.onDevice = epoch;
    const logs = { ...recorded };
    for (const callback of told) await callback.onEpochEnd?.(epoch, logs, times);
    rates.push(model.learningRate);
    if (model.stopTraining) {
      stopped = epoch;
      break;
    }
  }
  for (const callback of told) await callback.onTrainEnd?.({});
  return { stopped, rates };
}

const times = { waiting: 0.5, computing: 2, other: 0.25 };

/** As it comes back from a file. */
function stateOf(callback: Callback): CallbackState | undefined {
  const state = callback.getState?.();
  return state && { ...state, values: JSON.parse(JSON.stringify(state.values)) as Record<string, unknown> };
}

const schedules = {
  halving: (epoch: number, rate: number) => (epoch % 2 ? rate / 2 : rate),
  'by epoch': async (epoch: number) => 1 / (epoch + 1),
};

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'callbacks-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));
afterEach(() => void vi.restoreAllMocks());

/** A callback of Keras as it is made here: a model is a folder, weights are safetensors. */
function madeOf(className: string, kerasConfig: Readonly<Record<string, unknown>>): Callback {
  const config = Object.fromEntries(
    Object.entries(kerasConfig).map(([name, value]) => [camelCase(name), value]),
  );
  if (className === 'CSVLogger') config.filename = join(folder, 'log.csv');
  if (className === 'LearningRateScheduler')
    config.schedule = schedules[config.schedule as keyof typeof schedules];
  if (className === 'ModelCheckpoint') {
    const path = (config.filepath as string).replace('.weights.h5', '.safetensors').replace('.keras', '');
    config.filepath = join(folder, path);
  }
  const made = {
    CSVLogger: callbacks.csvLogger,
    EarlyStopping: callbacks.earlyStopping,
    LearningRateScheduler: callbacks.learningRateScheduler,
    ModelCheckpoint: callbacks.modelCheckpoint,
    ReduceLROnPlateau: callbacks.reduceLROnPlateau,
    TerminateOnNaN: callbacks.terminateOnNaN,
  }[className] as (config: object) => Callback;
  return made(className === 'CSVLogger' ? config : { ...config, ...silentPrint(className) });
}

const silentPrint = (_: string) => ({ print: () => {} });

async function decisions(run: Run, resuming?: { at: number; setFirst: boolean }) {
  const file = join(folder, 'log.csv');
  await rm(file, { force: true });
  if (run.before !== undefined) await writeFile(file, run.before);
  const make = () => [...run.callbacks.map(([name, config]) => madeOf(name, config)), new History()];
  const [first, others] = [make(), make()];
  const model = new FakeLearner();
  const epochs = histories[run.history]!;
  const { stopped, rates } = await train(
    model,
    first,
    epochs,
    run.batches,
    resuming && { ...resuming, others },
  );
  const history = [first, others][resuming && rates.length > resuming.at ? 1 : 0]!.at(-1) as History;
  const csv = run.expected.csv === undefined ? {} : { csv: await readFile(file, 'utf8') };
  const logged = history.history.learning_rate ?? null;
  // Keras keeps rates as float32.
  const single = (numbers: readonly number[]) => numbers.map((rate) => Number(rate.toPrecision(6)));
  return {
    found: {
      stopped,
      rates: single(rates),
      saved: model.saved.map((path) => path.slice(folder.length + 1)),
      restored: model.restored,
      logged: logged && single(logged),
      ...csv,
    },
    expected: {
      ...run.expected,
      rates: single(run.expected.rates),
      saved: run.expected.saved.map((path) =>
        path.replace('.weights.h5', '.safetensors').replace('.keras', ''),
      ),
      logged: run.expected.logged && single(run.expected.logged),
    },
    history,
  };
}

describe.each(runs)('%s', (_, run) => {
  test('decides as Keras does', async () => {
    const { found, expected, history } = await decisions(run);
    expect(found).toEqual(expected);
    const epochs = histories[run.history]!.slice(0, found.rates.length);
    expect(history.epoch).toEqual([...epochs.keys()]);
    expect(history.epochs.map((logs) => ({ ...logs, learning_rate: 0 }))).toEqual(
      epochs.map((logs) => ({ ...logs, learning_rate: 0 })),
    );
  });

  test.each([
    { at: 1, setFirst: true },
    { at: 3, setFirst: true },
    { at: 3, setFirst: false },
  ])('goes on from a state after $at epochs as if nothing had been', async (resuming) => {
    const { found, expected } = await decisions(run, resuming);
    expect(found).toEqual(expected);
  });
});

test.each(Object.entries(goldens.directions[0]))('%s is to go Keras’ way: %s', (name, direction) => {
  expect(directionOf(name) ?? null).toBe(direction);
  expect(directionOf(`val_${camelCase(name)}`) ?? null).toBe(direction);
  expect(directionOf(`val_${name}_1`) ?? null).toBe(direction);
});

test('numbers stand in file names as Python formats them', () => {
  const formats = numbersBack<Goldens['formats']>(goldens.formats);
  const found = formats.map(({ filepath, numbers }) => ({
    filepath,
    numbers,
    text: parseFilePath(filepath, 'test').fill(numbers),
  }));
  // Texts such as 'nan' stay what they are.
  expect(found.map(({ text }) => text)).toEqual(goldens.formats.map(({ text }) => text));
  expect(found.length).toBeGreaterThan(400);
});

test.each([
  '{',
  '}',
  'a{epoch',
  '{}',
  '{:02d}',
  '{epoch:x}',
  '{epoch:.2d}',
  '{loss:d}',
  '{loss:.2}',
  '{loss:.2g}',
  '{loss!r}:{',
  '{loss:1000f}',
])('refuses the file path %s', (path) => {
  expect(() => callbacks.modelCheckpoint({ filepath: path })).toThrow(UsageError);
  expect(() => callbacks.modelCheckpoint({ filepath: path })).toThrow(
    `ModelCheckpoint: filepath '${path}': `,
  );
});

test.each<[string, () => unknown, string]>([
  ['unknown', () => callbacks.earlyStopping({ pacience: 3 } as object), "no option 'pacience'"],
  ['patience', () => callbacks.earlyStopping({ patience: -1 }), 'EarlyStopping: patience must be'],
  ['mode', () => callbacks.earlyStopping({ mode: 'least' as 'min' }), 'mode must be one of auto, min, max'],
  ['verbose', () => callbacks.earlyStopping({ verbose: 2 as 1 }), 'verbose must be 0 or 1, got 2'],
  [
    'print',
    () => callbacks.earlyStopping({ print: 'no' as never }),
    'print must be a function (line) => void',
  ],
  ['baseline', () => callbacks.earlyStopping({ baseline: Number.NaN }), 'baseline must be a finite number'],
  ['startFromEpoch', () => callbacks.earlyStopping({ startFromEpoch: 0.5 }), 'startFromEpoch must be'],
  ['direction', () => callbacks.earlyStopping({ monitor: 'val_f' }), "'val_f' is to fall or to rise"],
  [
    'factor',
    () => callbacks.reduceLROnPlateau({ factor: 1 }),
    'factor must be a number from 0 on and below 1',
  ],
  ['minLr', () => callbacks.reduceLROnPlateau({ minLr: -1 }), 'minLr must be'],
  ['cooldown', () => callbacks.reduceLROnPlateau({ cooldown: 1.5 }), 'cooldown must be'],
  [
    'direction of the rate',
    () => callbacks.reduceLROnPlateau({ monitor: 'f' }),
    "ReduceLROnPlateau: whether 'f'",
  ],
  ['no schedule', () => callbacks.learningRateScheduler({} as never), 'schedule is missing'],
  [
    'schedule',
    () => callbacks.learningRateScheduler({ schedule: 0.1 as never }),
    'schedule must be a function',
  ],
  ['no filepath', () => callbacks.modelCheckpoint({} as never), 'filepath is missing'],
  ['keras', () => callbacks.modelCheckpoint({ filepath: 'a.keras' }), "a folder's"],
  [
    'weights',
    () => callbacks.modelCheckpoint({ filepath: 'a.weights.h5', saveWeightsOnly: true }),
    'filepath must end in .safetensors',
  ],
  ['saveFreq', () => callbacks.modelCheckpoint({ filepath: 'a', saveFreq: 0 }), 'saveFreq must be'],
  [
    'direction of the best',
    () => callbacks.modelCheckpoint({ filepath: 'a', saveBestOnly: true, monitor: 'f' }),
    "ModelCheckpoint: whether 'f'",
  ],
  ['no filename', () => callbacks.csvLogger({} as never), 'filename is missing'],
  ['separator', () => callbacks.csvLogger({ filename: 'a', separator: '"' }), 'separator must be a single'],
  ['raiseError', () => callbacks.terminateOnNaN({ raiseError: 1 as never }), 'raiseError must be'],
  ['event', () => callbacks.lambdaCallback({ onEpochEnds() {} } as object), "no option 'onEpochEnds'"],
  [
    'no function',
    () => callbacks.lambdaCallback({ onEpochEnd: 1 as never }),
    'onEpochEnd must be a function',
  ],
  ['stream', () => callbacks.progbarLogger({ stream: {} as never }), 'stream must be a stream'],
  ['from', () => callbacks.learningRateFinder({ from: 0 }), 'from must be a number above 0'],
  ['to', () => callbacks.learningRateFinder({ from: 2, to: 1 }), 'to must be above from, 2, got 1'],
  ['steps', () => callbacks.learningRateFinder({ steps: 1 }), 'steps must be from 2 on, got 1'],
  ['smoothing', () => callbacks.learningRateFinder({ smoothing: 1 }), 'smoothing must be'],
])('refuses a wrong option: %s', (_, make, message) => {
  expect(make).toThrow(UsageError);
  expect(make).toThrow(message);
});

test('modes are asked for only where they matter', () => {
  expect(() => callbacks.modelCheckpoint({ filepath: 'a', monitor: 'f' })).not.toThrow();
  expect(() => callbacks.earlyStopping({ monitor: 'f', mode: 'max' })).not.toThrow();
  expect(directionOf('val_left_eye_loss')).toBe('min');
});

test.each([
  callbacks.earlyStopping(),
  callbacks.reduceLROnPlateau(),
  callbacks.modelCheckpoint({ filepath: 'a' }),
  callbacks.csvLogger({ filename: 'a' }),
  callbacks.learningRateFinder(),
])('the state of another is refused', (callback) => {
  const recall = () => callback.setState({ values: { epoch: [] } });
  expect(recall).toThrow(UsageError);
  expect(recall).toThrow(`${callback.constructor.name}: state: there is no option 'epoch'`);
});

test.each([
  ['EarlyStopping', (print: (line: string) => void) => callbacks.earlyStopping({ patience: 9, print })],
  ['ReduceLROnPlateau', (print: (line: string) => void) => callbacks.reduceLROnPlateau({ print })],
  [
    'ModelCheckpoint',
    (print: (line: string) => void) =>
      callbacks.modelCheckpoint({ filepath: join(folder, 'm'), saveBestOnly: true, print }),
  ],
])('%s says once a training that its number is missing, and what there is', async (name, make) => {
  const lines: string[] = [];
  const callback = make((line) => lines.push(line));
  await train(new FakeLearner(), [callback], [{ loss: 1, auc: 2 }, { loss: 1 }]);
  const line = `${name}: the logs have no number 'val_loss'; they have loss, auc`;
  expect(lines).toHaveLength(1);
  expect(lines[0]!.startsWith(line)).toBe(true);
  await train(new FakeLearner(), [callback], [{ loss: 1 }, { loss: 1 }]);
  expect(lines).toHaveLength(2);
});

test('any number is better than NaN', async () => {
  const values = [Number.NaN, 0.9, Number.NaN, 0.8, 0.85];
  const epochs = values.map((value) => ({ val_loss: value }));
  const stopping = callbacks.earlyStopping({ patience: 2, restoreBestWeights: true });
  const checkpoint = callbacks.modelCheckpoint({ filepath: join(folder, '{epoch}'), saveBestOnly: true });
  const plateau = callbacks.reduceLROnPlateau({ patience: 2 });
  const model = new FakeLearner();
  const { stopped, rates } = await train(model, [stopping, checkpoint, plateau], epochs);
  expect([stopped, model.restored, stopping.best, stopping.bestEpoch, checkpoint.best]).toEqual([
    null,
    3,
    0.8,
    3,
    0.8,
  ]);
  expect(model.saved).toEqual(['1', '2', '4'].map((epoch) => join(folder, epoch)));
  expect(rates).toEqual([0.125, 0.125, 0.125, 0.125, 0.125]);
});

test('what is done is said where it is asked for', async () => {
  const lines: string[] = [];
  const speaking = { verbose: 1, print: (line: string) => lines.push(line) } as const;
  const epochs = [0.5, 0.4, 0.45, 0.46].map((value) => ({ val_loss: value }));
  const path = join(folder, 'best');
  await train(
    new FakeLearner(),
    [
      callbacks.learningRateScheduler({ schedule: (epoch, rate) => (epoch === 0 ? 0.5 : rate), ...speaking }),
      callbacks.reduceLROnPlateau({ patience: 1, factor: 0.5, minLr: 0.2, ...speaking }),
      callbacks.modelCheckpoint({ filepath: path, saveBestOnly: true, ...speaking }),
      callbacks.earlyStopping({ patience: 2, restoreBestWeights: true, ...speaking }),
    ],
    epochs,
  );
  expect(lines).toEqual([
    'epoch 1: learning rate 0.5',
    `epoch 1: saved ${path}, with val_loss 0.5`,
    'epoch 2: learning rate 0.5',
    `epoch 2: saved ${path}, with val_loss 0.4`,
    'epoch 3: learning rate 0.5',
    'epoch 3: learning rate reduced from 0.5 to 0.25',
    'epoch 3: val_loss 0.45 is no better than 0.4',
    'epoch 4: learning rate 0.25',
    'epoch 4: learning rate reduced from 0.25 to 0.2',
    'epoch 4: val_loss 0.46 is no better than 0.4',
    'epoch 4: val_loss has not improved for 2 epochs, training stops',
    'weights are those of epoch 2 again, with val_loss 0.4',
  ]);
});

test('lines go to standard error, unless they are taken', async () => {
  const written: string[] = [];
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => written.push(String(text)) > 0);
  const standardOutput = vi.spyOn(process.stdout, 'write');
  await train(
    new FakeLearner(),
    [callbacks.learningRateScheduler({ schedule: () => 0.5, verbose: 1 })],
    [{ loss: 1 }],
  );
  expect(written.join('')).toContain('epoch 1: learning rate 0.5\n');
  expect(standardOutput).not.toHaveBeenCalled();
});

test('a second training begins anew, but for the best checkpoint', async () => {
  const stopping = callbacks.earlyStopping({ patience: 1 });
  const checkpoint = callbacks.modelCheckpoint({ filepath: join(folder, '{epoch}'), saveBestOnly: true });
  const history = new History();
  const told = [stopping, checkpoint, history];
  const first = [0.5, 0.6].map((value) => ({ val_loss: value }));
  expect((await train(new FakeLearner(), told, first)).stopped).toBe(1);
  expect(stopping.stoppedEpoch).toBe(1);
  const model = new FakeLearner();
  const second = [0.9, 0.8, 0.7, 0.4].map((value) => ({ val_loss: value }));
  expect((await train(model, told, second)).stopped).toBe(null);
  expect(stopping.stoppedEpoch).toBe(0);
  expect(model.saved).toEqual([join(folder, '4')]);
  expect(history.history).toEqual({ val_loss: [0.9, 0.8, 0.7, 0.4] });
});

test('History lists numbers by name, of the epochs that have them', async () => {
  const history = new History();
  await train(new FakeLearner(), [history], [{ loss: 3 }, { loss: 2, val_loss: 4 }]);
  expect(history.history).toEqual({ loss: [3, 2], val_loss: [4] });
  expect([history.epoch, history.interrupted]).toEqual([[0, 1], false]);
});

describe('an optimizer with a schedule', () => {
  class Scheduled extends FakeLearner {
    constructor() {
      super();
      const refuse = () => {
        throw new UsageError('the optimizer has a schedule');
      };
      Object.defineProperty(this, 'learningRate', { get: () => 0.5, set: refuse });
    }
  }
  test.each([
    ['ReduceLROnPlateau', callbacks.reduceLROnPlateau()],
    ['LearningRateScheduler', callbacks.learningRateScheduler({ schedule: () => 0.1 })],
    ['LearningRateFinder', callbacks.learningRateFinder()],
  ])('is refused by %s before anything is lost', async (_, callback) => {
    const later = vi.fn();
    const told = [callback, callbacks.lambdaCallback({ onTrainBatchEnd: later })];
    await expect(train(new Scheduled(), told, [{ loss: 1 }], [[{ loss: 1 }]])).rejects.toThrow(
      'has a schedule',
    );
    expect(later).not.toHaveBeenCalled();
  });
});

test.each([Number.NaN, -0.1, Number.POSITIVE_INFINITY, '0.1', undefined])(
  'a schedule that gives %s is refused, with the epoch',
  async (rate) => {
    const scheduler = callbacks.learningRateScheduler({ schedule: () => rate as number });
    await expect(train(new FakeLearner(), [scheduler], [{ loss: 1 }])).rejects.toThrow(
      `LearningRateScheduler: schedule must give a number from 0 on, got ${rate} for epoch 0`,
    );
  },
);

test('TerminateOnNaN says where, and throws where it is told to', async () => {
  const lines: string[] = [];
  const batches = [[{ loss: 1 }, { loss: Number.NaN }]];
  const model = new FakeLearner();
  const quiet = callbacks.terminateOnNaN({ print: (line) => lines.push(line) });
  await train(model, [quiet], [{ loss: 1 }], batches);
  expect(model.stopTraining).toBe(true);
  expect(lines).toEqual(['TerminateOnNaN: the loss is NaN at batch 2, training stops']);
  const strict = callbacks.terminateOnNaN({ raiseError: true });
  const failing = train(new FakeLearner(), [strict], [{ loss: 1 }], batches);
  await expect(failing).rejects.toThrow(ComputeError);
  await expect(failing).rejects.toThrow('the loss is NaN at batch 2: training has diverged');
});

describe('LambdaCallback', () => {
  test('is told what it has functions for', async () => {
    const told: unknown[] = [];
    const callback = callbacks.lambdaCallback({
      onTrainBegin: (logs) => void told.push(logs),
      onTrainBatchEnd: async (batch, { loss }, { step }) => void told.push([batch, loss, step]),
      onEpochEnd: (epoch, { loss }) => void told.push([epoch, loss]),
    });
    await train(new FakeLearner(), [callback], [{ loss: 1 }], [[{ loss: 2 }]]);
    expect(told).toEqual([{}, [0, 2, 1], [0, 1]]);
    expect('onEpochBegin' in callback).toBe(false);
  });

  test('lets pass what its functions throw', async () => {
    const error = new Error('mine');
    const fail = () => {
      throw error;
    };
    const later = async () => fail();
    for (const functions of [{ onEpochEnd: fail }, { onTrainEnd: later }, { onTrainBatchBegin: later }]) {
      const callback = callbacks.lambdaCallback(functions);
      await expect(train(new FakeLearner(), [callback], [{ loss: 1 }], [[{ loss: 1 }]])).rejects.toBe(error);
    }
  });
});

describe('ModelCheckpoint', () => {
  test('names what a path asks for in vain', async () => {
    const callback = callbacks.modelCheckpoint({ filepath: join(folder, '{val_auc:.2f}') });
    await expect(train(new FakeLearner(), [callback], [{ loss: 1 }])).rejects.toThrow(
      "there is no number 'val_auc'; there are epoch, loss",
    );
  });

  test('makes the folder that the file stands in', async () => {
    const filepath = join(folder, 'deep', 'er', '{epoch}.safetensors');
    const callback = callbacks.modelCheckpoint({ filepath, saveWeightsOnly: true });
    await train(new FakeLearner(), [callback], [{ loss: 1 }]);
    await expect(writeFile(join(folder, 'deep', 'er', 'file'), '')).resolves.toBe(undefined);
    const within = callbacks.modelCheckpoint({ filepath: join(folder, 'deep', 'er', 'file', 'model') });
    await expect(train(new FakeLearner(), [within], [{ loss: 1 }])).rejects.toThrow(SystemError);
  });
});

describe('CSVLogger', () => {
  const lines = (...list: string[]) => list.map((line) => `${line}\r\n`).join('');

  test('can be read after each epoch, and is made in a new folder', async () => {
    const filename = join(folder, 'new', 'log.csv');
    const seen: string[] = [];
    const look = callbacks.lambdaCallback({
      onEpochEnd: async () => void seen.push(await readFile(filename, 'utf8')),
    });
    await train(new FakeLearner(), [callbacks.csvLogger({ filename }), look], [{ loss: 1 }, { loss: 0.5 }]);
    const first = lines('epoch,loss,val_loss', '0,1.0,NA');
    expect(seen).toEqual([first, first + lines('1,0.5,NA')]);
  });

  test('goes on with the columns that the file has, and on a line of its own', async () => {
    const filename = join(folder, 'cut.csv');
    await writeFile(filename, 'epoch;auc;"a;""b"\n0;0.5');
    const logger = callbacks.csvLogger({ filename, separator: ';', append: true });
    await train(new FakeLearner(), [logger], [{ 'a;"b': 2, loss: 1 }]);
    expect(await readFile(filename, 'utf8')).toBe('epoch;auc;"a;""b"\n0;0.5\r\n0;NA;2.0\r\n');
  });

  test('refuses what is no log, and where it cannot write, before anything is lost', async () => {
    const filename = join(folder, 'no-log.csv');
    await writeFile(filename, 'name,age\n');
    const start = (given: string) =>
      train(new FakeLearner(), [callbacks.csvLogger({ filename: given, append: true })], []);
    await expect(start(filename)).rejects.toThrow(DataError);
    await expect(start(filename)).rejects.toThrow("its first column should be 'epoch', and is 'name'");
    expect(await readFile(filename, 'utf8')).toBe('name,age\n');
    await expect(start(folder)).rejects.toThrow(DataError);
    await expect(start(join(filename, 'log.csv'))).rejects.toThrow(`cannot append to ${filename}`);
    const onto = callbacks.csvLogger({ filename: folder });
    await expect(train(new FakeLearner(), [onto], [])).rejects.toThrow(SystemError);
  });

  test('the first line of a file has the fields that were written', () => {
    const field = fc.string({ unit: 'grapheme' }).filter((text) => text !== '');
    fc.assert(
      fc.property(
        fc.array(field, { minLength: 1 }),
        fc.constantFrom(',', ';', '\t', ' '),
        (fields, separator) => {
          expect(firstCsvLine(`${csvLine(fields, separator)}1,2\r\n`, separator)).toEqual(fields);
        },
      ),
    );
  });
});

describe('ProgbarLogger', () => {
  function written(isTTY: boolean, columns = 120) {
    const parts: string[] = [];
    const stream = new Writable({
      write(chunk, _encoding, done) {
        parts.push(String(chunk));
        done();
      },
    });
    return { parts, stream: Object.assign(stream, { isTTY, columns }) as ProgressStream };
  }
  const batches = [[{ loss: 3 }], [{ loss: 2 }, { loss: 1.5 }]];
  const epochs = [{ loss: 3 }, { loss: 1.5, val_loss: 0.0001234 }];

  test('writes a line an epoch where there is no terminal', async () => {
    const { parts, stream } = written(false);
    await train(new FakeLearner(), [callbacks.progbarLogger({ stream })], epochs, batches);
    expect(parts.join('')).toMatch(
      /^Epoch 1\/2 {2}1 step {2}\d+:\d\d {2}loss 3\.0000\nEpoch 2\/2 {2}2 steps {2}\d+:\d\d {2}loss 1\.5000 {2}val_loss 1\.234e-4\n$/,
    );
  });

  test('draws a bar on a terminal, no wider than that, and takes it away', async () => {
    const { parts, stream } = written(true);
    const logger = callbacks.progbarLogger({ stream });
    logger.setParams({ epochs: 1, steps: 4 });
    logger.onTrainBegin({});
    logger.onEpochBegin(0, {});
    logger.onTrainBatchEnd(0, { loss: 2 }, { epoch: 0, step: 1, examples: 1 });
    const bar = `${'█'.repeat(6)}${'░'.repeat(18)} 1/4`;
    expect(parts.at(-1)).toMatch(new RegExp(`^Epoch 1/1 {2}${bar} {2}\\d+:\\d\\d left {2}loss 2\\.0000$`));
    logger.onTrainEnd({});
    expect(parts.slice(-2)).toEqual(['\u001b[1G', '\u001b[2K']);
    const narrow = written(true, 20);
    const small = callbacks.progbarLogger({ stream: narrow.stream });
    small.onEpochBegin(0, {});
    small.onTrainBatchEnd(0, { loss: 2 }, { epoch: 0, step: 1, examples: 1 });
    expect(narrow.parts.at(-1)).toBe('Epoch 1/1  1 steps ');
  });

  test('validation is silent in a training, evaluation and prediction are not', async () => {
    const { parts, stream } = written(false);
    const logger = callbacks.progbarLogger({ stream });
    const evaluate = () => {
      logger.onTestBegin({});
      logger.onTestBatchEnd(0, { loss: 1 });
      logger.onTestEnd({ loss: 1 });
    };
    logger.onTrainBegin({});
    evaluate();
    logger.onTrainEnd({});
    expect(parts).toEqual([]);
    evaluate();
    logger.onPredictBegin({});
    logger.onPredictBatchEnd(0, {});
    logger.onPredictBatchEnd(1, {});
    logger.onPredictEnd({});
    expect(parts.join('')).toMatch(
      /^Evaluate {2}1 step {2}\S+ {2}loss 1\.0000\nPredict {2}2 steps {2}\S+\n$/,
    );
  });
});

describe('LearningRateFinder', () => {
  /** Ten steps an epoch, of eight examples; the last epoch's logs are those of its last step. */
  async function search(
    callback: Callback,
    lossAt: (rate: number, step: number) => number,
    { epochs = 100, resume }: { epochs?: number; resume?: { at: number; other: Callback } } = {},
  ) {
    const model = new FakeLearner();
    model.learningRate = 0.125;
    let told = callback;
    let step = 0;
    const begin = async () => {
      told.setModel!(model);
      await told.onTrainBegin!({});
    };
    await begin();
    for (let epoch = 0; epoch < epochs && !model.stopTraining; epoch++) {
      await told.onEpochBegin!(epoch, {});
      let sum = 0;
      for (let batch = 0; batch < 10 && !model.stopTraining; batch++) {
        if (resume?.at === step) {
          const state = stateOf(told)!;
          told = resume.other;
          told.setState!(state);
          await begin();
        }
        await told.onTrainBatchBegin!(batch, {});
        sum += lossAt(model.learningRate, step);
        model.onDevice = ++step;
        await told.onTrainBatchEnd!(
          batch,
          { loss: sum / (batch + 1) },
          { epoch, step, examples: 8 * (batch + 1) },
        );
      }
      await told.onEpochEnd?.(epoch, {}, times);
    }
    await told.onTrainEnd!({});
    return { model, steps: step };
  }

  /** Falls by one around a rate of 0.01, and grows without bounds above 1. */
  const typical = (rate: number) =>
    2.3 - 1 / (1 + Math.exp(-6 * (Math.log10(rate) + 2))) + (rate > 1 ? (rate - 1) ** 2 * 10 : 0);

  test('suggests the rate at which the loss falls fastest, and stops when it has diverged', async () => {
    const finder = callbacks.learningRateFinder({ smoothing: 0, steps: 141 });
    const { model, steps } = await search(finder, typical);
    expect(finder.suggestion).toBeCloseTo(0.01, 6);
    expect(steps).toBeLessThan(141);
    expect(finder.curve).toHaveLength(steps);
    const { learningRate, loss } = finder.curve.at(-1)!;
    expect(loss).toBeGreaterThan(4 * Math.min(...finder.curve.map((point) => point.loss)));
    expect(learningRate).toBeLessThan(10);
    for (const point of finder.curve) expect(point.loss).toBeCloseTo(typical(point.learningRate), 8);
    expect([model.restored, model.learningRate]).toEqual([-1, 0.125]);
  });

  test('raises the rate by the same factor from first to last', async () => {
    const finder = callbacks.learningRateFinder({ from: 1e-4, to: 1, steps: 5 });
    const { steps } = await search(finder, () => 2);
    expect(steps).toBe(5);
    finder.curve.forEach(({ learningRate, loss }, i) => {
      expect(learningRate).toBeCloseTo(10 ** (i - 4), 12);
      // Nothing of the mean's beginning is left in it.
      expect(loss).toBeCloseTo(2, 12);
    });
    expect(finder.suggestion).toBe(undefined);
  });

  test('finds the same with smoothing, a little later', async () => {
    const noise = (step: number) => 0.02 * Math.sin(12.9898 * step * step);
    const finder = callbacks.learningRateFinder({ steps: 200 });
    await search(finder, (rate, step) => typical(rate) + noise(step));
    expect(finder.suggestion).toBeGreaterThan(0.01);
    expect(finder.suggestion).toBeLessThan(0.05);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY])('stops at a loss of %s', async (bad) => {
    const finder = callbacks.learningRateFinder();
    const { steps } = await search(finder, (_, step) => (step === 6 ? bad : 1 - step / 10));
    expect(steps).toBe(7);
    expect(finder.curve).toHaveLength(6);
    expect(finder.curve.every(({ loss }) => Number.isFinite(loss))).toBe(true);
  });

  test('leaves weights and rate where it is told to', async () => {
    const finder = callbacks.learningRateFinder({ steps: 3, restoreWeights: false });
    const { model } = await search(finder, () => 1);
    expect([model.restored, model.learningRate]).toEqual([null, 10]);
  });

  test('says when the training was too short', async () => {
    const lines: string[] = [];
    const finder = callbacks.learningRateFinder({ print: (line) => lines.push(line) });
    await search(finder, () => 1, { epochs: 2 });
    expect(lines).toEqual([
      'LearningRateFinder: the training ended after 20 of 100 steps: give it more epochs',
    ]);
  });

  test('goes on from a state in the middle of an epoch', async () => {
    const whole = callbacks.learningRateFinder();
    await search(whole, typical);
    const [first, other] = [callbacks.learningRateFinder(), callbacks.learningRateFinder()];
    const { model } = await search(first, typical, { resume: { at: 33, other } });
    expect(first.curve).toHaveLength(33);
    expect(other.curve).toEqual(whole.curve);
    expect(other.suggestion).toBe(whole.suggestion);
    expect([model.restored, model.learningRate]).toEqual([-1, 0.125]);
  });
});
