import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileVersionRecord, type SummaryValue, summaryRecord } from '../../codecs/event-file.ts';
import { errorCode, type SystemError, UsageError } from '../../core/errors.ts';
import { makeFolder, sync, writeFailed } from '../../core/files.ts';
import type { Tensor } from '../../core/tensor.ts';
import { histogramBuckets } from './histogram-buckets.ts';
import { encodePngs } from './png.ts';

/** More than this is not kept in memory, but written. */
const pendingLimit = 2 ** 16;

/** Tells apart the files of one process and second. */
let filesMade = 0;

type Method = 'scalars' | 'histogram' | 'image' | 'text';

export interface SummaryWriterOptions {
  /** The clock, in milliseconds since 1970. Default `Date.now` */
  readonly now?: () => number;
}

/**
 * What a training writes for TensorBoard: an event file in a folder, named as TensorFlow names them, and made with the
 * first summary. `tensorboard --logdir FOLDER` shows it while it grows; evaluations go to a folder within,
 * `FOLDER/eval`, and a writer of their own. https://www.tensorflow.org/api_docs/python/tf/summary
 *
 * Summaries are kept in memory, 64 KiB at most, then written. When writing fails, the next `flush` and every one after
 * it throws why; what is given from then on is dropped.
 *
 * @example
 * const summaries = await SummaryWriter.open('runs/oct');
 * summaries.scalars(100, { loss: 0.31, accuracy: 0.9 });
 * await summaries.close();
 */
export class SummaryWriter {
  readonly #folder: string;
  readonly #now: () => number;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #file: OpenFile | undefined;
  /** Ends when all images that were given are PNGs; never rejects. */
  #encoding: Promise<void> = Promise.resolve();
  /** Ends when all is written that was to be; never rejects. */
  #writing: Promise<void> = Promise.resolve();
  #failure: SystemError | undefined;
  #closing: Promise<void> | undefined;
  /** By tag, what it was given to. */
  readonly #methods = new Map<string, Method>();

  private constructor(folder: string, now: () => number) {
    this.#folder = folder;
    this.#now = now;
  }

  /**
   * Makes the folder, and those that it stands in.
   *
   * @throws {SystemError} when the system refuses
   */
  static async open(folder: string, { now = Date.now }: SummaryWriterOptions = {}): Promise<SummaryWriter> {
    await makeFolder(folder);
    return new SummaryWriter(folder, now);
  }

  /**
   * Numbers by their tags, kept in float32 as TensorFlow does, not finite ones too.
   *
   * @param step a whole number, 0 or greater, here and below
   * @throws {UsageError} for a step that is none, a tag of another kind of summary, and after `close`, here and below
   */
  scalars(step: number, values: Readonly<Record<string, number>>): void {
    const scalars = Object.entries(values).map(
      ([tag, value]) => ({ plugin: 'scalars', tag, value }) as const,
    );
    this.#check('scalars', step, Object.keys(values));
    if (scalars.length > 0) this.#add(step, scalars);
  }

  /** How values are distributed, of any number: 30 buckets of equal width. NaN and infinite values are left out. */
  histogram(step: number, tag: string, values: Float32Array | Float64Array): void {
    this.#check('histogram', step, [tag]);
    this.#add(step, [{ plugin: 'histograms', tag, buckets: histogramBuckets(values) }]);
  }

  /**
   * Images [height, width, channels], grey (1) or RGB (3), all of one size. They are not to be changed before this ends.
   *
   * @throws {UsageError} when there is none, or one is no such image
   */
  async image(step: number, tag: string, images: readonly Tensor<'uint8'>[]): Promise<void> {
    this.#check('image', step, [tag]);
    const wallTime = this.#seconds();
    const before = this.#encoding;
    const added = encodePngs(tag, images).then(async (encoded) => {
      await before; // so that a tag's steps stand in their order
      this.#add(step, [{ plugin: 'images', tag, ...encoded }], wallTime);
    });
    this.#encoding = added.catch(() => before);
    await added;
  }

  /** Text in Markdown. What stays the same for a training, as its configuration, belongs to step 0. */
  text(step: number, tag: string, markdown: string): void {
    this.#check('text', step, [tag]);
    this.#add(step, [{ plugin: 'text', tag, markdown }]);
  }

  /**
   * Ends when all that was given so far is on disk.
   *
   * @throws {SystemError} when it could not be written, says why and what to do
   */
  async flush(): Promise<void> {
    await this.#encoding;
    this.#startWriting(true);
    await this.#writing;
    if (this.#failure) throw this.#failure;
  }

  /**
   * Flushes, and closes the file.
   *
   * @throws {SystemError} as `flush` does
   */
  close(): Promise<void> {
    this.#closing ??= this.flush().finally(() => this.#file?.handle.close());
    return this.#closing;
  }

  #seconds(): number {
    return this.#now() / 1000;
  }

  #check(method: Method, step: number, tags: readonly string[]): void {
    const where = `SummaryWriter.${method}`;
    if (this.#closing) throw new UsageError(`${where}: the writer is closed`);
    if (!Number.isSafeInteger(step) || step < 0) {
      throw new UsageError(`${where}: the step must be a whole number, 0 or greater, got ${step}`);
    }
    for (const tag of tags) {
      const before = this.#methods.get(tag);
      if (before !== undefined && before !== method) {
        throw new UsageError(
          `${where}: the tag '${tag}' was given to ${before}, and TensorBoard shows one kind of summary by a tag: choose another`,
        );
      }
    }
    for (const tag of tags) this.#methods.set(tag, method);
  }

  #add(step: number, values: readonly SummaryValue[], wallTime = this.#seconds()): void {
    if (this.#failure) return;
    const record = summaryRecord({ wallTime, step, values });
    this.#pending.push(record);
    this.#pendingBytes += record.length;
    if (this.#pendingBytes > pendingLimit) this.#startWriting(false);
  }

  #startWriting(durable: boolean): void {
    const records = this.#pending;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#writing = this.#writing
      .then(() => (this.#failure ? undefined : this.#write(records, durable)))
      .catch((error: unknown) => {
        this.#failure = writeFailed(this.#file?.path ?? this.#folder, error);
      });
  }

  async #write(records: readonly Uint8Array[], durable: boolean): Promise<void> {
    if (records.length > 0) {
      if (!this.#file) {
        const wallTime = this.#seconds();
        this.#file = await createEventFile(this.#folder, wallTime);
        await writeFile(this.#file.handle, fileVersionRecord(wallTime));
        await sync(this.#folder); // so that the file's name outlasts a failure of power, too
      }
      await writeFile(this.#file.handle, records);
    }
    if (durable) await this.#file?.handle.sync();
  }
}

interface OpenFile {
  readonly path: string;
  readonly handle: FileHandle;
}

async function createEventFile(folder: string, wallTime: number): Promise<OpenFile> {
  const second = String(Math.floor(wallTime)).padStart(10, '0');
  for (;;) {
    const name = `events.out.tfevents.${second}.${hostname()}.${process.pid}.${filesMade++}`;
    const path = join(folder, name);
    try {
      return { path, handle: await open(path, 'ax') };
    } catch (error) {
      // A container that starts again has the same host and process ids.
      if (errorCode(error) !== 'EEXIST') throw error;
    }
  }
}
