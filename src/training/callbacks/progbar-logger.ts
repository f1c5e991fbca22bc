import { clearLine, cursorTo } from 'node:readline';
import { type ConfigOf, type Kind, optional, resolveOptions } from '../../core/options.ts';
import type { Callback, StepProgress, TrainingParams } from '../callback.ts';
import type { Logs } from '../trainable.ts';

/** A terminal, or anything else that text can be written to. */
export type ProgressStream = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

const streamKind: Kind<ProgressStream> = {
  expected: 'a stream that can be written to',
  check: (value) =>
    typeof (value as ProgressStream | undefined)?.write === 'function'
      ? (value as ProgressStream)
      : undefined,
};

const options = {
  /** Default: standard error. */
  stream: optional(streamKind),
};

export type ProgbarLoggerOptions = ConfigOf<typeof options>;

const barWidth = 24;
const millisecondsBetweenDraws = 100;

/**
 * Shows a person how far it is: a bar on the last line of a terminal, and a line for each epoch, `evaluate` or
 * `predict` that is done; where the stream is no terminal, those lines alone. https://keras.io/api/callbacks/
 *
 * @example new ProgbarLogger() // Epoch 2/5  40 steps  0:12  loss 0.5123  val_loss 0.6015
 */
export class ProgbarLogger implements Callback {
  readonly #stream: ProgressStream;
  #epochs = 1;
  #steps: number | undefined;
  #isTraining = false;
  #title = '';
  #seen = 0;
  #begun = 0;
  #drawn = Number.NEGATIVE_INFINITY;

  /** @throws {UsageError} when `stream` is none */
  constructor(config: ProgbarLoggerOptions = {}) {
    this.#stream = resolveOptions(options, config, 'ProgbarLogger').stream ?? process.stderr;
  }

  setParams({ epochs, steps }: TrainingParams): void {
    this.#epochs = epochs;
    this.#steps = steps;
  }

  onTrainBegin(_logs: Logs): void {
    this.#isTraining = true;
  }

  onEpochBegin(epoch: number, _logs: Logs): void {
    this.#begin(`Epoch ${epoch + 1}/${this.#epochs}`);
  }

  onTrainBatchEnd(batch: number, logs: Logs, { epoch }: StepProgress): void {
    // A training that is taken up again begins within an epoch.
    if (this.#title === '') this.onEpochBegin(epoch, logs);
    this.#update(batch, logs);
  }

  onEpochEnd(_epoch: number, logs: Logs): void {
    this.#steps ??= this.#seen;
    this.#finish(logs);
  }

  onTrainEnd(_logs: Logs): void {
    this.#isTraining = false;
    this.#clear();
  }

  /** Validation within a training shows nothing of its own. */
  onTestBegin(_logs: Logs): void {
    if (!this.#isTraining) this.#begin('Evaluate');
  }

  onTestBatchEnd(batch: number, logs: Logs): void {
    if (!this.#isTraining) this.#update(batch, logs);
  }

  onTestEnd(logs: Logs): void {
    if (!this.#isTraining) this.#finish(logs);
  }

  onPredictBegin(_logs: Logs): void {
    this.#begin('Predict');
  }

  onPredictBatchEnd(batch: number, _logs: Logs): void {
    this.#update(batch, {});
  }

  onPredictEnd(_logs: Logs): void {
    this.#finish({});
  }

  #begin(title: string): void {
    this.#title = title;
    this.#seen = 0;
    this.#begun = performance.now();
    this.#drawn = Number.NEGATIVE_INFINITY;
  }

  #update(batch: number, logs: Logs): void {
    this.#seen = batch + 1;
    const now = performance.now();
    if (!this.#stream.isTTY || now - this.#drawn < millisecondsBetweenDraws) return;
    this.#drawn = now;
    const seconds = (now - this.#begun) / 1000;
    const line = [this.#title, ...barOf(this.#seen, this.#steps, seconds), ...numbersOf(logs)].join('  ');
    this.#clear();
    // A line that wraps could not be taken away.
    this.#stream.write(line.slice(0, (this.#stream.columns ?? 80) - 1));
  }

  #finish(logs: Logs): void {
    this.#clear();
    const seconds = (performance.now() - this.#begun) / 1000;
    const steps = `${this.#seen} step${this.#seen === 1 ? '' : 's'}`;
    this.#stream.write(`${[this.#title, steps, clock(seconds), ...numbersOf(logs)].join('  ')}\n`);
  }

  #clear(): void {
    if (!this.#stream.isTTY) return;
    cursorTo(this.#stream, 0);
    clearLine(this.#stream, 0);
  }
}

function barOf(seen: number, steps: number | undefined, seconds: number): string[] {
  if (steps === undefined || steps < seen) return [`${seen} steps`];
  const filled = Math.floor((barWidth * seen) / steps);
  const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
  return [`${bar} ${seen}/${steps}`, `${clock((seconds / seen) * (steps - seen))} left`];
}

function numbersOf(logs: Logs): string[] {
  return Object.entries(logs).map(([name, value]) => {
    const isSmall = value !== 0 && Math.abs(value) < 1e-3;
    return `${name} ${isSmall ? value.toExponential(3) : value.toFixed(4)}`;
  });
}

/** `1:05` */
function clock(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
