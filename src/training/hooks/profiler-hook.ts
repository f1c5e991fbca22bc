import { join } from 'node:path';
import { makeParentFolder, writeFileWhole } from '../../core/files.ts';
import {
  type ConfigOf,
  count,
  type OptionsOf,
  optional,
  real,
  resolveOptions,
  text,
} from '../../core/options.ts';
import type { RunValues, SessionRunHook, TrainingSession } from '../hook.ts';
import { type SecondOrStepTimer, timerFor } from './second-or-step-timer.ts';

const options = {
  /** The folder of the files. Default: the current one. */
  outputDir: optional(text, ''),
  saveSteps: optional(count),
  saveSecs: optional(real({ above: 0 })),
};

export type ProfilerHookOptions = ConfigOf<typeof options>;

/** Where the time of a step went, in milliseconds of `performance.now()`. */
interface Span {
  readonly name: string;
  readonly step: number;
  readonly from: number;
  readonly to: number;
}

/** Spans that are kept, of some 10,000 steps. */
const mostSpans = 40_000;

/**
 * Writes where the time of steps goes, as a trace for chrome://tracing or https://ui.perfetto.dev, in files
 * `timeline-100.json`: for each step since the last file, 10,000 at most, waiting for data, computing, and all else, which
 * is hooks, callbacks, checkpoints and validation. https://www.tensorflow.org/api_docs/python/tf/estimator/ProfilerHook
 *
 * With `saveSteps`, see `SecondOrStepTimer`.
 *
 * @example new ProfilerHook({ outputDir: 'runs/oct', saveSteps: 1000 })
 */
export class ProfilerHook implements SessionRunHook {
  readonly #options: OptionsOf<typeof options>;
  readonly #timer: SecondOrStepTimer;
  #spans: Span[] = [];
  /** Up to where all time is in spans. */
  #accounted = 0;
  #began = 0;

  /** @throws {UsageError} when not exactly one of `saveSteps` and `saveSecs` is given, or an option is wrong */
  constructor(config: ProfilerHookOptions) {
    this.#options = resolveOptions(options, config, 'ProfilerHook');
    const { saveSteps, saveSecs } = this.#options;
    this.#timer = timerFor('ProfilerHook', { saveSteps, saveSecs });
  }

  afterCreateSession({ step }: TrainingSession): void {
    this.#timer.reset(step);
    this.#spans = [];
    this.#accounted = performance.now();
  }

  beforeRun(): undefined {
    this.#began = performance.now();
  }

  /** @throws {SystemError} when the system refuses the file */
  async afterRun({ step }: TrainingSession, { waited, computed }: RunValues): Promise<void> {
    const now = performance.now();
    this.#account('other', step - 1, this.#began - waited);
    this.#account('waiting', step, this.#began);
    this.#account('computing', step, Math.min(now, this.#began + computed));
    this.#account('other', step, now);
    // Seldom, as it copies what is kept.
    if (this.#spans.length > 2 * mostSpans) this.#spans = this.#spans.slice(-mostSpans);
    if (!this.#timer.shouldTriggerForStep(step)) return;
    this.#timer.updateLastTriggeredStep(step);
    const path = join(this.#options.outputDir, `timeline-${step}.json`);
    await makeParentFolder(path);
    await writeFileWhole(path, JSON.stringify(traceOf(this.#spans.slice(-mostSpans))));
    this.#spans = [];
  }

  #account(name: string, step: number, to: number): void {
    const from = this.#accounted;
    if (to <= from) return;
    this.#spans.push({ name, step, from, to });
    this.#accounted = to;
  }
}

/** https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU: times in microseconds. */
function traceOf(spans: readonly Span[]): object {
  const place = { pid: process.pid, tid: 0 };
  const microseconds = (time: number): number => (performance.timeOrigin + time) * 1000;
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      { name: 'thread_name', ph: 'M', ...place, args: { name: 'training' } },
      ...spans.map(({ name, step, from, to }) => ({
        ...{ name, cat: 'step', ph: 'X', ...place },
        ts: microseconds(from),
        dur: (to - from) * 1000,
        args: { step },
      })),
    ],
  };
}
