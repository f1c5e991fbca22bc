import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import sharp from 'sharp';

/** Small images that differ: a bright bar on grey, to the left or to the right, and noise of its own for each seed. */
export async function barImage(
  right: boolean,
  seed: number,
  format: 'jpeg' | 'png' = 'png',
): Promise<Buffer> {
  const size = 40;
  const pixels = Buffer.alloc(size * size, 90);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const bar = right ? x >= size / 2 : x < size / 2;
      pixels[y * size + x] = (bar ? 180 : 90) + (((x + 3) * (y + 7) * (seed + 1)) % 17);
    }
  }
  return sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
    .toFormat(format)
    .toBuffer();
}

/** Writes files, with the folders above them. */
export async function writeFiles(root: string, files: Readonly<Record<string, Uint8Array>>): Promise<void> {
  for (const [name, bytes] of Object.entries(files)) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), bytes);
  }
}

/** A folder of two classes, `left` and `right`, with `count` images each. */
export async function writeClasses(
  root: string,
  count: number,
  classes: readonly [string, string] = ['left', 'right'],
): Promise<void> {
  for (const [c, name] of classes.entries()) {
    for (let i = 0; i < count; i++)
      await writeFiles(root, { [`${name}/${i}.png`]: await barImage(c === 1, 2 * i + c) });
  }
}
