import { DataError } from '../core/errors.ts';
import { deriveKey, RandomStream } from '../core/random.ts';
import { floats, type Tensor, tensor } from '../core/tensor.ts';
import { Dataset } from '../data/dataset.ts';
import { oneHot } from '../data/labels.ts';
import { ops } from '../images/ops.ts';
import { ImagePool } from '../images/pool.ts';
import { pixelsTensor } from '../images/tensors.ts';
import { classFolders, filesBelow, filesOfClasses, type IndexedFile } from './directory-index.ts';
import {
  channelsOf,
  type ImageDirectoryOf,
  type ImageDirectoryOptions,
  type Settings,
  settingsOf,
} from './image-directory-options.ts';

/** The files that Keras takes for images. */
const formats = ['.bmp', '.gif', '.jpeg', '.jpg', '.png'];

/** Batches that are made before they are asked for. */
const batchesAhead = 2;

const where = 'imageDatasetFromDirectory';

let shared: ImagePool | undefined;

/**
 * The images of a folder that has a folder for each class, in batches: float32 levels from 0 to 255, [n, height, width,
 * channels], with their labels. Files that end in .bmp, .gif, .jpeg, .jpg or .png are read, at any depth; the folder is
 * listed now, and images are decoded as batches are asked for, in threads, upright as their EXIF entry says.
 * https://keras.io/api/data_loading/image/#imagedatasetfromdirectory-function
 *
 * @returns elements `[images, labels]`, or images alone without labels; `fitDataset` and `evaluateDataset` take them
 * @throws {DataError} when the folder cannot be read, has no images or not the classes that are asked for, or labels do
 *   not fit the files; while reading, names the file that is no image
 * @throws {UsageError} when options make no sense
 * @example
 * const [train, validation] = await imageDatasetFromDirectory('eyes', {
 *   labelMode: 'categorical', imageSize: 224, validationSplit: 0.2, subset: 'both', seed: 1,
 * });
 * console.log(train.classNames); // ['CNV', 'DME', 'DRUSEN', 'NORMAL']
 * await net.fitDataset(train, { epochs: 5, validationData: validation });
 */
export async function imageDatasetFromDirectory<const O extends ImageDirectoryOptions = Record<never, never>>(
  directory: string,
  options: O = {} as O,
): Promise<ImageDirectoryOf<O>> {
  const settings = settingsOf(options, where);
  const { shuffle, seed, validationSplit, subset } = settings;
  const { files, classNames } = await found(directory, settings);
  const order = shuffle ? shuffled(files, seed) : files;
  const dataset = (part: readonly IndexedFile[], reshuffle: boolean) =>
    Object.assign(datasetOf(part, classNames, settings, reshuffle), {
      classNames,
      filePaths: part.map(({ path }) => path),
    });
  if (validationSplit === undefined) return dataset(order, shuffle) as unknown as ImageDirectoryOf<O>;

  const cut = order.length - Math.trunc(validationSplit * order.length);
  const [training, validation] = [order.slice(0, cut), order.slice(cut)];
  if (training.length === 0 || validation.length === 0) {
    throw new DataError(
      `${where}: validationSplit ${validationSplit} of the ${order.length} images in ${directory} leaves none on one side`,
    );
  }
  const chosen =
    subset === 'both'
      ? [dataset(training, shuffle), dataset(validation, false)]
      : dataset(subset === 'training' ? training : validation, shuffle);
  return chosen as unknown as ImageDirectoryOf<O>;
}

interface Found {
  readonly files: readonly IndexedFile[];
  readonly classNames: readonly string[] | undefined;
}

async function found(directory: string, settings: Settings): Promise<Found> {
  const result = await listed(directory, settings);
  const { files, classNames } = result;
  if (files.length === 0)
    throw new DataError(`${where}: ${directory} holds no image: ${formats.join(', ')} are read`);
  if (settings.labelMode === 'binary') {
    const numbers = settings.labels === 'inferred' || classNames?.join() === '0,1';
    if (classNames?.length !== 2 || !numbers) {
      throw new DataError(
        `${where}: labelMode 'binary' is for two classes, 0 and 1, and ${directory} has ${classNames?.join(', ')}`,
      );
    }
  }
  return result;
}

async function listed(directory: string, { labels, classNames, followLinks }: Settings): Promise<Found> {
  const rules = { formats, followLinks };
  if (labels === 'inferred') {
    const folders = await classFolders(directory);
    const absent = classNames?.find((name) => !folders.includes(name));
    if (absent !== undefined) {
      throw new DataError(
        `${where}: ${directory} has no folder for the class '${absent}'; it has ${folders.join(', ') || 'none'}`,
      );
    }
    const names = classNames ?? folders;
    return { files: await filesOfClasses(directory, names, rules), classNames: names };
  }
  const paths = await filesBelow(directory, rules);
  if (labels === null) return { files: paths.map((path) => ({ path, label: 0 })), classNames: undefined };
  if (labels.length !== paths.length) {
    throw new DataError(
      `${where}: there must be a label for each of the ${paths.length} images in ${directory}, got ${labels.length}`,
    );
  }
  return {
    files: paths.map((path, i) => ({ path, label: labels[i]! })),
    classNames: [...new Set(labels)].sort((a, b) => a - b).map(String),
  };
}

/** So that a split takes images of all classes. */
function shuffled(files: readonly IndexedFile[], seed: number): IndexedFile[] {
  const order = new RandomStream(deriveKey(seed, 'image directory')).permutation(files.length);
  return Array.from(order, (i) => files[i]!);
}

function datasetOf(
  files: readonly IndexedFile[],
  classNames: readonly string[] | undefined,
  settings: Settings,
  reshuffle: boolean,
): Dataset<unknown> {
  const { labelMode, batchSize, seed, pool = sharedPool() } = settings;
  const looks = looksOf(settings);
  const read = async ({ path, label }: IndexedFile) => {
    const image = pixelsTensor(await pool.run(path, looks));
    return labelMode === null ? image : [image, labelAs(labelMode, label, classNames!.length)];
  };
  const rows = Dataset.fromArray(files);
  const ordered = reshuffle ? rows.shuffle(files.length, { seed }) : rows;
  const images: Dataset<unknown> = ordered.map(read, { numParallelCalls: 2 * pool.threads });
  return (batchSize === null ? images : images.batch(batchSize)).prefetch(batchesAhead);
}

function sharedPool(): ImagePool {
  shared ??= new ImagePool();
  return shared;
}

function looksOf(settings: Settings) {
  const { colorMode, imageSize, interpolation, cropToAspectRatio, padToAspectRatio } = settings;
  const [height, width] = imageSize;
  const fit = cropToAspectRatio ? 'crop' : padToAspectRatio ? 'pad' : 'stretch';
  return [
    ops.decodeImage({ channels: channelsOf[colorMode] }),
    ops.resize({ height, width, method: interpolation, fit }),
    ops.toFloats(),
  ];
}

function labelAs(mode: NonNullable<Settings['labelMode']>, label: number, classes: number): Tensor {
  if (mode === 'int') return tensor('int32', [], Int32Array.of(label));
  return mode === 'binary' ? floats([label]) : oneHot(label, classes);
}
