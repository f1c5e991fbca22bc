import { type Kind, listOf, optional, wholeNumber } from '../../core/options.ts';
import type { EpochTimes } from '../callback.ts';
import type { Logs } from '../trainable.ts';
import { RememberingCallback } from './base.ts';
import { anyNumber } from './options.ts';

const logsKind: Kind<Logs> = {
  expected: 'numbers by name',
  check: (value) => {
    if (typeof value !== 'object' || value === null) return undefined;
    const entries = Object.entries(value).map(([name, number]) => [name, anyNumber.check(number)] as const);
    return entries.some(([, number]) => number === undefined)
      ? undefined
      : (Object.fromEntries(entries) as Logs);
  },
};

const timesKind: Kind<EpochTimes> = {
  expected: 'the seconds of waiting, computing and all other',
  check: (value) => {
    const { waiting, computing, other } = (value ?? {}) as Partial<EpochTimes>;
    const seconds = [waiting, computing, other];
    if (!seconds.every((part) => Number.isFinite(part))) return undefined;
    return { waiting: waiting!, computing: computing!, other: other! };
  },
};

const memory = {
  epoch: optional(listOf(wholeNumber), []),
  epochs: optional(listOf(logsKind), []),
  times: optional(listOf(timesKind), []),
};

/**
 * What a training was like, epoch by epoch: `fit` returns it. https://keras.io/api/callbacks/history/
 *
 * @example (await model.fit(data, { epochs: 3 })).history.loss // [0.93, 0.41, 0.28]
 */
export class History extends RememberingCallback<typeof memory> {
  /** Whether it was ended by a signal before its last epoch. */
  interrupted = false;

  constructor() {
    super('History', memory);
  }

  /** The epochs that were completed, from 0 on. */
  get epoch(): readonly number[] {
    return this.memory.epoch;
  }

  /** The logs of these epochs. */
  get epochs(): readonly Logs[] {
    return this.memory.epochs;
  }

  /** Where the time of each of these epochs went, in seconds. */
  get times(): readonly EpochTimes[] {
    return this.memory.times;
  }

  /** The logs by name: of each number, its values. */
  get history(): Record<string, number[]> {
    const byName: Record<string, number[]> = {};
    for (const logs of this.epochs) {
      for (const [name, value] of Object.entries(logs)) {
        byName[name] ??= [];
        byName[name].push(value);
      }
    }
    return byName;
  }

  protected override begin(): void {
    this.interrupted = false;
  }

  onEpochEnd(epoch: number, logs: Logs, times: EpochTimes): void {
    this.memory.epoch = [...this.epoch, epoch];
    this.memory.epochs = [...this.epochs, logs];
    this.memory.times = [...this.times, times];
  }
}
