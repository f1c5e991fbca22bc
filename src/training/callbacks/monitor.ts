import { UsageError } from '../../core/errors.ts';
import type { Logs } from '../trainable.ts';
import { directionOf } from './directions.ts';
import type { Monitoring } from './options.ts';

/** A number of the logs that is followed, and what is better of two of its values. */
export class Monitor {
  readonly name: string;
  readonly #where: string;
  readonly #options: Monitoring;
  readonly #minDelta: number;
  readonly #falls: boolean;
  #warned = false;

  /**
   * @param where what messages call the callback
   * @param minDelta a change of no more than this is none
   * @throws {UsageError} when `mode` is `auto` and the name does not say what is better
   */
  constructor(where: string, options: Monitoring, minDelta = 0) {
    const { monitor, mode } = options;
    const direction = mode === 'auto' ? directionOf(monitor) : mode;
    if (direction === undefined) {
      throw new UsageError(
        `${where}: whether '${monitor}' is to fall or to rise does not follow from its name: pass mode 'min' or 'max'`,
      );
    }
    this.name = monitor;
    this.#where = where;
    this.#options = options;
    this.#minDelta = Math.abs(minDelta);
    this.#falls = direction === 'min';
  }

  /** A training begins, which is warned anew. */
  begin(): void {
    this.#warned = false;
  }

  /** The value, if the logs have it; where they do not, the first time, a line says what they have. */
  valueIn(logs: Logs): number | undefined {
    const value = Object.hasOwn(logs, this.name) ? logs[this.name] : undefined;
    if (typeof value === 'number') return value;
    if (!this.#warned) {
      this.#options.print(
        `${this.#where}: the logs have no number '${this.name}'; they have ${Object.keys(logs).join(', ')}`,
      );
    }
    this.#warned = true;
    return undefined;
  }

  /**
   * Whether a value is better than a reference, by more than `minDelta`. Any value is better than none, and any number
   * better than NaN. As in Keras, they are compared as float32, so that a tie is one whatever its last digits are.
   */
  isImprovement(value: number, reference: number | undefined): boolean {
    if (reference === undefined) return true;
    if (Number.isNaN(reference)) return !Number.isNaN(value);
    const against = Math.fround(reference);
    return this.#falls
      ? Math.fround(value + this.#minDelta) < against
      : Math.fround(value - this.#minDelta) > against;
  }
}
