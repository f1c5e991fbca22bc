import { ComputeError } from '../core/errors.ts';
import type { Callback } from './callback.ts';
import { EpochClock } from './clock.ts';
import { runTest } from './evaluation.ts';
import type { SessionRunHook, TrainingSession } from './hook.ts';
import type { Keeper } from './keeper.ts';
import { declareFetches, fetchesOf, type Told, tellHooks, tellOfFailure, toldInTurn } from './listeners.ts';
import { type OpenStream, type Placed, placedBatches, preparedAhead } from './placed.ts';
import { beginningAt, type Progress, sumsFromJson, sumsToJson, type TrainingState } from './state.ts';
import {
  addSums,
  type Batch,
  type Logs,
  noSums,
  type StepResult,
  type Sums,
  type Trainable,
} from './trainable.ts';

/** What a training may be told to do while it runs. */
export interface Control {
  stopTraining: boolean;
}

export interface LoopOptions {
  /** The epoch to end before. */
  readonly epochs: number;
  /** The first epoch, from 0 on. Default 0. */
  readonly initialEpoch?: number;
  /** Where an epoch is a number of steps: passes over the data then follow one another. Default: a pass is an epoch. */
  readonly stepsPerEpoch?: number | undefined;
  /** Steps of an epoch, where that is known. */
  readonly steps?: number | undefined;
  /** The batches of a pass, counted from 0, from its beginning or a place on. */
  readonly batches: OpenStream;
  /** Where an earlier training was; the callbacks go on from their states, and the model has its own already. */
  readonly from?: Pick<TrainingState, 'progress' | 'callbacks'> | undefined;
  readonly validation?: Validation | undefined;
  readonly callbacks?: readonly Callback[];
  readonly hooks?: readonly SessionRunHook[];
  readonly keeper?: Keeper | undefined;
  readonly control: Control;
  /** Ends the training after the step that is running. */
  readonly signal?: AbortSignal | undefined;
}

export interface Validation {
  readonly batches: () => AsyncIterable<Batch>;
  readonly steps?: number | undefined;
  /** After which epochs: every so many, or these, counted from 1. Default 1. */
  readonly frequency?: number | readonly number[] | undefined;
}

/**
 * The training loop, the only one: epochs of steps, validation, events.
 *
 * @throws {ComputeError} when the loss is no longer a finite number, unless a callback has ended the training for it
 */
export async function runTraining<P>(trainable: Trainable<P>, options: LoopOptions): Promise<void> {
  await new Run(trainable, options).run();
}

/** A batch made ready, and where its pass is behind it. */
interface Ready<P> extends Omit<Placed, 'batch'> {
  readonly batch: P;
}

class Run<P> implements TrainingSession {
  readonly #trainable: Trainable<P>;
  readonly #options: LoopOptions;
  readonly #callbacks: readonly Callback[];
  readonly #hooks: readonly SessionRunHook[];
  #progress: Progress;
  #sums: Sums;
  /** Of the last step. */
  #fault: DivergedError | undefined;
  #logs: Logs = {};
  /** Whether listeners are being told of an epoch's end: some count it already, others not. */
  #isEndingEpoch = false;
  /** Whether a step was made. */
  #isUnderWay = false;
  /** By a hook, for this run alone; a callback ends the whole training. */
  #isRunStopped = false;

  constructor(trainable: Trainable<P>, options: LoopOptions) {
    this.#trainable = trainable;
    this.#options = options;
    this.#callbacks = options.callbacks ?? [];
    this.#hooks = options.hooks ?? [];
    this.#progress = options.from?.progress ?? beginningAt(options.initialEpoch ?? 0);
    this.#sums = sumsFromJson(this.#progress.sums);
  }

  get step(): number {
    return this.#progress.step;
  }

  get isInterrupted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  get isStopped(): boolean {
    return this.#options.control.stopTraining || this.#isRunStopped || this.isInterrupted;
  }

  requestStop(): void {
    this.#isRunStopped = true;
  }

  async capture(): Promise<TrainingState> {
    if (this.#isEndingEpoch)
      throw new ComputeError('an epoch that is being ended has no state to go on from');
    const isOver = this.#options.control.stopTraining;
    return {
      progress: { ...this.#progress, sums: sumsToJson(this.#sums), logs: this.#means(), isOver },
      model: await this.#trainable.capture(),
      callbacks: this.#callbacks.map((callback) => callback.getState?.() ?? null),
    };
  }

  async run(): Promise<void> {
    const { epochs, stepsPerEpoch, steps, from } = this.#options;
    this.#callbacks.forEach((callback, i) => {
      const state = from?.callbacks[i];
      if (state) callback.setState?.(state);
      callback.setParams?.({ epochs, steps: stepsPerEpoch ?? steps });
    });
    if (this.#progress.isOver) this.#options.control.stopTraining = true;
    const { trainableWeights } = this.#trainable;
    await declareFetches(this.#hooks, trainableWeights, (fetches) => this.#trainable.declare(fetches));
    const { keeper } = this.#options;
    try {
      await this.#tell((callback) => callback.onTrainBegin?.({}));
      await tellHooks(this.#hooks, 'afterCreateSession', (hook) => hook.afterCreateSession?.(this));
      await keeper?.begin(this);
      await this.#epochs();
      await tellHooks(this.#hooks, 'end', (hook) => hook.end?.(this));
      // What a loss that is no number has made of the weights is not kept.
      if (this.#fault) await keeper?.failed(this, this.#fault);
      else await keeper?.end(this);
    } catch (error) {
      await tellOfFailure(this.#hooks, this, error);
      await keeper?.failed(this, error);
      throw error;
    }
    await this.#trainable.endTraining?.();
    await this.#tell((callback) => callback.onTrainEnd?.(this.#logs));
  }

  async #epochs(): Promise<void> {
    const { epochs, stepsPerEpoch, batches, signal } = this.#options;
    const endless = stepsPerEpoch === undefined ? undefined : this.#prepared(passes(batches, this.#progress));
    try {
      while (this.#progress.epoch < epochs && !this.isStopped) {
        const { epoch, batch } = this.#progress;
        if (batch === 0) await this.#tell((callback) => callback.onEpochBegin?.(epoch, {}));
        const clock = new EpochClock();
        const stream = endless ?? this.#prepared(placedBatches(batches, epoch, this.#progress.place));
        let isWhole: boolean;
        try {
          isWhole = await this.#steps(stream, clock);
        } finally {
          if (!endless) await stream.return?.();
        }
        if (signal?.aborted) break;
        if (this.#sums.examples === 0)
          throw new ComputeError(`epoch ${epoch + 1}: the data set gave no batch to train on`);
        await this.#endEpoch(clock, isWhole);
      }
    } finally {
      await endless?.return?.();
    }
  }

  /** @returns whether the epoch came to its end */
  async #steps(stream: AsyncIterableIterator<Ready<P>>, clock: EpochClock): Promise<boolean> {
    const { stepsPerEpoch = Infinity, signal } = this.#options;
    while (this.#progress.batch < stepsPerEpoch && !this.isStopped) {
      const next = await clock.during('waiting', () => stream.next());
      if (next.done) return true;
      if (signal?.aborted) return false;
      await this.#step(next.value, clock);
    }
    return this.#progress.batch >= stepsPerEpoch;
  }

  async #step({ batch, pass, place }: Ready<P>, clock: EpochClock): Promise<void> {
    const { epoch, batch: at, step } = this.#progress;
    await this.#tell((callback) => callback.onTrainBatchBegin?.(at, {}));
    const fetches = fetchesOf(this.#hooks, this);
    const result = await clock.during('computing', () => this.#trainable.trainStep(batch, fetches));
    this.#sums = addSums(this.#sums, result.sums);
    this.#progress = { ...this.#progress, batch: at + 1, step: step + 1, pass, place };
    this.#isUnderWay = true;
    try {
      if (this.#callbacks.some((callback) => callback.onTrainBatchEnd)) {
        const means = this.#means();
        const progress = { epoch, step: step + 1, examples: this.#sums.examples };
        await this.#tell((callback) => callback.onTrainBatchEnd?.(at, means, progress));
      }
    } finally {
      // The step is saved even so, and hooks have to know all that are.
      await this.#tellHooksOf(result, clock);
    }
    const fault = lossFault(result.sums, step + 1, epoch);
    if (fault && !this.isStopped) throw fault;
    this.#fault = fault;
    if (!fault) await this.#options.keeper?.afterStep(this);
  }

  async #tellHooksOf({ sums, learningRate, fetched }: StepResult, clock: EpochClock): Promise<void> {
    if (this.#hooks.length === 0) return;
    const logs = this.#trainable.logsOf(sums);
    const values = { logs, examples: sums.examples, learningRate, fetched, ...clock.last };
    await tellHooks(this.#hooks, 'afterRun', (hook) => hook.afterRun?.(this, values));
  }

  /** One that was stopped has its end told, as in Keras, and can be gone on with all the same. */
  async #endEpoch(clock: EpochClock, isWhole: boolean): Promise<void> {
    const { validation, stepsPerEpoch } = this.#options;
    const { epoch, pass, place } = this.#progress;
    const callbacks = this.#callbacks;
    this.#logs = this.#means();
    this.#isEndingEpoch = true;
    if (validation && isDue(validation, epoch)) {
      const found = await runTest(this.#trainable, validation.batches(), {
        steps: validation.steps,
        callbacks,
      });
      for (const [name, value] of Object.entries(found))
        this.#logs = { ...this.#logs, [`val_${name}`]: value };
    }
    const [logs, times] = [this.#logs, clock.times()];
    await this.#tell((callback) => callback.onEpochEnd?.(epoch, logs, times));
    this.#isEndingEpoch = false;
    if (!isWhole) return;
    this.#sums = noSums;
    const next = stepsPerEpoch === undefined ? { pass: epoch + 1, place: null } : { pass, place };
    this.#progress = { ...this.#progress, epoch: epoch + 1, batch: 0, logs: {}, ...next };
    await this.#options.keeper?.afterEpoch(this);
  }

  /** Loss and metrics of the epoch so far; only a step knows how to read sums. */
  #means(): Logs {
    if (!this.#isUnderWay || this.#sums.examples === 0) return this.#progress.logs;
    return this.#trainable.logsOf(this.#sums);
  }

  #prepared(batches: AsyncIterable<Placed>): AsyncIterableIterator<Ready<P>> {
    return preparedAhead(batches, async ({ batch, ...where }) => ({
      batch: await this.#trainable.prepare(batch, 'train'),
      ...where,
    }));
  }

  #tell(event: (callback: Callback) => Told): Promise<void> {
    return toldInTurn(this.#callbacks, event);
  }
}

async function* passes(open: OpenStream, { pass: first, place }: Progress): AsyncGenerator<Placed> {
  for (let pass = first; ; pass++) {
    // One that goes on from a place may be at its end.
    let empty = pass > first || place === null;
    for await (const placed of placedBatches(open, pass, pass === first ? place : null)) {
      empty = false;
      yield placed;
    }
    if (empty) return;
  }
}

function isDue({ frequency = 1 }: Validation, epoch: number): boolean {
  return typeof frequency === 'number' ? (epoch + 1) % frequency === 0 : frequency.includes(epoch + 1);
}

function lossFault({ examples, totals }: Sums, step: number, epoch: number): DivergedError | undefined {
  const loss = totals.loss![0]! / examples;
  if (Number.isFinite(loss)) return undefined;
  return new DivergedError(
    `the loss is ${loss} at step ${step} (epoch ${epoch + 1}): training has diverged; try a smaller learning rate`,
  );
}

/** The loss is no longer a finite number: what the weights have become is of no use. */
export class DivergedError extends ComputeError {}
