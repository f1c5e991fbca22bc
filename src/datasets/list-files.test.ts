import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { listFiles } from './list-files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-list-'));
  const files = [
    'train/CNV/b.jpeg',
    'train/CNV/a.jpeg',
    'train/CNV/deep/er/c.jpeg',
    'train/CNV/.hidden.jpeg',
    'train/DME/d.png',
    'train/DME/d 2[x].jpeg',
    'train/.cache/e.jpeg',
    'test/CNV/a.jpeg',
  ];
  for (const file of files) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), file);
  }
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function listed(...patterns: string[]): Promise<string[]> {
  const files = await listFiles(patterns.map((pattern) => join(folder, pattern)));
  return (await files.toArray()).map((path) => path.slice(folder.length + 1));
}

test.each([
  [
    'train/**/*.jpeg',
    ['train/CNV/a.jpeg', 'train/CNV/b.jpeg', 'train/CNV/deep/er/c.jpeg', 'train/DME/d 2[x].jpeg'],
  ],
  ['train/*/*.jpeg', ['train/CNV/a.jpeg', 'train/CNV/b.jpeg', 'train/DME/d 2[x].jpeg']],
  ['{train,test}/CNV/?.jpeg', ['test/CNV/a.jpeg', 'train/CNV/a.jpeg', 'train/CNV/b.jpeg']],
  ['train/CNV/[ac].jpeg', ['train/CNV/a.jpeg']],
  ['train/*/*.{png,tiff}', ['train/DME/d.png']],
  ['train/CNV/a.jpeg', ['train/CNV/a.jpeg']],
  ['train/CNV/.*.jpeg', ['train/CNV/.hidden.jpeg']],
  ['train/.cache/*', ['train/.cache/e.jpeg']],
  ['**/er/*', ['train/CNV/deep/er/c.jpeg']],
])('%s', async (pattern, expected) => {
  expect(await listed(pattern)).toEqual(expected);
});

test('several patterns list a file once, in the order of paths', async () => {
  expect(await listed('train/CNV/b.jpeg', 'train/CNV/*.jpeg')).toEqual([
    'train/CNV/a.jpeg',
    'train/CNV/b.jpeg',
  ]);
});

test('a relative pattern gives relative paths', async () => {
  const files = await (await listFiles('src/datasets/list-*.ts')).toArray();
  expect(files).toEqual(['src/datasets/list-files.test.ts', 'src/datasets/list-files.ts']);
  expect(await (await listFiles('*.json')).toArray()).toContain('package.json');
});

test('shuffled, they come in a new order each epoch, by the seed', async () => {
  const files = await listFiles(join(folder, '**/*.jpeg'), { shuffle: true, seed: 3 });
  expect(files.cardinality).toBe(5);
  const orders = [await files.toArray(), await files.toArray(), await files.toArray()];
  expect(new Set(orders.map(String)).size).toBeGreaterThan(1);
  expect(orders[1]!.toSorted()).toEqual(orders[0]!.toSorted());
  await expect(listFiles('*', { shuffle: true })).rejects.toThrow(UsageError);
});

test.each(['train/*.jpeg', 'nowhere/*.jpeg', 'nowhere/a.jpeg', 'train/CNV'])(
  '%s matches nothing, which is said',
  async (pattern) => {
    await expect(listed(pattern)).rejects.toThrow(DataError);
    await expect(listed('train/**', pattern)).rejects.toThrow(`no file matches ${join(folder, pattern)}`);
  },
);

test('an empty pattern is refused', async () => {
  await expect(listFiles('')).rejects.toThrow(UsageError);
});

test('links in a circle end, and a folder is listed once, by its own path', async () => {
  const round = join(folder, 'round');
  await mkdir(join(round, 'z'), { recursive: true });
  await writeFile(join(round, 'z/x.jpeg'), '');
  await symlink('..', join(round, 'z/up'));
  await symlink('z', join(round, 'a'));
  await symlink('itself.jpeg', join(round, 'itself.jpeg'));
  await symlink('nowhere', join(round, 'broken.jpeg'));
  await symlink('z/x.jpeg', join(round, 'link.jpeg'));
  expect(await listed('round/**/*.jpeg')).toEqual(['round/link.jpeg', 'round/z/x.jpeg']);
});

test('a linked folder outside is followed', async () => {
  await mkdir(join(folder, 'linked'), { recursive: true });
  await symlink(join(folder, 'test'), join(folder, 'linked/other'));
  expect(await listed('linked/**/*.jpeg')).toEqual(['linked/other/CNV/a.jpeg']);
});

test.skipIf(process.getuid?.() === 0)('a folder that cannot be read is named', async () => {
  const shut = join(folder, 'shut/inner');
  await mkdir(shut, { recursive: true });
  await chmod(shut, 0o000);
  try {
    await expect(listed('shut/**')).rejects.toThrow(
      `cannot read the folder ${shut}/: there is no permission`,
    );
  } finally {
    await chmod(shut, 0o700);
  }
});
