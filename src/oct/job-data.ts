import { relative } from 'node:path';
import { DataError } from '../core/errors.ts';
import { checkImages } from '../datasets/check-images.ts';
import { classCounts } from '../datasets/class-weights.ts';
import { type PartName, scanLabelledFolder } from '../datasets/labelled-folder.ts';
import type { LabelledImage } from '../datasets/labelled-image.ts';
import { leakedPatients, splitByPatient } from '../datasets/patients.ts';
import { samplesPath } from '../datasets/samples.ts';
import type { ImagePool } from '../images/pool.ts';
import type { DataEvent, DataPart, Listener } from './events.ts';
import { Rate } from './rate.ts';

/** The name of the data that ships. It wins over a folder of that name; `./sample` is the folder. */
const sampleName = 'sample';

/** The share that is held out for the test where the data has no such part. */
const testShare = 0.2;

export interface JobData {
  readonly classNames: readonly string[];
  readonly channels: 1 | 3;
  readonly train: readonly LabelledImage[];
  readonly validation: readonly LabelledImage[];
  readonly test: readonly LabelledImage[];
}

export interface JobDataOptions {
  readonly pool: ImagePool;
  readonly strict: boolean;
  readonly seed: number;
  /** The share of the training images that is held out to look at after each epoch. */
  readonly validationSplit: number;
  readonly signal: AbortSignal | undefined;
}

/** Finds, checks and divides the images of a folder, or of the sample, to train on them; tells what it found. */
export async function loadJobData(data: string, options: JobDataOptions, listen: Listener): Promise<JobData> {
  const { pool, strict, seed, validationSplit, signal } = options;
  const path = pathOf(data);
  const checked = await checkImages(await scanLabelledFolder(path), {
    pool,
    strict,
    onProgress: checkProgress(listen),
    signal,
  });
  let train = checked.train;
  let validation = checked.validation ?? [];
  let test = checked.test ?? [];
  if (!checked.test) ({ kept: train, heldOut: test } = splitByPatient(train, testShare, seed));
  if (validationSplit > 0) {
    if (validation.length > 0)
      listen({ event: 'note', message: 'the data has a validation part: --validation-split is not used' });
    else ({ kept: train, heldOut: validation } = splitByPatient(train, validationSplit, seed + 1));
  }
  refuseMissingClasses(train, checked.classNames);
  const split = checked.test ? 'folders' : checked.patients === 'files' ? 'files' : 'patients';
  const parts = { train, validation, test };
  listen(dataEvent(data, path, checked, parts, split));
  return { classNames: checked.classNames, channels: checked.channels, ...parts };
}

/** Held-out patients may be all that a small class has. */
function refuseMissingClasses(train: readonly LabelledImage[], classNames: readonly string[]): void {
  const missing = classNames.filter((_, label) => !train.some((image) => image.label === label));
  if (missing.length === 0) return;
  throw new DataError(
    `nothing of ${missing.join(', ')} is left to train on, once patients are held out: add images, or make a test/ part yourself`,
  );
}

/** The test part of a folder, or all of it, for a model that knows its classes. */
export async function loadTestData(
  data: string,
  classNames: readonly string[],
  { pool, strict, signal }: Pick<JobDataOptions, 'pool' | 'strict' | 'signal'>,
  listen: Listener,
): Promise<{ images: readonly LabelledImage[]; channels: 1 | 3 }> {
  const path = pathOf(data);
  const folder = await scanLabelledFolder(path, { classNames });
  const chosen = folder.test ?? (folder.train.length > 0 ? folder.train : (folder.validation ?? []));
  const only = { ...folder, train: [], validation: [], test: chosen };
  const checked = await checkImages(only, { pool, strict, onProgress: checkProgress(listen), signal });
  const parts = { train: [], validation: [], test: checked.test ?? [] };
  listen(dataEvent(data, path, { ...checked, classNames }, parts, 'folders'));
  return { images: parts.test, channels: checked.channels };
}

function pathOf(data: string): string {
  return data === sampleName ? samplesPath() : data;
}

function checkProgress(listen: Listener): (done: number, total: number) => void {
  const rate = new Rate();
  return (done, total) =>
    listen({ event: 'progress', stage: 'check', epoch: 1, epochs: 1, done, total, ...rate.at(done, total) });
}

interface Found {
  readonly classNames: readonly string[];
  readonly patients: DataEvent['patientsBy'];
  readonly unreadable: readonly { readonly path: string; readonly message: string }[];
}

function dataEvent(
  data: string,
  root: string,
  { classNames, patients, unreadable }: Found,
  parts: Readonly<Record<PartName, readonly LabelledImage[]>>,
  split: DataEvent['split'],
): DataEvent {
  const described = (Object.entries(parts) as [PartName, readonly LabelledImage[]][]).flatMap(
    ([part, images]): DataPart[] => {
      if (images.length === 0) return [];
      const perClass = [
        ...classCounts(
          images.map(({ label }) => label),
          classNames.length,
        ),
      ];
      return [
        {
          part,
          images: images.length,
          patients: new Set(images.map(({ patient }) => patient)).size,
          perClass,
        },
      ];
    },
  );
  return {
    event: 'data',
    data,
    classes: classNames,
    parts: described,
    patientsBy: patients,
    split,
    leakedPatients: leakedPatients([...parts.train, ...parts.validation], parts.test),
    unreadable: unreadable.map(({ path, message }) => ({ file: relative(root, path), reason: message })),
  };
}
