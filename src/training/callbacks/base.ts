import { type OptionsOf, type OptionTable, resolveOptions } from '../../core/options.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Callback, CallbackState, Learner } from '../callback.ts';
import type { Logs } from '../trainable.ts';

/** A callback that acts on the model. */
export abstract class LearnerCallback implements Callback {
  protected model!: Learner;

  setModel(model: Learner): void {
    this.model = model;
  }

  /** The model's weights as they are after the steps so far. */
  protected async currentWeights(): Promise<readonly Tensor[]> {
    await this.model.syncWeights();
    return this.model.getWeights();
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * A callback with a memory: it begins each training anew, but for one that goes on from a state, which may be set
 * before or after `onTrainBegin`.
 */
export abstract class RememberingCallback<T extends OptionTable> extends LearnerCallback {
  /** Plain data; a table says what of, and how it begins. */
  protected memory: Writable<OptionsOf<T>>;
  /** Weights that are remembered. */
  protected weights: readonly Tensor[] | undefined;
  protected readonly where: string;
  readonly #table: T;
  #goesOn = false;

  protected constructor(where: string, table: T) {
    super();
    this.where = where;
    this.#table = table;
    this.memory = this.#recall({});
  }

  /** What there is to do when a training begins that goes on from no state. */
  protected begin(): void | Promise<void> {}

  async onTrainBegin(_logs: Logs): Promise<void> {
    const goesOn = this.#goesOn;
    this.#goesOn = false;
    if (goesOn) return;
    this.memory = this.#recall({});
    this.weights = undefined;
    await this.begin();
  }

  onEpochBegin(_epoch: number, _logs: Logs): void {
    this.#goesOn = false;
  }

  getState(): CallbackState {
    const values = JSON.parse(JSON.stringify(this.memory, nonFiniteAsText)) as Record<string, unknown>;
    if (!this.weights) return { values };
    return { values, tensors: Object.fromEntries(this.weights.map((weight, i) => [String(i), weight])) };
  }

  /** @throws {UsageError} when it is not the state of such a callback */
  setState({ values, tensors = {} }: CallbackState): void {
    this.memory = this.#recall(values);
    const { length } = Object.keys(tensors);
    this.weights = length > 0 ? Array.from({ length }, (_, i) => tensors[i]!) : undefined;
    this.#goesOn = true;
  }

  #recall(values: object): Writable<OptionsOf<T>> {
    return structuredClone(resolveOptions(this.#table, values, `${this.where}: state`));
  }
}

function nonFiniteAsText(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

/** As in Keras, `learning_rate` is put into the logs of the epoch, which the callbacks after this one are told too. */
export function logLearningRate(logs: Logs, { learningRate }: Learner): void {
  Object.assign(logs, { learning_rate: learningRate });
}
