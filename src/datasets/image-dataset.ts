import { createHash } from 'node:crypto';
import { UsageError } from '../core/errors.ts';
import { type Tensor, tensor, zeros } from '../core/tensor.ts';
import { BufferPool, gatherRows } from '../data/buffers.ts';
import { Dataset } from '../data/dataset.ts';
import type { ImagePool } from '../images/pool.ts';
import type { ResizeMethod } from '../images/resize.ts';
import { defaultViewRanges, plainView, type ViewRanges, viewOf } from '../images/views.ts';
import type { LabelledImage } from './labelled-image.ts';

/** Some images to learn from. Their pixels are read when they are asked for, which kept features may make needless. */
export interface ImageBatch {
  /** [n], what identifies the pixels: file, view, size */
  readonly keys: readonly string[];
  /** Reads the pixels: [n, height, width, channels], 0 to 255, in memory of the caller's. */
  readonly inputs: () => Promise<Tensor<'uint8'>>;
  /** Takes the memory of pixels back, for a later batch. */
  readonly recycle: (buffer: ArrayBuffer) => void;
  /** [n, classes], one-hot */
  readonly targets: Tensor<'float32'>;
  /** [n], class indices */
  readonly labels: Int32Array;
  /** [n], absolute paths */
  readonly files: readonly string[];
  /** [n], places in the list that the dataset was made of */
  readonly indices: Int32Array;
  /** [n], which view of its image each is; 0 is plain */
  readonly views: Int32Array;
}

/** Views of each image, for training. */
export interface DatasetViews {
  readonly seed: number;
  /** How many views of an image there are: plain, mirrored, and from the third on random ones. */
  readonly count: number;
  /**
   * `'all'`: each epoch holds every view of every image. `'one'`: epoch e holds view e, modulo `count`, of every image;
   * a `count` of `Infinity` never repeats one.
   */
  readonly perEpoch: 'all' | 'one';
  /** `defaultViewRanges` unless given. */
  readonly ranges?: ViewRanges;
}

export interface ImageDatasetOptions {
  readonly pool: ImagePool;
  /** How many classes there are. */
  readonly classes: number;
  /** Pixels. */
  readonly height: number;
  readonly width: number;
  /** 1 grey, 3 RGB (grey repeated) */
  readonly channels: 1 | 3;
  /** `'bilinear'` (antialiased) by default */
  readonly resize?: ResizeMethod;
  /** 32 by default */
  readonly batchSize?: number;
  /** Leave out a last batch that is not full. */
  readonly dropRemainder?: boolean;
  /** A new order each epoch, by this seed; without it the order is that of the images. */
  readonly shuffleSeed?: number;
  /** The plain view only, unless given. */
  readonly views?: DatasetViews;
  /** Where batches get their buffers. */
  readonly buffers?: BufferPool;
}

/**
 * Batches of labelled images, read in the pool's threads and gathered into one buffer each.
 *
 * The same images, options and epoch give the same batches, bit for bit, whatever the number of threads.
 *
 * @throws {DataError} while pixels are read, when a file cannot be (any more): `checkImages` finds those before
 * @throws {UsageError} when an option makes no sense
 * @example
 * const batches = imageDataset(train, { pool, classes: 4, height: 224, width: 224, channels: 1, batchSize: 16, shuffleSeed: 1 });
 * await model.fitDataset(batches, { epochs: 6 });
 */
export function imageDataset(
  images: readonly LabelledImage[],
  options: ImageDatasetOptions,
): Dataset<ImageBatch> {
  const { pool, classes, height, width, channels, resize = 'bilinear', views } = options;
  const { batchSize = 32, dropRemainder = false, shuffleSeed, buffers = new BufferPool() } = options;
  const request = { height, width, channels, resize };
  const look = views && { seed: views.seed, ranges: views.ranges ?? defaultViewRanges };
  const tag = (...parts: unknown[]): string =>
    createHash('sha1').update(JSON.stringify(parts)).digest('hex').slice(0, 8);
  const [plainTag, viewTag] = [tag(request), tag(request, look)];

  const read = async (rows: readonly ChosenView[]): Promise<Tensor<'uint8'>> => {
    const pixels = await Promise.all(
      rows.map(({ index, view }) => {
        const { path, name } = images[index]!;
        return pool.read({
          ...request,
          path,
          view: look ? viewOf(look.seed, name, view, look.ranges) : plainView,
        });
      }),
    );
    const buffer = buffers.take(rows.length * height * width * channels);
    return tensor('uint8', [rows.length, height, width, channels], gatherRows(pixels, buffer));
  };

  const chosen = chooseViews(images, views);
  const ordered =
    shuffleSeed === undefined
      ? chosen
      : chosen.shuffle(Math.max(chosen.cardinality!, 1), { seed: shuffleSeed });
  return ordered.batch(batchSize, { dropRemainder }).map((rows): ImageBatch => {
    const labels = Int32Array.from(rows, ({ index }) => images[index]!.label);
    return {
      keys: rows.map(
        ({ index, view }) => `${images[index]!.path} ${view} ${view === 0 ? plainTag : viewTag}`,
      ),
      inputs: () => read(rows),
      recycle: (buffer) => buffers.give(buffer),
      targets: oneHot(labels, classes),
      labels,
      files: rows.map(({ index }) => images[index]!.path),
      indices: Int32Array.from(rows, ({ index }) => index),
      views: Int32Array.from(rows, ({ view }) => view),
    };
  });
}

/** A row for each label, 1 at the label and 0 elsewhere. */
function oneHot(labels: Int32Array, classes: number): Tensor<'float32'> {
  const rows = zeros('float32', [labels.length, classes]);
  for (const [i, label] of labels.entries()) rows.data[i * classes + label] = 1;
  return rows;
}

interface ChosenView {
  readonly index: number;
  readonly view: number;
}

/** Which views of which images an epoch holds, in order: all views of the first image, then those of the next. */
function chooseViews(images: readonly LabelledImage[], views: DatasetViews | undefined): Dataset<ChosenView> {
  const count = views?.count ?? 1;
  const endless = count === Number.POSITIVE_INFINITY && views?.perEpoch === 'one';
  if (!endless && (!Number.isInteger(count) || count < 1)) {
    throw new UsageError(`views: count must be a whole number from 1 on, got ${count}`);
  }
  if (views?.perEpoch === 'one') {
    const of = (epoch: number): number => (endless ? epoch : epoch % count);
    return Dataset.fromGenerator((epoch) => images.map((_, index) => ({ index, view: of(epoch) })), {
      cardinality: images.length,
    });
  }
  return Dataset.fromArray(
    images.flatMap((_, index) => Array.from({ length: count }, (_, view) => ({ index, view }))),
  );
}
