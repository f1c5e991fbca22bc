import { UsageError } from '../core/errors.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Sliced, sliceTensors } from './slices.ts';
import {
  batchElements,
  mapElements,
  prefetchElements,
  repeatElements,
  shuffleElements,
  skipElements,
  takeElements,
} from './transformations.ts';

/** Opens a pass over the elements. The same epoch gives the same elements in the same order. */
type Open<T> = (epoch: number) => AsyncIterable<T>;

/**
 * A sequence of elements that is made when it is read, as often as it is read, after `tf.data.Dataset`
 * (https://www.tensorflow.org/api_docs/python/tf/data/Dataset).
 *
 * Every transformation returns a new dataset and does nothing until elements are asked for. A pass depends on the
 * number of its epoch and on nothing else, so training can be taken up again in the middle: `dataset.iterate(7)` is
 * what an eighth `for await` over the dataset gives.
 *
 * @example
 * const batches = Dataset.fromArray(files).shuffle(files.length, { seed: 1 }).map(read, { numParallelCalls: 4 }).batch(32).prefetch(2);
 * for await (const batch of batches) …
 */
export class Dataset<T> implements AsyncIterable<T> {
  /** How many elements a pass has; `Infinity` for an endless dataset, `undefined` where only reading tells. */
  readonly cardinality: number | undefined;
  readonly #open: Open<T>;
  #passes = 0;

  private constructor(open: Open<T>, cardinality: number | undefined) {
    this.#open = open;
    this.cardinality = cardinality;
  }

  /** The elements of an array, which is not copied. */
  static fromArray<T>(elements: readonly T[]): Dataset<T> {
    return new Dataset(() => asynchronous(elements), elements.length);
  }

  /**
   * The slices along the first axis of a tensor, or of several by name. Slices share the tensors' memory.
   *
   * @example Dataset.fromTensorSlices({ image: images, label: labels }) // { image: [28, 28], label: [] } each
   * @throws {UsageError} when a tensor has no axis, or first axes differ
   */
  static fromTensorSlices<S extends Tensor | Readonly<Record<string, Tensor>>>(
    tensors: S,
  ): Dataset<Sliced<S>> {
    return Dataset.fromArray(sliceTensors(tensors));
  }

  /**
   * Whatever `open` gives for an epoch. To be taken up again, it must give the same for the same epoch.
   *
   * @param options.cardinality how many elements each epoch has, where that is known
   */
  static fromGenerator<T>(
    open: (epoch: number) => Iterable<T> | AsyncIterable<T>,
    options: { cardinality?: number } = {},
  ): Dataset<T> {
    return new Dataset((epoch) => asynchronous(open(epoch)), options.cardinality);
  }

  /** Reads one pass. Without a number, each reading of this dataset is the next epoch: 0, 1, 2, … */
  iterate(epoch: number = this.#passes++): AsyncIterable<T> {
    checkCount('iterate: epoch', epoch, 0);
    return this.#open(epoch);
  }

  [Symbol.asyncIterator](): AsyncIterator<T> {
    return this.iterate()[Symbol.asyncIterator]();
  }

  /** All elements of one pass. Never ends on an endless dataset. */
  async toArray(): Promise<T[]> {
    const elements: T[] = [];
    for await (const element of this) elements.push(element);
    return elements;
  }

  /**
   * Applies a function to each element; the order stays.
   *
   * @param options.numParallelCalls how many calls may run at a time; 1 by default
   * @throws {ElementError} while reading, when `fn` throws what is not one of the project's own errors
   */
  map<U>(fn: (element: T) => U | Promise<U>, options: { numParallelCalls?: number } = {}): Dataset<U> {
    const parallel = checkCount('map: numParallelCalls', options.numParallelCalls ?? 1, 1);
    return new Dataset((epoch) => mapElements(this.#open(epoch), fn, parallel), this.cardinality);
  }

  /**
   * Shuffles within a buffer: a buffer of at least the dataset's length gives any order with equal probability.
   *
   * @param options.seed a whole number; the same seed and epoch give the same order
   * @param options.reshuffleEachIteration a new order for each epoch (the default), or the same for all
   */
  shuffle(bufferSize: number, options: { seed: number; reshuffleEachIteration?: boolean }): Dataset<T> {
    checkCount('shuffle: bufferSize', bufferSize, 1);
    const { seed, reshuffleEachIteration = true } = options;
    checkCount('shuffle: seed', seed, 0);
    return new Dataset(
      (epoch) => shuffleElements(this.#open(epoch), bufferSize, seed, reshuffleEachIteration ? epoch : 0),
      this.cardinality,
    );
  }

  /**
   * Gathers elements into arrays of `size`.
   *
   * @param options.dropRemainder leave out a last batch that is not full; by default it is given
   */
  batch(size: number, options: { dropRemainder?: boolean } = {}): Dataset<T[]> {
    checkCount('batch: size', size, 1);
    const { dropRemainder = false } = options;
    const round = dropRemainder ? Math.floor : Math.ceil;
    return new Dataset(
      (epoch) => batchElements(this.#open(epoch), size, dropRemainder),
      this.cardinality === undefined ? undefined : round(this.cardinality / size),
    );
  }

  /** Reads the dataset `count` times over, each time as the next epoch; without `count`, without end. */
  repeat(count?: number): Dataset<T> {
    if (count !== undefined) checkCount('repeat: count', count, 0);
    const passes = count ?? Number.POSITIVE_INFINITY;
    return new Dataset(
      (epoch) => repeatElements((pass) => this.#open((count ?? 1) * epoch + pass), passes),
      times(this.cardinality, passes),
    );
  }

  /** The first `count` elements. */
  take(count: number): Dataset<T> {
    checkCount('take: count', count, 0);
    return new Dataset(
      (epoch) => takeElements(this.#open(epoch), count),
      this.cardinality === undefined ? undefined : Math.min(this.cardinality, count),
    );
  }

  /** All but the first `count` elements. */
  skip(count: number): Dataset<T> {
    checkCount('skip: count', count, 0);
    return new Dataset(
      (epoch) => skipElements(this.#open(epoch), count),
      this.cardinality === undefined ? undefined : Math.max(this.cardinality - count, 0),
    );
  }

  /** Makes up to `bufferSize` elements in the background, before they are asked for. */
  prefetch(bufferSize: number): Dataset<T> {
    checkCount('prefetch: bufferSize', bufferSize, 1);
    return new Dataset((epoch) => prefetchElements(this.#open(epoch), bufferSize), this.cardinality);
  }
}

async function* asynchronous<T>(elements: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
  yield* elements;
}

/** The cardinality of `passes` passes; nothing, however often, is nothing. */
function times(cardinality: number | undefined, passes: number): number | undefined {
  if (cardinality === 0 || passes === 0) return 0;
  return cardinality === undefined ? undefined : cardinality * passes;
}

function checkCount(what: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new UsageError(`${what} must be a whole number from ${least} on, got ${value}`);
}
