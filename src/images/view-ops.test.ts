import { describe, expect, test } from 'vitest';
import { applyOps } from './apply.ts';
import { levelsOf, pixelsOf } from './levels.ts';
import { freshMemory } from './memory.ts';
import type { Pixels } from './pixels.ts';
import type { Region } from './resize.ts';
import { type Target, viewOps } from './view-ops.ts';
import { plainView, type View } from './views.ts';
import { turnedPart } from './warp.ts';

type Bytes = Pixels<'uint8'>;

function grey(width: number, height: number, level: (x: number, y: number) => number): Bytes {
  const data = Uint8Array.from({ length: width * height }, (_, i) => level(i % width, Math.floor(i / width)));
  return { dtype: 'uint8', data, width, height, channels: 1 };
}

const whole = (image: Bytes) => ({ left: 0, top: 0, width: image.width, height: image.height });

const rotate = (image: Bytes, degrees: number, region: Region): Bytes =>
  pixelsOf(turnedPart(levelsOf(image), degrees, region, freshMemory)) as Bytes;

/** Without the decoding, which has been done. */
const render = (image: Bytes, target: Target): Uint8Array =>
  applyOps(
    image,
    viewOps(target).filter(({ op }) => op !== 'decodeImage'),
  ).data as Uint8Array;

function look(image: Bytes, change: Partial<View>, height = image.height, width = image.width): number[] {
  const view = { ...plainView, ...change };
  const channels = image.channels as 1 | 3;
  return [...render(image, { height, width, channels, resize: 'bilinear', view })];
}

const gradient = grey(5, 3, (x, y) => 10 * x + 50 * y);

describe('turnedPart', () => {
  test('a quarter turn counter-clockwise moves every pixel of a square exactly', () => {
    const square = grey(4, 4, (x, y) => 10 * x + 50 * y);
    const turned = grey(4, 4, (x, y) => 10 * (3 - y) + 50 * x);
    expect(rotate(square, 90, whole(square))).toEqual(turned);
  });

  test('what comes from outside is black, and the inside keeps its level', () => {
    const white = grey(41, 41, () => 200);
    const { data } = rotate(white, 10, whole(white));
    expect([data[0], data[40], data[41 * 40], data[41 * 41 - 1]]).toEqual([0, 0, 0, 0]);
    expect(data[41 * 20 + 20]).toBe(200);
  });

  test('a region of the turned image is that part of the whole', () => {
    const image = grey(20, 16, (x, y) => (x * 37 + y * 91) % 256);
    const all = rotate(image, 7, whole(image));
    const part = rotate(image, 7, { left: 3, top: 2, width: 9, height: 8 });
    for (let y = 0; y < 8; y++) {
      expect([...part.data.subarray(9 * y, 9 * y + 9)]).toEqual([
        ...all.data.subarray(20 * (y + 2) + 3, 20 * (y + 2) + 12),
      ]);
    }
  });

  test('colours turn together', () => {
    const image = grey(6, 6, (x, y) => x * 40 + y);
    const rgb: Bytes = {
      ...image,
      channels: 3,
      data: Uint8Array.from({ length: 108 }, (_, i) => image.data[Math.floor(i / 3)]!),
    };
    const turned = rotate(image, 33, whole(image));
    const turnedRgb = rotate(rgb, 33, whole(rgb));
    expect([...turnedRgb.data]).toEqual([...turned.data].flatMap((level) => [level, level, level]));
  });
});

describe('viewOps', () => {
  test('the plain view at the same size is the image', () => {
    expect(look(gradient, {})).toEqual([...gradient.data]);
  });

  test('flip mirrors left to right, never upside down', () => {
    expect(look(gradient, { flip: true })).toEqual([...grey(5, 3, (x, y) => 10 * (4 - x) + 50 * y).data]);
  });

  test('a crop keeps its part', () => {
    const image = grey(10, 10, (x, y) => 20 * x + y);
    expect(look(image, { crop: { left: 0.2, top: 0.5, size: 0.3 } }, 3, 3)).toEqual([
      ...grey(3, 3, (x, y) => 20 * (x + 2) + y + 5).data,
    ]);
  });

  test('a crop of a turned image is the crop of it', () => {
    const image = grey(20, 20, (x, y) => 10 * x + y);
    const cropped = look(image, { rotation: 20, crop: { left: 0.25, top: 0.5, size: 0.5 } }, 10, 10);
    expect(cropped).toEqual([...rotate(image, 20, { left: 5, top: 10, width: 10, height: 10 }).data]);
  });

  test('contrast is about the mean of each channel, and brightness adds', () => {
    const data = Uint8Array.of(100, 10, 0, 140, 30, 0);
    const image: Bytes = { dtype: 'uint8', data, width: 2, height: 1, channels: 3 };
    expect(look(image, { contrast: 0.5 })).toEqual([110, 15, 0, 130, 25, 0]);
    expect(look(image, { brightness: -20 })).toEqual([80, 0, 0, 120, 10, 0]);
    expect(look(image, { contrast: 2, brightness: 200 })).toEqual([255, 200, 200, 255, 240, 200]);
  });

  test('grey is repeated where RGB is wanted, and files are decoded as grey where that is', () => {
    const target = { height: 1, width: 2, resize: 'bilinear' } as const;
    expect([
      ...render(
        grey(2, 1, (x) => 100 * x),
        { ...target, channels: 3 },
      ),
    ]).toEqual([0, 0, 0, 100, 100, 100]);
    expect(viewOps({ ...target, channels: 1 })[0]).toEqual({ op: 'decodeImage', channels: 1 });
    expect(viewOps({ ...target, channels: 3 }).map(({ op }) => op)).toEqual(['resize', 'grayscaleToRgb']);
  });
});
