import { UsageError } from '../../core/errors.ts';
import {
  type ConfigOf,
  count,
  flag,
  listOf,
  type OptionsOf,
  optional,
  real,
  required,
  resolveOptions,
  text,
} from '../../core/options.ts';
import { formatShape } from '../../core/shape.ts';
import type { Tensor } from '../../core/tensor.ts';
import { functionKind, speaking } from '../callbacks/options.ts';
import type { GraphBuilder, RunValues, SessionRunHook, TrainingSession } from '../hook.ts';
import { type SecondOrStepTimer, timerFor } from './second-or-step-timer.ts';

/** What a step gave, by name. */
export type LoggedValues = Readonly<Record<string, number | Tensor>>;

const options = {
  /** Names of the logs (`loss`, `accuracy`), `learning_rate`, and fetches (`gradients/dense/kernel`, `outputs/dense`). */
  tensors: required(listOf(text)),
  everyNIter: optional(count),
  everyNSecs: optional(real({ above: 0 })),
  /** After the last step too; what is fetched is then fetched at every step. Default false. */
  atEnd: optional(flag, false),
  /** Makes the line. Default: `step 100: loss = 0.31, accuracy = 0.9 (1.234 s)`. */
  formatter: optional(
    functionKind<(values: LoggedValues, step: number) => string>('(values, step) => string'),
  ),
  /** Takes the line. Default: to standard error. */
  log: speaking.print,
};

export type LoggingTensorHookOptions = ConfigOf<typeof options>;

interface Noted {
  readonly step: number;
  readonly values: LoggedValues;
}

/**
 * Logs what steps give, every so many of them, or seconds, or at the end alone.
 * https://www.tensorflow.org/api_docs/python/tf/estimator/LoggingTensorHook
 *
 * A training counts the steps before a restart too (see `SecondOrStepTimer`), an evaluation its own batches.
 *
 * @example new LoggingTensorHook({ tensors: ['loss', 'accuracy'], everyNIter: 100 })
 */
export class LoggingTensorHook implements SessionRunHook {
  readonly #options: OptionsOf<typeof options>;
  readonly #timer: SecondOrStepTimer | undefined;
  readonly #fetches: readonly string[];
  #trains = false;
  /** Steps, or batches where nothing is trained. */
  #step = 0;
  #isDue = false;
  #atEnd: Noted | undefined;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: LoggingTensorHookOptions) {
    const where = 'LoggingTensorHook';
    this.#options = resolveOptions(options, config, where);
    const { tensors, everyNIter, everyNSecs, atEnd } = this.#options;
    if (tensors.length === 0) throw new UsageError(`${where}: tensors must name something to log`);
    if (!atEnd || everyNIter !== undefined || everyNSecs !== undefined)
      this.#timer = timerFor(where, { everyNIter, everyNSecs });
    this.#fetches = tensors.filter(isFetch);
  }

  begin(graph: GraphBuilder): void {
    this.#trains = graph.trainableWeights.length > 0;
    for (const name of this.#fetches) graph.fetch(name);
  }

  afterCreateSession({ step }: TrainingSession): void {
    this.#step = this.#trains ? step : 0;
    this.#timer?.reset(this.#step);
    this.#atEnd = undefined;
  }

  beforeRun(): readonly string[] | undefined {
    this.#step++;
    this.#isDue = this.#timer?.shouldTriggerForStep(this.#step) ?? false;
    return this.#isDue || this.#options.atEnd ? this.#fetches : undefined;
  }

  afterRun(_session: TrainingSession, values: RunValues): void {
    const { atEnd, tensors } = this.#options;
    if (!this.#isDue && !atEnd) return;
    const step = this.#step;
    const noted = { step, values: Object.fromEntries(tensors.map((name) => [name, valueIn(name, values)])) };
    if (this.#isDue) this.#tell(noted, this.#timer!.updateLastTriggeredStep(step).seconds);
    this.#atEnd = this.#isDue ? undefined : noted;
  }

  end(): void {
    if (this.#atEnd) this.#tell(this.#atEnd);
    this.#atEnd = undefined;
  }

  #tell({ step, values }: Noted, seconds?: number): void {
    const { formatter, log } = this.#options;
    log(formatter ? formatter(values, step) : lineOf(values, step, seconds));
  }
}

const isFetch = (name: string): boolean => /^(gradients|outputs)\//.test(name);

function valueIn(name: string, { logs, learningRate, fetched }: RunValues): number | Tensor {
  const known: Record<string, number | Tensor> = { ...logs, ...fetched };
  if (learningRate !== undefined) known.learning_rate = learningRate;
  const value = known[name];
  if (value !== undefined) return value;
  throw new UsageError(
    `LoggingTensorHook: a step gives no '${name}'; it gives ${Object.keys(known).join(', ')}, and in training gradients/… of weights and outputs/… of layers`,
  );
}

function lineOf(values: LoggedValues, step: number, seconds: number | undefined): string {
  const parts = Object.entries(values).map(([name, value]) => `${name} = ${shown(value)}`);
  const time = seconds === undefined ? '' : ` (${seconds.toFixed(3)} s)`;
  return `step ${step}: ${parts.join(', ')}${time}`;
}

/** Elements that are shown of a tensor. */
const shownElements = 6;

function shown(value: number | Tensor): string {
  if (typeof value === 'number') return rounded(value);
  const { dtype, shape, data } = value;
  const first = Array.from(data.slice(0, shownElements) as ArrayLike<number | bigint>, (element) =>
    rounded(Number(element)),
  );
  if (data.length > shownElements) first.push('…');
  return `${dtype}${formatShape(shape)} [${first.join(', ')}]`;
}

const rounded = (value: number): string => String(Number(value.toPrecision(6)));
