import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type ReadIdxOptions, readIdx } from '../codecs/idx.ts';
import { DataError, errorCode, errorMessage } from '../core/errors.ts';
import { elementCount, type Tensor } from '../core/tensor.ts';
import { cacheFolder } from './cache.ts';
import { type DownloadOptions, download } from './download.ts';

/** Images and their classes. A type, as an interface would be no record for `Dataset.fromTensorSlices`. */
export type ImagesAndLabels = {
  /** Pixels from 0 to 255, [images, height, width]. */
  readonly images: Tensor<'uint8'>;
  /** Indices into the class names, [images]. */
  readonly labels: Tensor<'uint8'>;
};

/** A data set as Keras divides it. */
export interface TrainAndTest {
  readonly train: ImagesAndLabels;
  readonly test: ImagesAndLabels;
}

export interface LoadDataOptions {
  /** A folder with the files under their published names, gzipped or plain. Default: they are downloaded, once. */
  readonly path?: string;
  /** Ends the loading with its reason. What has come of a download is kept, and taken up by the next call. */
  readonly signal?: AbortSignal;
  /** Hears how many bytes of all files are there, before and while they are downloaded. */
  readonly onProgress?: (received: number, total: number) => void;
}

interface PublishedFile {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

interface PublishedPart {
  readonly images: PublishedFile;
  readonly labels: PublishedFile;
}

/** A data set of grey images that is published as four gzipped IDX files. */
export interface Published {
  readonly name: string;
  /** Where it is kept, in the cache. */
  readonly folder: string;
  /** Addresses of folders that hold the files, with a slash at the end. */
  readonly mirrors: readonly string[];
  /** [height, width] */
  readonly imageShape: readonly [number, number];
  readonly classNames: readonly string[];
  readonly train: PublishedPart;
  readonly test: PublishedPart;
}

/** How patient a download is; the defaults are `download`'s. */
type Patience = Pick<DownloadOptions, 'attempts' | 'retryDelay' | 'stallTimeout'>;

const filesOf = ({ train, test }: Published): PublishedFile[] =>
  [train, test].flatMap(({ images, labels }) => [images, labels]);

/** Loads a data set from a folder, or from the cache, which is filled first. */
export async function loadPublished(
  published: Published,
  options: LoadDataOptions & Patience = {},
): Promise<TrainAndTest> {
  const { path, signal } = options;
  const locate =
    path === undefined
      ? await filledCache(published, options)
      : await namesInFolder(published, resolve(path));
  return {
    train: await readPart(published, published.train, locate, signal),
    test: await readPart(published, published.test, locate, signal),
  };
}

/** Where a file lies. */
type Locate = (file: PublishedFile) => string;

async function filledCache(published: Published, options: LoadDataOptions & Patience): Promise<Locate> {
  const { onProgress, ...rest } = options;
  const folder = join(cacheFolder(), published.folder);
  const locate: Locate = ({ name }) => join(folder, name);
  const files = filesOf(published);
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const names = files.map(({ name }) => name).join(', ');
  let done = 0;
  for (const file of files) {
    const { name, bytes, sha256 } = file;
    await download({
      ...rest,
      urls: published.mirrors.map((mirror) => mirror + name),
      path: locate(file),
      bytes,
      sha256,
      instead: `Without a network, fetch ${names} elsewhere, and put them into ${folder}, or into a folder that you give as loadData({ path })`,
      onProgress: onProgress && ((received) => onProgress(done + received, total)),
    });
    done += bytes;
    onProgress?.(done, total);
  }
  return locate;
}

async function namesInFolder(published: Published, folder: string): Promise<Locate> {
  if (!(await exists(folder))) throw new DataError(`${folder}: there is no such folder`);
  const paths = new Map<PublishedFile, string>();
  const missing: string[] = [];
  for (const file of filesOf(published)) {
    const gzipped = join(folder, file.name);
    const plain = gzipped.replace(/\.gz$/, '');
    if (await exists(gzipped)) paths.set(file, gzipped);
    else if (await exists(plain)) paths.set(file, plain);
    else missing.push(file.name);
  }
  if (missing.length > 0) {
    const from = published.mirrors.join(' or ');
    throw new DataError(
      `${folder} lacks ${missing.join(', ')} of ${published.name}: put them there, as they are or unpacked (without .gz), from ${from}`,
    );
  }
  return (file) => paths.get(file)!;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'ENOENT' || errorCode(error) === 'ENOTDIR') return false;
    throw new DataError(`cannot read ${path}: ${errorMessage(error)}`, { cause: error });
  }
}

async function readPart(
  { imageShape, classNames }: Published,
  part: PublishedPart,
  locate: Locate,
  signal: AbortSignal | undefined,
): Promise<ImagesAndLabels> {
  const bytes = { dtype: 'uint8', signal } as const satisfies ReadIdxOptions;
  const images = await readIdx(locate(part.images), { ...bytes, shape: ['images', ...imageShape] });
  const labels = await readIdx(locate(part.labels), { ...bytes, shape: ['images'] });
  const [count, labelCount] = [images.shape[0]!, elementCount(labels.shape)];
  if (count !== labelCount) {
    throw new DataError(
      `${locate(part.images)} holds ${count} images, but ${locate(part.labels)} ${labelCount} labels: they are not of one data set`,
    );
  }
  const wrong = labels.data.findIndex((label) => label >= classNames.length);
  if (wrong >= 0) {
    throw new DataError(
      `${locate(part.labels)}: label ${wrong} must lie in [0, ${classNames.length}), got ${labels.data[wrong]}`,
    );
  }
  return { images, labels };
}
