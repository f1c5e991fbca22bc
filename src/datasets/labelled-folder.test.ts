import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../core/errors.ts';
import { scanLabelledFolder } from './labelled-folder.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-folder-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

let folders = 0;
/** A folder of empty files. A path that ends in a slash is an empty folder. */
async function folderOf(...paths: string[]): Promise<string> {
  const folder = join(root, `${folders++}`);
  await mkdir(folder);
  for (const path of paths) {
    await mkdir(join(folder, path.endsWith('/') ? path : dirname(path)), { recursive: true });
    if (!path.endsWith('/')) await writeFile(join(folder, path), '');
  }
  return folder;
}

describe('scanLabelledFolder', () => {
  test('reads a folder of class folders, sorted, without hidden files', async () => {
    const folder = await folderOf(
      'dog/b.png',
      'cat/2.jpg',
      'cat/1.jpg',
      '.git/x',
      'dog/.DS_Store',
      '__MACOSX/cat/1.jpg',
      'notes.txt',
    );
    const scanned = await scanLabelledFolder(folder);
    expect(scanned.classNames).toEqual(['cat', 'dog']);
    expect(scanned.train.map(({ name, label }) => [name, label])).toEqual([
      ['cat/1.jpg', 0],
      ['cat/2.jpg', 0],
      ['dog/b.png', 1],
    ]);
    expect(scanned.train[2]!.path).toBe(join(folder, 'dog', 'b.png'));
    expect(scanned).not.toHaveProperty('test');
    expect(scanned.patients).toBe('files');
  });

  test('reads train, val and test above class folders', async () => {
    const folder = await folderOf(
      'train/a/1.jpg',
      'train/b/2.jpg',
      'val/b/3.jpg',
      'Test/a/4.jpg',
      'Test/b/5.jpg',
    );
    const { classNames, train, validation, test: tested } = await scanLabelledFolder(folder);
    expect(classNames).toEqual(['a', 'b']);
    expect(train.map(({ name }) => name)).toEqual(['a/1.jpg', 'b/2.jpg']);
    expect(validation!.map(({ name, label }) => [name, label])).toEqual([['b/3.jpg', 1]]);
    expect(tested!.map(({ path }) => path)).toEqual([
      join(folder, 'Test/a/4.jpg'),
      join(folder, 'Test/b/5.jpg'),
    ]);
  });

  test("a class may be called 'train', where other folders are no parts", async () => {
    const { classNames } = await scanLabelledFolder(await folderOf('train/1.jpg', 'plane/2.jpg'));
    expect(classNames).toEqual(['plane', 'train']);
  });

  test('searches class folders to their depth, and follows links to classes and files', async () => {
    const folder = await folderOf('a/x/y/1.jpg', 'a/2.jpg', 'b/3.jpg');
    await symlink(join(folder, 'a'), join(folder, 'linked'));
    await symlink(join(folder, 'a'), join(folder, 'a', 'circle'));
    await symlink(join(folder, 'nowhere'), join(folder, 'b', 'dangling.jpg'));
    const { classNames, train } = await scanLabelledFolder(folder);
    expect(classNames).toEqual(['a', 'b', 'linked']);
    expect(train.map(({ name }) => name)).toEqual([
      'a/2.jpg',
      'a/x/y/1.jpg',
      'b/3.jpg',
      'b/dangling.jpg',
      'linked/2.jpg',
      'linked/x/y/1.jpg',
    ]);
  });

  test('names with spaces, quotes and letters of any script work', async () => {
    const folder = await folderOf('it\'s a class/a "b".jpg', '网膜 é/图.jpg');
    const { classNames, train } = await scanLabelledFolder(folder);
    expect(classNames).toEqual(["it's a class", '网膜 é']);
    expect(train.map(({ path }) => path)).toEqual([
      join(folder, 'it\'s a class/a "b".jpg'),
      join(folder, '网膜 é/图.jpg'),
    ]);
  });

  test('the number in CLASS-patient-number.ext is the patient, whatever the class', async () => {
    const folder = await folderOf(
      'train/CNV/CNV-12-1.jpeg',
      'train/DME/DME-12-7.jpeg',
      'train/DME/DME-3-1.jpeg',
      'test/CNV/CNV-4-1.jpeg',
    );
    const { train, test: tested, patients } = await scanLabelledFolder(folder);
    expect(train.map(({ patient }) => patient)).toEqual(['12', '12', '3']);
    expect(tested!.map(({ patient }) => patient)).toEqual(['4']);
    expect(patients).toBe('numbers');
  });

  test('where only some names tell the patient, the others are patients of their own', async () => {
    const folder = await folderOf('train/a/a-1-1.jpg', 'train/b/x.jpg', 'test/b/x.jpg');
    const { train, test: tested, patients } = await scanLabelledFolder(folder);
    expect(patients).toBe('both');
    expect(new Set([...train, ...tested!].map(({ patient }) => patient)).size).toBe(3);
  });

  test('labels are those of a model that is evaluated; some of its classes are enough', async () => {
    const folder = await folderOf('test/b/1.jpg');
    const { train, test: tested, classNames } = await scanLabelledFolder(folder, { classNames: ['c', 'b'] });
    expect(tested!.map(({ label }) => label)).toEqual([1]);
    expect(train).toEqual([]);
    expect(classNames).toEqual(['c', 'b']);
  });
});

describe('refuses, and says where and what to do:', () => {
  test.each<[string, string[], string]>([
    ['an empty folder', [], 'holds no folders: put the images into one folder for each class'],
    ['images without class folders', ['1.jpg', '2.jpg'], 'holds no folders'],
    ['one class only', ['cat/1.jpg'], "holds one class only, 'cat'"],
    ['a class without images', ['cat/1.jpg', 'dog/'], 'dog holds no images'],
    ['an empty part', ['train/a/1.jpg', 'train/b/1.jpg', 'test/'], 'test holds no folders'],
    ['test without train', ['test/a/1.jpg', 'test/b/1.jpg'], 'has no train/ beside test/'],
    [
      'two folders for one part',
      ['train/a/1.jpg', 'val/a/1.jpg', 'valid/a/1.jpg'],
      "two folders for the part 'validation'",
    ],
    [
      'a class in test that train lacks',
      ['train/a/1.jpg', 'train/b/1.jpg', 'test/c/1.jpg'],
      "test has the class 'c', but train/ has only a, b",
    ],
  ])('%s', async (_, paths, message) => {
    const folder = await folderOf(...paths);
    const error = await scanLabelledFolder(folder).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toContain(folder);
    expect(String(error)).toContain(message);
  });

  test('what is missing, and what is a file', async () => {
    const folder = await folderOf('file');
    await expect(scanLabelledFolder(join(folder, 'none'))).rejects.toThrow('none: there is no such folder');
    await expect(scanLabelledFolder(join(folder, 'file'))).rejects.toThrow('a folder of images is expected');
  });

  test('a class that the model does not know', async () => {
    const folder = await folderOf('a/1.jpg', 'z/1.jpg');
    await expect(scanLabelledFolder(folder, { classNames: ['a', 'b'] })).rejects.toThrow(
      "has the class 'z', but the model knows only a, b",
    );
  });
});
