import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError } from '../core/errors.ts';
import { decodeImage, probeImage } from './decode.ts';

const goldens = fileURLToPath(new URL('../../test/goldens/images/', import.meta.url));
const golden = (name: string): string => join(goldens, name);

interface Golden {
  file: string;
  shape: [number, number, 1 | 3];
  pixels: string;
  grey?: string;
  tolerance: number;
}
const files: Golden[] = JSON.parse(readFileSync(golden('decoded.json'), 'utf8'));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-decode-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

function largestDifference(a: Uint8Array, b: Uint8Array): number {
  expect(a.length).toBe(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
}

describe.each(files)('$file', ({ file: name, shape, pixels, tolerance }) => {
  const [height, width, channels] = shape;

  test('has the pixels of the reference', async () => {
    const decoded = await decodeImage(golden(name));
    expect(decoded.info).toMatchObject({ height, width, channels });
    expect(decoded.pixels).toMatchObject({ height, width, channels });
    expect(largestDifference(decoded.pixels.data, Buffer.from(pixels, 'base64'))).toBeLessThanOrEqual(
      tolerance,
    );
  });

  test('is probed as it is decoded', async () => {
    expect(await probeImage(golden(name))).toEqual((await decodeImage(golden(name))).info);
  });
});

test.each(files.filter(({ grey }) => grey))(
  '$file has the grey levels of the reference',
  async ({ file: name, grey }) => {
    const { pixels } = await decodeImage(golden(name), 1);
    expect(pixels.channels).toBe(1);
    expect(largestDifference(pixels.data, Buffer.from(grey!, 'base64'))).toBe(0);
  },
);

test('a colour PNG becomes grey by the luma of JPEG', async () => {
  const [r, g, b] = (await decodeImage(golden('rgb.png'))).pixels.data;
  const { pixels } = await decodeImage(golden('rgb.png'), 1);
  expect(pixels.channels).toBe(1);
  expect(pixels.data[0]).toBe(Math.round(0.299 * r! + 0.587 * g! + 0.114 * b!));
});

test('the format is told by the content, not by the name', async () => {
  const path = await file('photo.jpg', readFileSync(golden('rgb.png')));
  expect((await decodeImage(path)).info.format).toBe('png');
});

test('a frame header far behind the beginning of the file is found', async () => {
  const jpeg = readFileSync(golden('grey.jpg'));
  const segment = Buffer.alloc(65_000);
  segment.writeUInt32BE(0xffed0000 + segment.length - 2);
  const path = await file(
    'late.jpg',
    Buffer.concat([jpeg.subarray(0, 2), segment, segment, jpeg.subarray(2)]),
  );
  expect(await probeImage(path)).toEqual(await probeImage(golden('grey.jpg')));
});

const notAnImage = 'not an image that can be read: JPEG, PNG, TIFF or WebP are';
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';

describe('refuses, and names the file:', () => {
  test.each<[string, Uint8Array, string]>([
    ['empty.jpeg', Buffer.alloc(0), 'the file is empty (0 bytes)'],
    ['text.png', Buffer.from('not an image'), notAnImage],
    ['drawing.png', Buffer.from(svg), notAnImage],
    ['image.gif', readFileSync(golden('image.gif')), notAnImage],
    ['image.bmp', readFileSync(golden('image.bmp')), notAnImage],
    ['float.tiff', readFileSync(golden('float.tiff')), 'its pixels are of type float; whole numbers'],
    ['three-bytes.jpg', Buffer.from([0xff, 0xd8, 0xff]), 'the JPEG data is damaged or cut short'],
    [
      'signature.png',
      readFileSync(golden('rgb.png')).subarray(0, 12),
      'the PNG data is damaged or cut short',
    ],
  ])('%s', async (name, content, why) => {
    const path = await file(name, content);
    for (const read of [probeImage, decodeImage]) {
      const error = await read(path).catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(DataError);
      expect(String(error)).toContain(`${path}: ${why}`);
    }
  });

  test.each([
    'grey.jpg',
    '420.jpg',
    'progressive.jpg',
    'rgb.png',
    'rgb16.png',
    'rgb.tiff',
    'rgb.webp',
    'cmyk.jpg',
  ])('%s cut short anywhere', async (name) => {
    const whole = readFileSync(golden(name));
    for (const share of [0.1, 0.5, 0.75, 0.9]) {
      const path = await file(`cut-${name}`, whole.subarray(0, Math.floor(whole.length * share)));
      await expect(decodeImage(path), `${name} at ${share}`).rejects.toThrow(
        /cut-.*: .* data is damaged or cut short/,
      );
    }
  });

  test('a JPEG cut short that was given an end', async () => {
    const whole = readFileSync(golden('grey.jpg'));
    const path = await file('mended.jpg', Buffer.concat([whole.subarray(0, 600), Buffer.from([0xff, 0xd9])]));
    await expect(decodeImage(path)).rejects.toThrow('damaged or cut short');
  });

  test('what is missing, and what is a folder', async () => {
    await expect(decodeImage(join(folder, 'none.png'))).rejects.toThrow('none.png: there is no such file');
    await mkdir(join(folder, 'folder.png'));
    await expect(decodeImage(join(folder, 'folder.png'))).rejects.toThrow('folder.png: not a file');
  });

  test('a header that promises more than 100 megapixels, before it is decoded', async () => {
    const jpeg = readFileSync(golden('grey.jpg'));
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(20_000, frame + 5);
    jpeg.writeUInt16BE(30_000, frame + 7);
    const png = readFileSync(golden('rgb.png'));
    png.writeUInt32BE(30_000, 16);
    png.writeUInt32BE(20_000, 20);
    const { crc32 } = await import('node:zlib');
    png.writeUInt32BE(crc32(png.subarray(12, 29)), 29);
    for (const path of [await file('huge.jpg', jpeg), await file('huge.png', png)]) {
      await expect(decodeImage(path)).rejects.toThrow('30000×20000 is 600 megapixels; at most 100 are read');
      await expect(probeImage(path)).rejects.toThrow('megapixels');
    }
  });
});

test('a PNG of 16 bits with a colour profile keeps its own levels', async () => {
  const path = join(folder, 'profile.png');
  await sharp({ create: { width: 2, height: 2, channels: 3, background: { r: 200, g: 40, b: 90 } } })
    .withIccProfile('p3')
    .png()
    .toFile(path);
  const raw = await sharp(path, { ignoreIcc: true }).raw().toBuffer();
  expect([...(await decodeImage(path)).pixels.data]).toEqual([...raw]);
});
