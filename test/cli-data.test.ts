import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventOf, fovea, type Outcome, small } from './support/cli.ts';
import { barImage, writeClasses, writeFiles } from './support/labelled-images.ts';

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'fovea-data-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

/** Trains on a folder of the test's root; the run, if there is one, lies beside it. */
function train(name: string, ...args: string[]): Promise<Outcome> {
  return fovea(['train', join(root, name), ...small, '--out', join(root, `${name}-run`), '--json', ...args]);
}

/** Refused as wrong data, in one line, and nothing is left behind. */
async function expectRefused(outcome: Outcome, name: string, message: string): Promise<void> {
  expect(outcome.stderr).toMatch(/^fovea: .*\n$/m);
  expect(outcome.stderr).toContain(message);
  expect(outcome.status).toBe(2);
  expect(outcome.stdout).not.toContain('"saved"');
  const left = await readdir(root);
  expect(left.filter((entry) => entry === `${name}-run` || entry.endsWith('.partial'))).toEqual([]);
}

/** A JPEG or PNG whose header claims more pixels than it has. */
async function claiming(width: number, height: number, format: 'jpeg' | 'png'): Promise<Buffer> {
  const bytes = Buffer.from(await barImage(true, 0, format));
  if (format === 'png') {
    bytes.writeUInt32BE(width, 16);
    bytes.writeUInt32BE(height, 20);
    return bytes;
  }
  const frame = bytes.indexOf(Buffer.from([0xff, 0xc0]));
  bytes.writeUInt16BE(height, frame + 5);
  bytes.writeUInt16BE(width, frame + 7);
  return bytes;
}

describe('a folder that cannot be trained on', () => {
  const image = Buffer.from('any file: it is not opened');
  it.each<[name: string, files: Record<string, Uint8Array>, message: string]>([
    ['empty', {}, 'holds no folders: put the images into one folder for each class'],
    ['images-only', { 'a.png': image }, 'holds no folders: put the images into one folder for each class'],
    ['one-class', { 'cat/a.png': image }, "holds one class only, 'cat'"],
    ['hidden-only', { 'cat/a.png': image, 'dog/.hidden': image }, 'dog holds no images: fill the class'],
    ['no-train', { 'test/cat/a.png': image, 'test/dog/a.png': image }, 'has no train/ beside test/: add it'],
    [
      'more-in-test',
      { 'train/cat/a.png': image, 'train/dog/a.png': image, 'test/bird/a.png': image },
      "test has the class 'bird', but train/ has only cat, dog",
    ],
  ])('%s is refused', async (name, files, message) => {
    await mkdir(join(root, name));
    await writeFiles(join(root, name), files);
    await expectRefused(await train(name), name, message);
  });

  it('is missing, or is a file', async () => {
    await expectRefused(await train('missing'), 'missing', 'missing: there is no such folder');
    await writeFile(join(root, 'plain-file'), 'x');
    const outcome = await train('plain-file');
    await expectRefused(outcome, 'plain-file', 'a folder of images is expected, got a file');
  });

  it('has a class of which nothing is left to learn from, once patients are held out for the test', async () => {
    await writeClasses(join(root, 'tiny'), 1, ['cat', 'dog']);
    const outcome = await train('tiny');
    expect(outcome.status).toBe(2);
    expect(outcome.stderr).toMatch(/^fovea: .*\n$/);
  });

  it('has nothing that can be read', async () => {
    await writeFiles(join(root, 'unreadable'), {
      'cat/a.png': image,
      'cat/b.png': image,
      'dog/a.png': image,
    });
    await expectRefused(await train('unreadable'), 'unreadable', 'none of the 3 files of train can be read');
  });

  it('has a class of which nothing can be read', async () => {
    await writeClasses(join(root, 'half'), 2, ['cat', 'dog']);
    await writeFiles(join(root, 'half'), { 'bird/a.png': image });
    await expectRefused(await train('half'), 'half', "no file of the class 'bird' can be read");
  });
});

describe('a folder with some damaged files', () => {
  const damaged = ['cut.jpeg', 'cut.png', 'empty.png', 'huge.jpeg', 'huge.png', 'link.png', 'text.png'];
  beforeAll(async () => {
    const data = join(root, 'mixed');
    await writeClasses(data, 6);
    const [jpeg, png] = [await barImage(false, 3, 'jpeg'), await barImage(false, 4)];
    await writeFiles(data, {
      'left/cut.jpeg': jpeg.subarray(0, jpeg.length >> 1),
      'left/cut.png': png.subarray(0, png.length >> 1),
      'left/empty.png': Buffer.alloc(0),
      'left/text.png': Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'),
      'left/huge.jpeg': await claiming(20_000, 20_000, 'jpeg'),
      'left/huge.png': await claiming(20_000, 20_000, 'png'),
    });
    await symlink('nowhere', join(data, 'left', 'link.png'));
  });

  it('is trained on without them, and each is named with the reason', async () => {
    const outcome = await train('mixed');
    expect(outcome.status).toBe(0);
    const { unreadable, parts } = eventOf(outcome, 'data');
    expect(unreadable.map(({ file }) => file).sort()).toEqual(damaged.map((name) => join('left', name)));
    const reasons = Object.fromEntries(unreadable.map(({ file, reason }) => [file.slice(5), reason]));
    expect(reasons['cut.jpeg']).toContain('the JPEG data is damaged or cut short');
    expect(reasons['cut.png']).toContain('the PNG data is damaged or cut short');
    expect(reasons['empty.png']).toContain('the file is empty (0 bytes)');
    expect(reasons['text.png']).toContain(
      'not an image that can be read: JPEG, PNG, TIFF, WebP, GIF and BMP are',
    );
    expect(reasons['huge.jpeg']).toContain('20000×20000 is 400 megapixels; at most 100 are read');
    expect(reasons['link.png']).toContain('there is no such file');
    expect(parts.reduce((sum, { images }) => sum + images, 0)).toBe(12);
  });

  it('tells a person how many, and which', async () => {
    const { stderr } = await fovea(['evaluate', join(root, 'mixed-run'), join(root, 'mixed')]);
    expect(stderr).toContain('\n7 files cannot be read and are left out:\n');
    for (const name of damaged) expect(stderr).toContain(`  ${join('left', name)}: `);
  });

  it('is refused for them with --strict', async () => {
    const outcome = await fovea([
      'train',
      join(root, 'mixed'),
      ...small,
      '--strict',
      '--out',
      join(root, 'strict-run'),
    ]);
    await expectRefused(outcome, 'strict', 'left');
    const evaluated = await fovea(['evaluate', join(root, 'mixed-run'), join(root, 'mixed'), '--strict']);
    expect([evaluated.status, evaluated.stdout]).toEqual([2, '']);
  });

  it('stays out of predictions, and a damaged file that was named is refused', async () => {
    const run = join(root, 'mixed-run');
    const inFolder = await fovea(['predict', run, join(root, 'mixed', 'left'), '--json']);
    expect(inFolder.status).toBe(0);
    expect(inFolder.stdout.trim().split('\n')).toHaveLength(6);
    const named = await fovea(['predict', run, join(root, 'mixed', 'left', 'cut.png'), '--json']);
    expect([named.status, named.stdout]).toEqual([2, '']);
    expect(named.stderr).toMatch(/^fovea: .*cut\.png: the PNG data is damaged or cut short\n$/);
    const missing = await fovea(['predict', run, join(root, 'mixed', 'absent.png')]);
    expect(missing.stderr).toMatch(/^fovea: .*absent\.png: there is no such file or folder\n$/);
    expect([missing.status, missing.stdout]).toEqual([2, '']);
    const none = join(root, 'none');
    await mkdir(none);
    const empty = await fovea(['predict', run, none]);
    expect([empty.status, empty.stdout]).toEqual([2, '']);
    expect(empty.stderr).toContain('no image in');
  });
});

it('reads CMYK, 16 bits, transparency, EXIF rotation, TIFF, WebP and a single pixel', async () => {
  const data = join(root, 'formats');
  await writeClasses(data, 4);
  const bar = sharp(await barImage(true, 8)).toColourspace('srgb');
  const rgb = sharp(await bar.png().toBuffer());
  await writeFiles(data, {
    'right/cmyk.jpg': await rgb.clone().toColourspace('cmyk').jpeg().toBuffer(),
    'right/deep.png': await rgb.clone().toColourspace('rgb16').png().toBuffer(),
    'right/alpha.png': await rgb.clone().ensureAlpha(0.5).png().toBuffer(),
    'right/turned.jpg': await rgb.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    'right/page.tiff': await rgb.clone().tiff().toBuffer(),
    'right/photo.webp': await rgb.clone().webp().toBuffer(),
    'right/dot.png': await rgb.clone().resize(1, 1).png().toBuffer(),
  });
  const outcome = await train('formats');
  expect(outcome.stderr).not.toContain('fovea:');
  expect(outcome.status).toBe(0);
  const { unreadable, parts } = eventOf(outcome, 'data');
  expect(unreadable).toEqual([]);
  expect(parts.reduce((sum, { images }) => sum + images, 0)).toBe(15);
});

it('warns of patients who are in train/ and in test/', async () => {
  const [left, right] = [await barImage(false, 1), await barImage(true, 2)];
  await writeFiles(join(root, 'leaky'), {
    'train/left/left-7-1.png': left,
    'train/right/right-8-1.png': right,
    'test/left/left-7-2.png': left,
    'test/right/right-9-1.png': right,
  });
  const { status, stderr } = await fovea([
    'train',
    join(root, 'leaky'),
    ...small,
    '--out',
    join(root, 'leaky-run'),
  ]);
  expect(status).toBe(0);
  expect(stderr).toContain('Warning: 1 patient of train/ is in test/ too');
});
