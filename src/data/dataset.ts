import { UsageError } from '../core/errors.ts';
import { batched, unbatched } from './batching.ts';
import { cached, MemoryStore } from './cache.ts';
import { FolderStore } from './cache-files.ts';
import { concatenated, repeated } from './chain.ts';
import type {
  InterleaveOptions,
  ParallelInterleaveOptions,
  SampleOptions,
  ShuffleOptions,
} from './dataset-options.ts';
import { decision, kept, leading } from './decisions.ts';
import { batchedSpec } from './element-spec.ts';
import type { IgnoredErrors } from './errors.ts';
import type { InterleaveSettings } from './inner.ts';
import { interleaved } from './interleave.ts';
import { sampled, zipped } from './joining.ts';
import { type Amount, checkAmount, checkCount } from './limits.ts';
import { mapped, type ParallelOptions } from './map.ts';
import { numbered, spaced, taken } from './parts.ts';
import { type Awaitable, isThenable, type Open } from './pass.ts';
import { prefetched } from './prefetch.ts';
import { type Known, Readable } from './readable.ts';
import { shuffled } from './shuffle.ts';
import { generated, indexed } from './sources.ts';
import { type Batched, rowsOf, type Sliced } from './structure.ts';
import { tolerant } from './tolerance.ts';

type ElementOf<D> = D extends Dataset<infer T> ? T : never;

/**
 * A sequence of elements that is made when it is read, as often as it is read, after `tf.data.Dataset`
 * (https://www.tensorflow.org/api_docs/python/tf/data/Dataset).
 *
 * Every transformation returns a new dataset and does nothing until elements are asked for. A pass depends on the
 * number of its epoch and on nothing else, so training can be taken up again in the middle: `dataset.iterate(7)` is
 * what an eighth `for await` over the dataset gives, and `dataset.iterator({ state })` goes on in the middle of one.
 *
 * Functions that are given to transformations run on this thread; `numParallelCalls` lets several of their promises
 * wait at a time. Work on pixels belongs to the threads of an `ImagePool`, whose promises a `map` collects.
 *
 * Memory is bounded by the buffers that are named: `shuffle`, `prefetch`, `batch`, `numParallelCalls`, `cache()`.
 *
 * @example
 * const batches = Dataset.fromArray(files).shuffle(files.length, { seed: 1 }).map(read, { numParallelCalls: 4 }).batch(32).prefetch(2);
 * for await (const batch of batches) …
 */
export class Dataset<T> extends Readable<T> {
  private constructor(open: Open<T>, known: Known) {
    super(open, known);
  }

  /** The elements of an array, which is not copied. */
  static fromArray<T>(elements: readonly T[]): Dataset<T> {
    return Dataset.#indexed(elements.length, (i) => elements[i]!);
  }

  static #indexed<T>(length: number, at: (index: number) => T): Dataset<T> {
    return new Dataset(indexed(length, at), { cardinality: length });
  }

  /**
   * The rows along the first axis of a tensor or a list, or of several by name or in a tuple. Rows of tensors share their
   * memory.
   *
   * @example Dataset.fromTensorSlices({ image: images, label: labels }) // { image: [28, 28], label: [] } each
   * @throws {UsageError} when a tensor has no axis, or first axes differ
   */
  static fromTensorSlices<const S extends object>(tensors: S): Dataset<Sliced<S>> {
    const { length, at } = rowsOf('fromTensorSlices', tensors);
    return Dataset.#indexed(length, at);
  }

  /** One element: what is given, whole. */
  static fromTensors<T>(element: T): Dataset<T> {
    return Dataset.fromArray([element]);
  }

  /**
   * Whatever `open` gives for an epoch: a generator's elements, an array, a stream. To be taken up again, it must give the
   * same for the same epoch; it is run from the beginning then.
   *
   * @param options.cardinality how many elements each epoch has, where that is known
   */
  static fromGenerator<T>(
    open: (epoch: number) => Iterable<T> | AsyncIterable<T>,
    options: { cardinality?: number | undefined } = {},
  ): Dataset<T> {
    return new Dataset(generated('fromGenerator', open), { cardinality: options.cardinality });
  }

  /**
   * Numbers from `start` on, before `stop`, `step` apart.
   *
   * @example Dataset.range(3) // 0, 1, 2
   * @example Dataset.range(6, 0, -2) // 6, 4, 2
   */
  static range(stop: number): Dataset<number>;
  static range(start: number, stop: number, step?: number): Dataset<number>;
  static range(first: number, second?: number, step = 1): Dataset<number> {
    const [start, stop] = second === undefined ? [0, first] : [first, second];
    if (![start, stop, step].every(Number.isSafeInteger) || step === 0) {
      throw new UsageError(
        `range: start, stop and step must be whole numbers, and step not 0, got ${[start, stop, step].join(', ')}`,
      );
    }
    return Dataset.#indexed(Math.max(0, Math.ceil((stop - start) / step)), (i) => start + i * step);
  }

  /**
   * One element of each dataset together, as a tuple or under their names. The shortest ends it.
   *
   * @example Dataset.zip({ image: images, label: labels })
   */
  static zip<const D extends readonly Dataset<unknown>[] | Readonly<Record<string, Dataset<unknown>>>>(
    datasets: D,
  ): Dataset<{ -readonly [K in keyof D]: ElementOf<D[K]> }> {
    type Zipped = { -readonly [K in keyof D]: ElementOf<D[K]> };
    const names = Object.keys(datasets);
    const sources = Object.values<Dataset<unknown>>(datasets as Readonly<Record<string, Dataset<unknown>>>);
    checkDatasets('zip', sources);
    const together = (elements: readonly unknown[]) =>
      (Array.isArray(datasets)
        ? [...elements]
        : Object.fromEntries(names.map((name, i) => [name, elements[i]]))) as Zipped;
    const sizes = sources.map(({ cardinality }) => cardinality);
    return new Dataset(
      zipped(
        sources.map((source) => source.open),
        together,
      ),
      { cardinality: sizes.includes(undefined) ? undefined : Math.min(...(sizes as number[])) },
    );
  }

  /**
   * Elements of several datasets mixed at random: each comes from one that is chosen anew, by `weights`.
   * https://www.tensorflow.org/api_docs/python/tf/data/Dataset#sample_from_datasets
   *
   * @throws {UsageError} when weights do not fit the datasets, are negative, or all 0
   */
  static sampleFromDatasets<T>(datasets: readonly Dataset<T>[], options: SampleOptions): Dataset<T> {
    const { seed, weights = datasets.map(() => 1), stopOnEmptyDataset = false } = options;
    checkDatasets('sampleFromDatasets', datasets);
    checkCount('sampleFromDatasets: seed', seed, 0);
    const usable = weights.length === datasets.length && weights.every((w) => Number.isFinite(w) && w >= 0);
    if (!usable || !weights.some((weight) => weight > 0)) {
      throw new UsageError(
        `sampleFromDatasets: weights must be ${datasets.length} numbers from 0 on, one above 0, got ${weights.join(', ')}`,
      );
    }
    const chosen = datasets.filter((_, i) => weights[i]! > 0).map(({ cardinality }) => cardinality);
    const sum = chosen.includes(undefined) ? undefined : (chosen as number[]).reduce((a, b) => a + b, 0);
    const open = sampled(
      datasets.map((dataset) => dataset.open),
      { seed, weights, stopOnEmptyDataset },
    );
    return new Dataset(open, { cardinality: stopOnEmptyDataset && sum !== 0 ? undefined : sum });
  }

  /** Another order or choice of the same elements. */
  #same(open: Open<T>, cardinality = this.cardinality): Dataset<T> {
    return new Dataset(open, { cardinality, spec: this.spec });
  }

  /**
   * Applies a function to each element, on this thread. The order stays, unless `deterministic` is false.
   *
   * @param options.numParallelCalls how many calls may wait at a time, where the function gives promises; 1 by default
   * @throws {ElementError} while reading, when `fn` gives undefined, or throws what is not one of the project's own errors
   */
  map<U>(fn: (element: T) => U | Promise<U>, options: ParallelOptions = {}): Dataset<U> {
    checkParallel('map', options);
    const given = (value: U): U => {
      if (value !== undefined) return value;
      throw new TypeError('the function gave undefined: it must return the new element');
    };
    const call = (element: T): U | PromiseLike<U> => {
      const value = fn(element);
      return isThenable(value) ? value.then(given) : given(value);
    };
    return new Dataset(mapped('map', this.open, call, options), { cardinality: this.cardinality });
  }

  /**
   * The elements for which a function says true.
   *
   * @throws {ElementError} while reading, when `fn` throws, or says neither true nor false
   */
  filter(fn: (element: T) => boolean | Promise<boolean>, options: ParallelOptions = {}): Dataset<T> {
    checkParallel('filter', options);
    const open = kept(mapped('filter', this.open, decision(fn), options));
    return new Dataset(open, { cardinality: this.cardinality === 0 ? 0 : undefined, spec: this.spec });
  }

  /** The elements before the first for which a function says false. */
  takeWhile(fn: (element: T) => boolean | Promise<boolean>): Dataset<T> {
    const open = leading(mapped('takeWhile', this.open, decision(fn), {}));
    return new Dataset(open, { cardinality: this.cardinality === 0 ? 0 : undefined, spec: this.spec });
  }

  /**
   * All elements of the dataset that a function makes of each element, one dataset after another.
   *
   * @throws {ElementError} while reading, when `fn` throws or gives no dataset
   */
  flatMap<U>(fn: (element: T) => Dataset<U> | Promise<Dataset<U>>): Dataset<U> {
    return this.#interleave('flatMap', fn, { cycleLength: 1 });
  }

  /**
   * Makes a dataset of each element, and reads `cycleLength` of them in turn, `blockLength` elements of each. One that
   * has ended leaves its turn to the dataset of a further element.
   * https://www.tensorflow.org/api_docs/python/tf/data/Dataset#interleave
   *
   * @param options.numParallelCalls how many of them may be at work at a time; 1 by default
   * @param options.deterministic false: pass over datasets that have nothing ready
   * @example Dataset.fromArray(files).interleave((file) => tfRecord(file), { cycleLength: 4, numParallelCalls: 4 })
   */
  interleave<U>(
    fn: (element: T) => Dataset<U> | Promise<Dataset<U>>,
    options: InterleaveOptions,
  ): Dataset<U> {
    checkParallel('interleave', options);
    return this.#interleave('interleave', fn, options);
  }

  /**
   * `interleave` with all datasets of the cycle at work.
   * https://www.tensorflow.org/api_docs/python/tf/data/experimental/parallel_interleave
   */
  parallelInterleave<U>(
    fn: (element: T) => Dataset<U> | Promise<Dataset<U>>,
    options: ParallelInterleaveOptions,
  ): Dataset<U> {
    const { cycleLength, blockLength = 1, sloppy = false } = options;
    const { bufferOutputElements = 2 * blockLength, prefetchInputElements = 2 * cycleLength } = options;
    checkCount('parallelInterleave: bufferOutputElements', bufferOutputElements, 1);
    checkCount('parallelInterleave: prefetchInputElements', prefetchInputElements, 1);
    return this.#interleave('parallelInterleave', fn, {
      cycleLength,
      blockLength,
      numParallelCalls: cycleLength,
      deterministic: !sloppy,
      bufferSize: bufferOutputElements,
      openedAhead: prefetchInputElements,
    });
  }

  #interleave<U>(
    step: string,
    fn: (element: T) => Dataset<U> | Promise<Dataset<U>>,
    options: InterleaveOptions & Partial<Pick<InterleaveSettings, 'bufferSize' | 'openedAhead'>>,
  ): Dataset<U> {
    const { cycleLength, blockLength = 1, numParallelCalls = 1, deterministic } = options;
    checkCount(`${step}: cycleLength`, cycleLength, 1);
    checkCount(`${step}: blockLength`, blockLength, 1);
    const { bufferSize = blockLength, openedAhead } = options;
    const opener = (dataset: Dataset<U>): Open<U> => {
      if (dataset instanceof Dataset) return dataset.open;
      throw new TypeError(`the function must give a Dataset, got ${dataset}`);
    };
    const inner = (element: T): Awaitable<Open<U>> => {
      const dataset = fn(element);
      return isThenable(dataset) ? dataset.then(opener) : opener(dataset);
    };
    const settings = {
      step,
      cycleLength,
      blockLength,
      numParallelCalls,
      deterministic,
      bufferSize,
      openedAhead,
    };
    return new Dataset(interleaved(this.open, inner, settings), {
      cardinality: this.cardinality === 0 ? 0 : undefined,
    });
  }

  /** The elements of this dataset, then those of another. */
  concatenate<U>(other: Dataset<U>): Dataset<T | U> {
    checkDatasets('concatenate', [other]);
    const sum =
      this.cardinality === undefined || other.cardinality === undefined
        ? undefined
        : this.cardinality + other.cardinality;
    return new Dataset(concatenated<T | U>([this.open, other.open]), { cardinality: sum });
  }

  /**
   * Shuffles within a buffer: a buffer of at least the dataset's length gives any order with equal probability. Memory
   * grows with the elements that come, to `bufferSize` of them at most.
   *
   * Going on from a state takes the elements of the buffer from the source again, and computes no others.
   */
  shuffle(bufferSize: number, options: ShuffleOptions): Dataset<T> {
    checkCount('shuffle: bufferSize', bufferSize, 1);
    const { seed, reshuffleEachIteration = true } = options;
    checkCount('shuffle: seed', seed, 0);
    return this.#same(shuffled(this.open, { bufferSize, seed, reshuffle: reshuffleEachIteration }));
  }

  /** `shuffle`, then `repeat`: each time over in a new order. */
  shuffleAndRepeat(bufferSize: number, options: { seed: number; count?: number | undefined }): Dataset<T> {
    return this.shuffle(bufferSize, { seed: options.seed }).repeat(options.count);
  }

  /**
   * Puts `size` elements together. Tensors of one shape and dtype become a tensor with an axis in front; tuples and
   * records that hold tensors stay what they are, with each part put together; all else, such as numbers, texts and
   * records of them, becomes a list.
   *
   * @param options.dropRemainder leave out a last batch that is not full; by default it is given
   * @throws {ElementError} while reading, when an element is not like the first of its batch
   * @example Dataset.fromTensorSlices({ image, label }).batch(32) // { image: [32, 28, 28], label: [32] }
   * @example Dataset.range(5).batch(2) // [0, 1], [2, 3], [4]
   */
  batch(size: number, options: { dropRemainder?: boolean | undefined } = {}): Dataset<Batched<T>> {
    checkCount('batch: size', size, 1);
    const { dropRemainder = false } = options;
    const { cardinality } = this;
    const round = dropRemainder ? Math.floor : Math.ceil;
    return new Dataset(batched(this.open, size, dropRemainder), {
      cardinality: cardinality === undefined ? undefined : round(cardinality / size),
      spec: async () => {
        const spec = await this.spec();
        return spec === undefined ? undefined : batchedSpec(spec, dropRemainder ? size : 'batch');
      },
    });
  }

  /** The elements of batches: what `batch` put together, one by one. */
  unbatch(): Dataset<Sliced<T>> {
    return new Dataset(unbatched(this.open), { cardinality: this.cardinality === 0 ? 0 : undefined });
  }

  /** Batches of another size. */
  rebatch(size: number, options: { dropRemainder?: boolean | undefined } = {}): Dataset<Batched<Sliced<T>>> {
    checkCount('rebatch: size', size, 1);
    return this.unbatch().batch(size, options);
  }

  /** `map`, then `batch`. As many calls as a batch has elements may wait at a time, unless `numParallelCalls` says. */
  mapAndBatch<U>(
    fn: (element: T) => U | Promise<U>,
    options: ParallelOptions & { readonly batchSize: number; readonly dropRemainder?: boolean | undefined },
  ): Dataset<Batched<U>> {
    const { batchSize, dropRemainder, numParallelCalls = batchSize, deterministic } = options;
    checkCount('mapAndBatch: batchSize', batchSize, 1);
    return this.map(fn, { numParallelCalls, deterministic }).batch(batchSize, { dropRemainder });
  }

  /** Reads the dataset `count` times over, each time as the next epoch; without `count`, without end. */
  repeat(count?: number): Dataset<T> {
    if (count !== undefined) checkCount('repeat: count', count, 0);
    const passes = count ?? Number.POSITIVE_INFINITY;
    return this.#same(repeated(this.open, passes), times(this.cardinality, passes));
  }

  /** The first `count` elements. */
  take(count: number): Dataset<T> {
    checkCount('take: count', count, 0);
    const { cardinality } = this;
    return new Dataset(taken(this.open, count), {
      cardinality: count === 0 ? 0 : cardinality === undefined ? undefined : Math.min(cardinality, count),
      spec: this.spec,
    });
  }

  /** All but the first `count` elements, which are not computed where the steps before need not. */
  skip(count: number): Dataset<T> {
    checkCount('skip: count', count, 0);
    const { cardinality } = this;
    return this.#same(
      spaced('skip', this.open, count, 1),
      cardinality === undefined ? undefined : Math.max(cardinality - count, 0),
    );
  }

  /**
   * The part `index` of `numShards`: every element whose number leaves the rest `index`. The others are not computed
   * where the steps before need not. Shard before shuffling, so that parts do not overlap.
   */
  shard(numShards: number, index: number): Dataset<T> {
    checkCount('shard: numShards', numShards, 1);
    if (checkCount('shard: index', index, 0) >= numShards) {
      throw new UsageError(`shard: index must be below numShards (${numShards}), got ${index}`);
    }
    const { cardinality } = this;
    return this.#same(
      spaced('shard', this.open, index, numShards),
      cardinality === undefined ? undefined : Math.max(0, Math.ceil((cardinality - index) / numShards)),
    );
  }

  /** Elements with their numbers: [number, element]. */
  enumerate(start = 0): Dataset<[number, T]> {
    checkCount('enumerate: start', start, 0);
    return new Dataset(numbered(this.open, start), { cardinality: this.cardinality });
  }

  /** Makes up to `bufferSize` elements in the background, before they are asked for. AUTOTUNE: up to 32. */
  prefetch(bufferSize: Amount): Dataset<T> {
    return this.#same(prefetched(this.open, checkAmount('prefetch: bufferSize', bufferSize, 1)));
  }

  /**
   * Keeps the elements of the first pass that is read to its end, and gives them from then on. They are always those of
   * epoch 0: a shuffle belongs behind the cache. A pass in which an element failed is not kept.
   *
   * @param folder where to keep them, in files of about 16 MB, for later processes too; it appears when it is complete,
   *   and has to be removed by hand when the steps before change. Default: in memory, as they are, not copied
   * @throws {DataError} while reading, when the folder holds what is damaged, or another number of elements
   */
  cache(folder?: string): Dataset<T> {
    if (folder === '') throw new UsageError('cache: the folder’s path is empty');
    const store = folder === undefined ? new MemoryStore<T>() : new FolderStore<T>(folder, this.cardinality);
    return this.#same(cached(this.open, store));
  }

  /**
   * Leaves out elements that fail, and counts them: files that vanished or are damaged, functions that throw. A batch
   * with such an element fails, so it belongs before `batch`.
   */
  ignoreErrors(options: { into?: IgnoredErrors | undefined } = {}): Dataset<T> {
    return new Dataset(tolerant(this.open, options.into), {
      cardinality:
        this.cardinality === 0 || this.cardinality === Number.POSITIVE_INFINITY
          ? this.cardinality
          : undefined,
      spec: this.spec,
    });
  }

  /**
   * Options for all steps before.
   *
   * @param options.deterministic whether elements keep their order, in steps that do not say it themselves; true by default
   * @param options.threads the most calls that a step may run at a time, whatever its `numParallelCalls`
   */
  withOptions(options: { deterministic?: boolean | undefined; threads?: number | undefined }): Dataset<T> {
    const { deterministic, threads } = options;
    if (threads !== undefined) checkCount('withOptions: threads', threads, 1);
    return this.#same((context, state) =>
      this.open(
        {
          ...context,
          deterministic: deterministic ?? context.deterministic,
          threads: threads ?? context.threads,
        },
        state,
      ),
    );
  }

  /** `fn(this)`, to write a chain of steps as a function: `images.apply(standardized).batch(32)`. */
  apply<U>(fn: (dataset: this) => U): U {
    return fn(this);
  }
}

/** The cardinality of `passes` passes; nothing, however often, is nothing. */
function times(cardinality: number | undefined, passes: number): number | undefined {
  if (cardinality === 0 || passes === 0) return 0;
  return cardinality === undefined ? undefined : cardinality * passes;
}

function checkParallel(step: string, { numParallelCalls }: ParallelOptions): void {
  if (numParallelCalls !== undefined) checkAmount(`${step}: numParallelCalls`, numParallelCalls, 1);
}

function checkDatasets(what: string, datasets: readonly unknown[]): void {
  if (datasets.length === 0) throw new UsageError(`${what} needs at least one dataset, got none`);
  for (const dataset of datasets) {
    if (!(dataset instanceof Dataset)) throw new UsageError(`${what} takes datasets, got ${dataset}`);
  }
}
