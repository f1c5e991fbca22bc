import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { ComputeError, DataError, errorMessage, UsageError } from '../core/errors.ts';
import { packageFile } from '../core/package.ts';
import type { ImageInfo } from './open.ts';
import { checkOps, type Draw, type ImageOp } from './ops.ts';
import type { Pixels } from './pixels.ts';
import type { ReadRequest, Reply, Task, TaskResult } from './protocol.ts';
import { resizeMethods } from './resize.ts';
import { type ImageSource, nameOf } from './source.ts';
import { viewOps } from './view-ops.ts';

interface Job {
  readonly task: Task;
  readonly resolve: (result: TaskResult) => void;
  readonly reject: (error: Error) => void;
}

/** A started worker and the jobs that it has, by number. */
interface Station {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
}

/** A second job waits at the worker, so that it never idles while an answer travels. */
const jobsPerWorker = 2;
const mostThreads = 8;

export interface RunOptions extends Partial<Draw> {
  /** Where the pixels are put, when they are to lie in memory of the caller's: a part of a batch, say. */
  readonly into?: Uint8Array | Uint16Array | Float32Array;
}

/**
 * Reads images in worker threads: files in, pixels of the wanted size out. Threads start when they are needed, and keep
 * the process alive only while they work.
 *
 * @example
 * const pool = new ImagePool({ threads: 2 });
 * const { data } = await pool.run('a.jpeg', [ops.resize({ height: 224, width: 224, antialias: true })]);
 * await pool.close();
 */
export class ImagePool {
  /** How many worker threads there are at most. */
  readonly threads: number;
  readonly #stations: Station[] = [];
  readonly #unsettled = new Set<Promise<TaskResult>>();
  #queue: Job[] = [];
  #next = 0;
  #closed = false;
  #failure: Error | undefined;

  /**
   * @param options.threads how many worker threads; by default one a processor, 8 at most
   * @throws {UsageError} when `threads` is not a whole number from 1 on
   */
  constructor(options: { threads?: number } = {}) {
    this.threads = options.threads ?? Math.min(availableParallelism(), mostThreads);
    checkCount('ImagePool: threads', this.threads);
  }

  /**
   * Decodes an image and does operations to it.
   *
   * @param source a path, a file's bytes, or pixels
   * @param ops `ops` makes them; without a `decodeImage` at their head, a file is decoded as it is by default
   * @param options.seed by which random operations draw
   * @param options.element for which they draw: the same seed and element give the same pixels, whatever the thread
   * @returns [height, width, channels] of the image that the operations leave: of 8 or 16 bits in levels to the nearest;
   *   float32 after `convertImageDtype`, `toFloats` or `perImageStandardization`
   * @throws {DataError} names the file and says why it cannot be read, or does not allow an operation
   * @throws {UsageError} when an operation makes no sense, or `into` has another type or length
   */
  async run(
    source: ImageSource | Pixels,
    ops: readonly ImageOp[],
    { seed, element, into }: RunOptions = {},
  ): Promise<Pixels> {
    const draw = drawOf(seed, element);
    const checked = checkOps(ops, draw);
    if (checked[0]?.op === 'decodeImage' && isPixels(source)) {
      throw new UsageError('operation 0, decodeImage: these are pixels already');
    }
    const pixels = (await this.#submit({ kind: 'run', source, ops: checked, draw })) as Pixels;
    return into ? putInto(pixels, into) : pixels;
  }

  /**
   * Decodes an image, applies the view, and resizes it.
   *
   * @returns [height, width, channels], in a buffer of its own
   * @throws {DataError} names the file and says why it cannot be read
   * @throws {UsageError} when the request makes no sense
   */
  async read(request: ReadRequest): Promise<Uint8Array<ArrayBuffer>> {
    checkCount('height', request.height);
    checkCount('width', request.width);
    if (request.channels !== 1 && request.channels !== 3) {
      throw new UsageError(`channels must be 1 (grey) or 3 (RGB), got ${request.channels}`);
    }
    if (!resizeMethods.includes(request.resize)) {
      throw new UsageError(`resize must be one of ${resizeMethods.join(', ')}, got ${request.resize}`);
    }
    return (await this.run(request.path, viewOps(request))).data as Uint8Array<ArrayBuffer>;
  }

  /**
   * Reads an image's header: size, channels, format.
   *
   * @throws {DataError} names the file and says why it cannot be read
   */
  async probe(source: ImageSource): Promise<ImageInfo> {
    return (await this.#submit({ kind: 'probe', source })) as ImageInfo;
  }

  /**
   * Decodes the whole image, and returns what its header says: what passes can be read.
   *
   * @throws {DataError} names the file and says why it cannot be read
   */
  async check(source: ImageSource): Promise<ImageInfo> {
    return (await this.#submit({ kind: 'check', source })) as ImageInfo;
  }

  /** Refuses what waits, lets what runs end, and ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    const waiting = this.#queue;
    this.#queue = [];
    for (const job of waiting) job.reject(closedError());
    // A thread is ended only between jobs: native code may be running within one.
    await Promise.allSettled(this.#unsettled);
    await Promise.all(this.#stations.map(({ worker }) => worker.terminate()));
  }

  #submit(task: Task): Promise<TaskResult> {
    if (this.#closed) return Promise.reject(closedError());
    if (this.#failure) return Promise.reject(this.#failure);
    const answer = new Promise<TaskResult>((resolve, reject) => {
      this.#queue.push({ task, resolve, reject });
    });
    const settled = (): boolean => this.#unsettled.delete(answer);
    this.#unsettled.add(answer);
    answer.then(settled, settled);
    this.#dispatch();
    return answer;
  }

  #dispatch(): void {
    while (this.#queue.length > 0) {
      const station = this.#freeStation();
      if (!station) return;
      const job = this.#queue.shift()!;
      const id = this.#next++;
      if (station.jobs.size === 0) station.worker.ref();
      station.jobs.set(id, job);
      station.worker.postMessage({ id, task: job.task });
    }
  }

  /** The worker with the fewest jobs, or a new one where all are busy and more are allowed. */
  #freeStation(): Station | undefined {
    const [first, ...others] = this.#stations;
    const idlest = others.reduce<Station | undefined>(
      (best, other) => (best && best.jobs.size <= other.jobs.size ? best : other),
      first,
    );
    if (idlest?.jobs.size === 0) return idlest;
    if (this.#stations.length < this.threads) return this.#start();
    return idlest && idlest.jobs.size < jobsPerWorker ? idlest : undefined;
  }

  #start(): Station {
    const worker = new Worker(packageFile('dist/images/worker.js'));
    const station: Station = { worker, jobs: new Map() };
    worker.on('message', (reply: Reply) => this.#finish(station, reply));
    worker.on('error', (error) => this.#fail(errorMessage(error)));
    worker.on('exit', (status) => {
      if (!this.#closed) this.#fail(`it ended with status ${status}`);
    });
    this.#stations.push(station);
    return station;
  }

  #finish(station: Station, reply: Reply): void {
    const job = station.jobs.get(reply.id)!;
    station.jobs.delete(reply.id);
    if (station.jobs.size === 0) station.worker.unref();
    if ('result' in reply) job.resolve(reply.result);
    else if (reply.error.data) job.reject(new DataError(reply.error.message));
    else job.reject(new ComputeError(`${taskName(job.task)}: reading it failed: ${reply.error.message}`));
    this.#dispatch();
  }

  /** A worker broke down: nothing that was asked of the pool will be answered any more. */
  #fail(why: string): void {
    if (this.#failure) return;
    this.#failure = new ComputeError(`a worker thread that reads images broke down: ${why}`);
    const lost = [...this.#queue, ...this.#stations.flatMap(({ jobs }) => [...jobs.values()])];
    this.#queue = [];
    for (const { jobs } of this.#stations) jobs.clear();
    for (const job of lost) job.reject(this.#failure);
  }
}

function isPixels(source: ImageSource | Pixels): source is Pixels {
  return typeof source === 'object' && 'dtype' in source;
}

function taskName({ source }: Task): string {
  return isPixels(source) ? 'image' : nameOf(source);
}

function drawOf(seed: number | undefined, element: Draw['element'] | undefined): Draw | undefined {
  if (seed === undefined && element === undefined) return undefined;
  if (!Number.isSafeInteger(seed) || seed! < 0) {
    throw new UsageError(`seed must be a whole number from 0 on, got ${seed}`);
  }
  if (element === undefined) throw new UsageError('element is missing: say for which image the seed draws');
  return { seed: seed!, element };
}

function putInto(pixels: Pixels, into: NonNullable<RunOptions['into']>): Pixels {
  const { data } = pixels;
  if (into.constructor !== data.constructor || into.length !== data.length) {
    throw new UsageError(
      `into must be ${data.constructor.name} of ${data.length} numbers, got ${into.constructor.name} of ${into.length}`,
    );
  }
  into.set(data);
  return { ...pixels, data: into } as Pixels;
}

function closedError(): ComputeError {
  return new ComputeError('the pool of threads that read images was closed');
}

function checkCount(what: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new UsageError(`${what} must be a whole number from 1 on, got ${value}`);
  }
}
