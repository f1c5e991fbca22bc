import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { DataError, errorMessage } from '../core/errors.ts';
import type { LabelledImage } from '../datasets/labelled-image.ts';
import type { JobData } from './job-data.ts';

/** Files whose sizes are asked for at once. */
const askedAtOnce = 64;

/** What the images of a part are, wherever their folder is. */
export interface PartDigest {
  readonly images: number;
  /** SHA-256, in hexadecimal, of a line for each file: its name, its label and its size. */
  readonly sha256: string;
}

/** By what it is known that data are still the same. */
export async function digestOf({
  train,
  validation,
  test,
}: Pick<JobData, 'train' | 'validation' | 'test'>): Promise<Readonly<Record<string, PartDigest>>> {
  return {
    train: await partDigest(train),
    validation: await partDigest(validation),
    test: await partDigest(test),
  };
}

async function partDigest(images: readonly LabelledImage[]): Promise<PartDigest> {
  const hash = createHash('sha256');
  for (let at = 0; at < images.length; at += askedAtOnce) {
    const some = images.slice(at, at + askedAtOnce);
    const sizes = await Promise.all(some.map(({ path }) => sizeOf(path)));
    for (const [i, { name, label }] of some.entries()) hash.update(`${name}\t${label}\t${sizes[i]}\n`);
  }
  return { images: images.length, sha256: hash.digest('hex') };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    throw new DataError(`${path} cannot be read any more: ${errorMessage(error)}`, { cause: error });
  }
}
