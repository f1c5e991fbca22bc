import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { type DecodedImage, decodeImage, decodeJpeg, decodePng, probeImage } from './decode.ts';
import type { DecodeConfig } from './decode-options.ts';

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

interface Chosen extends Omit<Golden, 'shape'> {
  options: DecodeConfig;
  shape: [number, number, 1 | 3 | 4];
}
const chosen: Chosen[] = JSON.parse(readFileSync(golden('chosen.json'), 'utf8'));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-decode-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, content: Uint8Array): Promise<string> {
  await writeFile(join(folder, name), content);
  return join(folder, name);
}

/** From the bytes of what is expected, in base64. */
function largestDifference({ data }: DecodedImage['pixels'], expected: string): number {
  const bytes = new Uint8Array(Buffer.from(expected, 'base64'));
  const levels = data instanceof Uint8Array ? bytes : new Uint16Array(bytes.buffer);
  expect(data.length).toBe(levels.length);
  let most = 0;
  for (let i = 0; i < data.length; i++) most = Math.max(most, Math.abs(data[i]! - levels[i]!));
  return most;
}

describe.each(files)('$file', ({ file: name, shape, pixels, tolerance }) => {
  const [height, width, channels] = shape;

  test('has the pixels of the reference', async () => {
    const decoded = await decodeImage(golden(name));
    expect(decoded.info).toMatchObject({ height, width, channels });
    expect(decoded.pixels).toMatchObject({ height, width, channels });
    expect(largestDifference(decoded.pixels, pixels)).toBeLessThanOrEqual(tolerance);
    const fromBytes = await decodeImage(new Uint8Array(readFileSync(golden(name))));
    expect(fromBytes).toEqual(decoded);
  });

  test('is probed as it is decoded', async () => {
    expect(await probeImage(golden(name))).toEqual((await decodeImage(golden(name))).info);
  });
});

test.each(files.filter(({ grey }) => grey))(
  '$file has the grey levels of the reference',
  async ({ file: name, grey }) => {
    const { pixels } = await decodeImage(golden(name), { channels: 1 });
    expect(pixels.channels).toBe(1);
    expect(largestDifference(pixels, grey!)).toBe(0);
  },
);

test.each(chosen.map((row) => ({ ...row, title: `${row.file} ${JSON.stringify(row.options)}` })))(
  '$title has the pixels of the reference',
  async ({ file: name, options, shape, pixels: expected, tolerance }) => {
    const { pixels } = await decodeImage(golden(name), options);
    expect([pixels.height, pixels.width, pixels.channels]).toEqual(shape);
    expect(pixels.dtype).toBe(options.dtype ?? 'uint8');
    expect(largestDifference(pixels, expected)).toBeLessThanOrEqual(tolerance);
  },
);

describe('a format that is asked for', () => {
  test('is decoded', async () => {
    expect(await decodeJpeg(golden('420.jpg'))).toEqual(await decodeImage(golden('420.jpg')));
  });

  test('is named where the file is of another', async () => {
    await expect(decodeJpeg(golden('rgb.png'))).rejects.toThrow(
      'rgb.png: this is PNG data, where JPEG is expected',
    );
    await expect(decodePng(golden('grey.jpg'))).rejects.toThrow(DataError);
  });

  test('refuses options that make no sense, by name', async () => {
    const wrong = decodePng(golden('rgb.png'), { channels: 2 as 1 });
    await expect(wrong).rejects.toThrow('decodePng: channels must be one of 1, 3, 4, got 2');
    await expect(decodeImage(golden('rgb.png'), { size: 3 } as object)).rejects.toThrow(UsageError);
  });
});

test('a header that promises more pixels than are allowed is refused before decoding', async () => {
  const error = await decodeImage(golden('rgb.png'), { maxPixels: 98 }).catch(String);
  expect(error).toContain('rgb.png: 11×9 is 0.000099 megapixels; at most 0.000098 are read');
});

test('a colour PNG becomes grey by the luma of JPEG', async () => {
  const [r, g, b] = (await decodeImage(golden('rgb.png'))).pixels.data;
  const { pixels } = await decodeImage(golden('rgb.png'), { channels: 1 });
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

const notAnImage = 'not an image that can be read: JPEG, PNG, TIFF, WebP, GIF and BMP are';
const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>';

describe('refuses, and names the file:', () => {
  test.each<[string, Uint8Array, string]>([
    ['empty.jpeg', Buffer.alloc(0), 'the file is empty (0 bytes)'],
    ['text.png', Buffer.from('not an image'), notAnImage],
    ['drawing.png', Buffer.from(svg), notAnImage],
    ['bmp.txt', Buffer.from('BM is how a BMP begins, and this text'), notAnImage],
    ['header.bmp', readFileSync(golden('image.bmp')).subarray(0, 20), 'the BMP data is damaged or cut short'],
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
    'image.gif',
    'image.bmp',
    'rgba.bmp',
    'palette.bmp',
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

  test.skipIf(process.platform === 'win32')(
    'links in a circle, and a pipe that nobody writes to',
    async () => {
      await symlink('b.png', join(folder, 'a.png'));
      await symlink('a.png', join(folder, 'b.png'));
      await expect(decodeImage(join(folder, 'a.png'))).rejects.toThrow(
        'a.png: its symbolic links lead in a circle',
      );
      execFileSync('mkfifo', [join(folder, 'pipe.png')]);
      await expect(decodeImage(join(folder, 'pipe.png'))).rejects.toThrow('pipe.png: not a file');
    },
  );

  test('a JPEG or PNG that is damaged behind its last pixel, however it is decoded', async () => {
    const jpeg = readFileSync(golden('420.jpg'));
    const png = readFileSync(golden('rgb.png'));
    const unended = await file('unended.jpg', jpeg.subarray(0, jpeg.length - 2));
    for (const dctMethod of ['integerFast', 'integerAccurate'] as const) {
      await expect(decodeImage(unended, { dctMethod })).rejects.toThrow(
        'unended.jpg: the JPEG data is damaged',
      );
    }
    const cut = await file('cut.png', png.subarray(0, png.length - 12));
    await expect(decodeImage(cut)).rejects.toThrow('cut.png: the PNG data is damaged');
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
    const bmp = readFileSync(golden('image.bmp'));
    bmp.writeInt32LE(30_000, 18);
    bmp.writeInt32LE(20_000, 22);
    const huge = [await file('huge.jpg', jpeg), await file('huge.png', png), await file('huge.bmp', bmp)];
    for (const path of huge) {
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
