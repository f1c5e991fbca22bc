import { join, resolve } from 'node:path';
import { DataError } from '../core/errors.ts';
import { classFolders, entriesOf, folderAt } from './directory-index.ts';
import type { LabelledImage } from './labelled-image.ts';
import { patientOf } from './patients.ts';

/** The parts that a folder of images can be divided into. */
export type PartName = 'train' | 'validation' | 'test';

export interface LabelledFolder {
  /** Absolute. */
  readonly path: string;
  /** Sorted, as their folders are named; an image's label is an index into them. */
  readonly classNames: readonly string[];
  /** A folder of class folders is all `train`. Images are sorted by name. */
  readonly train: readonly LabelledImage[];
  readonly validation?: readonly LabelledImage[];
  readonly test?: readonly LabelledImage[];
  /** How patients are told apart: by numbers in the names, by file, or some so and some so. */
  readonly patients: 'numbers' | 'files' | 'both';
}

const partFolders: Record<string, PartName> = {
  train: 'train',
  val: 'validation',
  valid: 'validation',
  validation: 'validation',
  test: 'test',
};

/** The parts in the order in which they are read and shown. */
export const partNames: readonly PartName[] = ['train', 'validation', 'test'];

/**
 * Lists a folder with a folder for each class, or one with `train/` and `test/` (or `val/`) above those. Class folders
 * are searched to their depth. Hidden files (`.DS_Store`, `__MACOSX`) are passed over. No file is opened: `checkImages` tells
 * which ones are images.
 *
 * Images are of one patient where their names read CLASS-patient-number.ext (as in OCT2017) with the same number,
 * whatever the class; any other file is a patient of its own.
 *
 * @param options.classNames the classes of a model that is to be evaluated: labels are indices into these, and folders
 *   for some of them are enough
 * @throws {DataError} when the folder is missing or empty, holds fewer than two classes, a class without files, or a
 *   class that `train/` (or `classNames`) lacks
 * @example const { train, test, classNames } = await scanLabelledFolder('OCT2017');
 */
export async function scanLabelledFolder(
  path: string,
  options: { classNames?: readonly string[] } = {},
): Promise<LabelledFolder> {
  const root = resolve(path);
  const folders = await subfolders(root);
  const divided = folders.length > 0 && folders.every((name) => partFolders[name.toLowerCase()]);
  const found = new Map<PartName, ClassFiles[]>();
  for (const folder of divided ? folders : ['.']) {
    const part = divided ? partFolders[folder.toLowerCase()]! : 'train';
    if (found.has(part))
      throw new DataError(`${root} has two folders for the part '${part}': keep one of them`);
    found.set(part, await classFiles(join(root, folder)));
  }
  const classNames = options.classNames ?? trainClasses(root, found);
  const owner = options.classNames ? 'the model knows' : 'train/ has';
  for (const [part, classes] of found) {
    refuseUnknown(divided ? join(root, folderOf(folders, part)) : root, classes, classNames, owner);
  }

  const parts: Partial<Record<PartName, LabelledImage[]>> = {};
  let numbered = 0;
  let count = 0;
  for (const part of partNames) {
    const classes = found.get(part);
    if (!classes) continue;
    parts[part] = classes.flatMap(({ className, files }) =>
      files.map((file) => {
        const name = `${className}/${file}`;
        const number = patientOf(name, classNames);
        count++;
        if (number !== undefined) numbered++;
        return {
          path: join(root, divided ? folderOf(folders, part) : '', className, file),
          name,
          label: classNames.indexOf(className),
          patient: number ?? `${part}/${name}`,
        };
      }),
    );
  }
  const patients = numbered === count ? 'numbers' : numbered === 0 ? 'files' : 'both';
  return { path: root, classNames, train: [], ...parts, patients };
}

interface ClassFiles {
  readonly className: string;
  /** Within the class folder, with forward slashes, sorted. */
  readonly files: readonly string[];
}

function folderOf(folders: readonly string[], part: PartName): string {
  return folders.find((name) => partFolders[name.toLowerCase()] === part)!;
}

function trainClasses(root: string, found: ReadonlyMap<PartName, readonly ClassFiles[]>): string[] {
  const train = found.get('train');
  if (!train) throw new DataError(`${root} has no train/ beside ${[...found.keys()].join(' and ')}/: add it`);
  const names = train.map(({ className }) => className);
  if (names.length < 2) {
    throw new DataError(
      `${root} holds one class only, '${names[0]}': a folder for each of at least two classes is needed` +
        ` (if they lie within that one, give ${join(root, names[0]!)})`,
    );
  }
  return names;
}

function refuseUnknown(
  folder: string,
  classes: readonly ClassFiles[],
  known: readonly string[],
  owner: string,
): void {
  const unknown = classes.map(({ className }) => className).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const names = unknown.map((name) => `'${name}'`).join(', ');
  throw new DataError(
    `${folder} has the class ${names}, but ${owner} only ${known.join(', ')}: rename or remove it`,
  );
}

/** The class folders of a folder, sorted, and the files in each. */
async function classFiles(folder: string): Promise<ClassFiles[]> {
  const names = await subfolders(folder);
  if (names.length === 0) {
    throw new DataError(`${folder} holds no folders: put the images into one folder for each class`);
  }
  const classes: ClassFiles[] = [];
  for (const className of names) {
    const files = (await filesWithin(join(folder, className))).sort();
    if (files.length === 0) {
      throw new DataError(`${join(folder, className)} holds no images: fill the class, or remove its folder`);
    }
    classes.push({ className, files });
  }
  return classes;
}

/** The names of the folders in a folder, sorted; links to folders count. */
async function subfolders(folder: string): Promise<string[]> {
  return (await classFolders(folder)).filter(counts);
}

/** Not what systems leave in folders. */
const counts = (name: string): boolean => !name.startsWith('.') && name !== '__MACOSX';

/**
 * All files within a class folder. A link to a file is a file, also one that leads nowhere, which is found when it is
 * read; links to folders below a class are not followed, as they may lead in a circle.
 */
async function filesWithin(folder: string, prefix = ''): Promise<string[]> {
  const files: string[] = [];
  for (const entry of await entriesOf(folder)) {
    if (!counts(entry.name)) continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) files.push(...(await filesWithin(path, `${prefix}${entry.name}/`)));
    else if (!(entry.isSymbolicLink() && (await folderAt(path)))) files.push(prefix + entry.name);
  }
  return files;
}
