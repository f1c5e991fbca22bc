import { join } from 'node:path';
import { UsageError } from '../core/errors.ts';
import type { BatchElement } from '../models/elements.ts';
import type { CheckpointSaverListener } from '../training/checkpoints/checkpoint-keeper.ts';
import type { SessionRunHook, TrainingSession } from '../training/hook.ts';
import type { Estimator, EvalResult } from './estimator.ts';
import type { EvaluationImages } from './evaluation-images.ts';
import type { Exporter } from './exporters.ts';
import type { InputFn } from './input-fn.ts';

/** https://www.tensorflow.org/api_docs/python/tf/estimator/TrainSpec */
export interface TrainSpec {
  readonly inputFn: InputFn<BatchElement>;
  /** Steps in all, over all calls. Default: until the data end. */
  readonly maxSteps?: number;
  readonly hooks?: readonly SessionRunHook[];
  readonly savingListeners?: readonly CheckpointSaverListener[];
}

/** https://www.tensorflow.org/api_docs/python/tf/estimator/EvalSpec */
export interface EvalSpec {
  readonly inputFn: InputFn<BatchElement>;
  /** Batches at most. Default 100, as TensorFlow's; `null`: all. */
  readonly steps?: number | null;
  readonly name?: string;
  readonly hooks?: readonly SessionRunHook[];
  /** Of a classifier: its confusion matrix and some examples are written too. */
  readonly images?: EvaluationImages;
  /** Told after each evaluation. */
  readonly exporters?: readonly Exporter[];
  /** No evaluation before so many seconds. Default 120. */
  readonly startDelaySecs?: number;
  /** So many seconds at least between two evaluations. Default 600. */
  readonly throttleSecs?: number;
  readonly signal?: AbortSignal;
}

const defaultSteps = 100;

/**
 * Trains and evaluates in turns: after a checkpoint, when `throttleSecs` have passed, and at the end.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/train_and_evaluate
 *
 * Called again after a failure, it goes on; an evaluation that was missed is made first. With `throttleSecs` and
 * `startDelaySecs` of 0 each checkpoint is evaluated, and a training that was stopped and gone on with evaluates at the
 * same steps as one that was not.
 *
 * @returns the last evaluation; undefined when the training was interrupted before it
 * @throws {UsageError} when a time is negative
 * @example
 * await trainAndEvaluate(estimator, { inputFn: trainFn, maxSteps: 5000 }, { inputFn: testFn, throttleSecs: 60 });
 */
export async function trainAndEvaluate(
  estimator: Estimator,
  trainSpec: TrainSpec,
  evalSpec: EvalSpec,
): Promise<EvalResult | undefined> {
  const { startDelaySecs = 120, throttleSecs = 600, signal } = evalSpec;
  for (const [name, value] of Object.entries({ startDelaySecs, throttleSecs }))
    if (!(value >= 0))
      throw new UsageError(`trainAndEvaluate: ${name} must be a number from 0 on, got ${value}`);
  const { hooks = [], ...training } = trainSpec;
  const pause = new PauseAtCheckpoint(estimator, trainSpec.maxSteps, {
    startDelay: startDelaySecs * 1000,
    throttle: throttleSecs * 1000,
  });
  const missed = await estimator.latestStep();
  const wasDue = startDelaySecs === 0 && throttleSecs === 0 && missed !== undefined && pause.isDueAt(missed);
  if (wasDue && !(await estimator.isEvaluated(missed, evalSpec.name)))
    await evaluateNow(estimator, evalSpec, false);
  for (;;) {
    pause.isPaused = false;
    await estimator.train({ ...training, hooks: [...hooks, pause], ...(signal && { signal }) });
    if (signal?.aborted) return undefined;
    const result = await evaluateNow(estimator, evalSpec, !pause.isPaused);
    if (!pause.isPaused) return result;
    pause.restart();
  }
}

async function evaluateNow(estimator: Estimator, spec: EvalSpec, isFinal: boolean): Promise<EvalResult> {
  const { inputFn, steps = defaultSteps, name, hooks = [], exporters = [], images, signal } = spec;
  const result = await estimator.evaluate({
    inputFn,
    hooks,
    ...(steps !== null && { steps }),
    ...(name !== undefined && { name }),
    ...(images && { images }),
    ...(signal && { signal }),
  });
  for (const exporter of exporters)
    await exporter.export(estimator, join(estimator.modelDir, 'export', exporter.name), result, isFinal);
  return result;
}

/** Ends a training where it is to be evaluated: at a checkpoint, so that both are of the same step. */
class PauseAtCheckpoint implements SessionRunHook {
  isPaused = false;
  readonly #saveSteps: number | undefined;
  readonly #maxSteps: number | undefined;
  readonly #throttle: number;
  #notBefore: number;

  constructor(
    { config }: Estimator,
    maxSteps: number | undefined,
    { startDelay, throttle }: { startDelay: number; throttle: number },
  ) {
    const { saveCheckpointsSteps, saveCheckpointsSecs = 0 } = config.settings;
    this.#saveSteps = saveCheckpointsSteps;
    this.#maxSteps = maxSteps;
    this.#throttle =
      saveCheckpointsSteps === undefined ? Math.max(throttle, saveCheckpointsSecs * 1000) : throttle;
    this.#notBefore = performance.now() + Math.max(startDelay, this.#throttle);
  }

  /** Whether a checkpoint may be evaluated before the training is over. */
  isDueAt(step: number): boolean {
    const isSaved = this.#saveSteps === undefined || step % this.#saveSteps === 0;
    return isSaved && step > 0 && step < (this.#maxSteps ?? Infinity);
  }

  restart(): void {
    this.#notBefore = performance.now() + this.#throttle;
  }

  afterRun(session: TrainingSession): void {
    if (performance.now() < this.#notBefore || !this.isDueAt(session.step)) return;
    this.isPaused = true;
    session.requestStop();
  }
}
