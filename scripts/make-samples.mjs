// Makes samples/oct, the small data set that ships: every image of ../shared/data/oct2017-sample, made smaller.
// Run from the repository's root: node scripts/make-samples.mjs
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';

const source = '../shared/data/oct2017-sample';
const target = 'samples/oct';
const shorterSide = 256;
const quality = 88;
const mostBytes = 5_000_000;

let images = 0;
let bytes = 0;
for (const part of ['train', 'test']) {
  await rm(join(target, part), { recursive: true, force: true });
  for (const name of ['CNV', 'DME', 'DRUSEN', 'NORMAL']) {
    await mkdir(join(target, part, name), { recursive: true });
    for (const file of (await readdir(join(source, part, name))).sort()) {
      const { width, height } = await sharp(join(source, part, name, file)).metadata();
      const size = width < height ? { width: shorterSide } : { height: shorterSide };
      const jpeg = await sharp(join(source, part, name, file))
        .resize({ ...size, kernel: 'lanczos3' })
        .toColourspace('b-w')
        .jpeg({ quality, optimiseCoding: true })
        .toBuffer();
      await writeFile(join(target, part, name, file), jpeg);
      images++;
      bytes += jpeg.length;
    }
  }
}
if (bytes > mostBytes)
  throw new Error(`${bytes} bytes of images are more than ${mostBytes}: lower the quality`);
console.log(`${images} images, ${bytes} bytes`);
