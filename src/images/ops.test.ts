import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UsageError } from '../core/errors.ts';
import { applyOps } from './apply.ts';
import { checkOps, drawOps, type ImageOp, type OpName, ops } from './ops.ts';
import type { Channels, Pixels } from './pixels.ts';
import { policies } from './policies.ts';

const draw = { seed: 1, element: 'a' };

function picture(height: number, width: number, channels: Channels = 3): Pixels<'uint8'> {
  const data = Uint8Array.from({ length: height * width * channels }, (_, i) => (i * 7919) % 251);
  return { dtype: 'uint8', data, height, width, channels };
}

describe('checking', () => {
  test.each<[unknown, string]>([
    [{ op: 'swirl' }, "operation 1: there is no 'swirl'; there are decodeImage, resize"],
    [null, "operation 1: there is no 'undefined'"],
    [{ op: 'resize', height: 8 }, 'operation 1, resize: width is missing; it must be a whole number from 1'],
    [{ op: 'resize', height: 8, width: 1e9 }, 'operation 1, resize: width must be a whole number from 1 to'],
    [{ op: 'resize', height: 60_000, width: 60_000 }, '60000×60000 are more than 100 million pixels'],
    [
      { op: 'resize', height: 8, width: 8, method: 'sinc' },
      'resize: method must be one of nearest, bilinear',
    ],
    [{ op: 'resize', height: 8, width: 8, size: 3 }, "there is no option 'size'"],
    [
      { op: 'resize', height: 8, width: 8, fit: 'pad', part: { rotation: 0, top: 0, left: 0, size: 1 } },
      "a part is stretched, fit must not be 'pad'",
    ],
    [
      { op: 'resize', height: 8, width: 8, part: { rotation: 0, top: 0.5, left: 0, size: 0.6 } },
      'part must be',
    ],
    [{ op: 'centralCrop', fraction: 0 }, 'fraction must be a number above 0 and up to 1, got 0'],
    [{ op: 'randomContrast', factor: [2, 1] }, 'factor must be [low, high]'],
    [{ op: 'decodeImage' }, 'operation 1, decodeImage: only the first operation decodes'],
  ])('refuses %j', (wrong, why) => {
    const list = [ops.flipLeftRight(), wrong as ImageOp];
    expect(() => checkOps(list, draw)).toThrow(UsageError);
    expect(() => checkOps(list, draw)).toThrow(why);
  });

  test('a builder refuses at once, and names the operation', () => {
    expect(() => ops.rot90({ k: 0.5 })).toThrow('rot90: k must be a whole number, got 0.5');
    expect(() => ops.adjustBrightness({ delta: Number.NaN })).toThrow(UsageError);
  });

  test('operations are plain data: they survive JSON, and defaults may be left out', () => {
    const list = [ops.decodeImage({ channels: 1 }), ops.resize({ height: 4, width: 5 }), ...policies.oct];
    expect(checkOps(JSON.parse(JSON.stringify(list)), draw)).toEqual(checkOps(list, draw));
    expect(checkOps([{ op: 'rot90' }], undefined)).toEqual([{ op: 'rot90', k: 1 }]);
  });
});

describe('random operations', () => {
  test('become plain ones, by seed, element and place', () => {
    const list = checkOps([ops.randomBrightness({ maxDelta: 0.2 }), ...policies.photo], draw);
    const drawn = drawOps(list, draw);
    expect(drawOps(list, draw)).toEqual(drawn);
    expect(drawn.every(({ op }) => !op.startsWith('random'))).toBe(true);
    for (const other of [
      { seed: 2, element: 'a' },
      { seed: 1, element: ['a', 1] },
    ]) {
      expect(drawOps(list, other)).not.toEqual(drawn);
    }
    const twice = checkOps([ops.randomHue({ maxDelta: 0.5 }), ops.randomHue({ maxDelta: 0.5 })], draw);
    const [first, second] = drawOps(twice, draw);
    expect(first).not.toEqual(second);
  });

  test('stay within their intervals', () => {
    const list = checkOps(
      [
        ops.randomAffine({ degrees: [-10, 20], down: [-0.1, 0], right: [0.2, 0.3], zoom: [0.5, 2] }),
        ops.randomContrast({ factor: [0.5, 0.7] }),
        ops.randomErasing({ probability: 1, area: [0.1, 0.2] }),
      ],
      draw,
    );
    fc.assert(
      fc.property(fc.nat(), (element) => {
        const [affine, levels, erase] = drawOps(list, { seed: 3, element });
        if (affine?.op !== 'affine' || levels?.op !== 'levels' || erase?.op !== 'erase') throw affine;
        expect(affine.degrees).toBeGreaterThanOrEqual(-10);
        expect(affine.degrees).toBeLessThan(20);
        expect(affine.shift[0]).toBeLessThanOrEqual(0);
        expect(affine.shift[1]).toBeGreaterThanOrEqual(0.2);
        expect(affine.zoom[0]).toBe(affine.zoom[1]);
        expect(levels.contrast).toBeLessThan(0.7);
        expect(erase.height * erase.width).toBeGreaterThan(0.09);
        expect(Math.max(erase.top + erase.height, erase.left + erase.width)).toBeLessThanOrEqual(1 + 1e-9);
      }),
    );
  });

  test('are as likely as they say', () => {
    const list = checkOps([ops.randomFlipLeftRight({ probability: 0.3 })], draw);
    const count = Array.from({ length: 2000 }, (_, element) => drawOps(list, { seed: 9, element }).length);
    const share = count.reduce((sum, n) => sum + n, 0) / 2000;
    expect(Math.abs(share - 0.3)).toBeLessThan(4 * Math.sqrt((0.3 * 0.7) / 2000));
  });

  test('a random crop has each place, and no other', () => {
    const places = new Set<number>();
    for (let element = 0; element < 200; element++) {
      const image = picture(4, 5, 1);
      const { data } = applyOps(image, [ops.randomCrop({ height: 2, width: 4 })], { seed: 1, element });
      places.add(image.data.findIndex((_, i) => data[0] === image.data[i] && data[1] === image.data[i + 1]));
    }
    expect([...places].sort((a, b) => a - b)).toEqual([0, 1, 5, 6, 10, 11]);
  });

  test('policies never put an image upside down', () => {
    const list = (policy: readonly ImageOp[]): OpName[] => policy.map(({ op }) => op);
    for (const policy of Object.values(policies)) {
      expect(list(policy)).not.toContain('randomFlipUpDown');
      expect(list(policy)).not.toContain('randomRot90');
    }
  });
});

describe('operations', () => {
  const everywhere: ImageOp[] = [
    ops.flipLeftRight(),
    ops.flipUpDown(),
    ops.transpose(),
    ops.rot90({ k: 2 }),
    ops.centralCrop({ fraction: 0.5 }),
    ops.cropOrPad({ height: 5, width: 9 }),
    ops.trimMargins(),
    ops.rotate({ degrees: 20 }),
    ops.translate({ down: 0.2 }),
    ops.zoom({ factor: 1.5, fillMode: 'reflect' }),
    ops.adjustBrightness({ delta: 0.1 }),
    ops.adjustContrast({ factor: 2 }),
    ops.adjustSaturation({ factor: 0.5 }),
    ops.adjustHue({ delta: 0.3 }),
    ops.adjustGamma({ gamma: 2 }),
    ops.noise({ stddev: 0.1, seed: 4 }),
    ops.blur({ sigma: 1 }),
    ops.erase({ top: 0.1, left: 0.2, height: 0.5, width: 0.5 }),
    ops.rgbToGrayscale(),
    ops.grayscaleToRgb(),
    ops.resize({ height: 3, width: 4, fit: 'pad' }),
  ];

  test.each(everywhere.map((op) => ({ op })))('$op.op does with images of 1, 3 and 4 channels', ({ op }) => {
    for (const channels of [1, 3, 4] as const) {
      const image = picture(7, 6, channels);
      const before = image.data.slice();
      const result = applyOps(image, [op]);
      expect(result.dtype).toBe('uint8');
      expect(result.data.length).toBe(result.height * result.width * result.channels);
      expect(image.data).toEqual(before);
    }
  });

  test('levels of 16 bits stay of 16 bits', () => {
    const data = Uint16Array.of(0, 1, 300, 65_535);
    const image = { dtype: 'uint16', data, height: 2, width: 2, channels: 1 } as const;
    expect(applyOps(image, [ops.flipLeftRight()]).data).toEqual(Uint16Array.of(1, 0, 65_535, 300));
    expect(applyOps(image, [ops.adjustBrightness({ delta: 0.5 })]).data).toEqual(
      Uint16Array.of(32_768, 32_769, 33_068, 65_535),
    );
    expect(applyOps(image, [ops.convertImageDtype({ dtype: 'uint8' })]).data).toEqual(
      Uint8Array.of(0, 0, 1, 255),
    );
  });

  test('levels are rounded once, at the end', () => {
    const image = { dtype: 'uint8', data: Uint8Array.of(100), height: 1, width: 1, channels: 1 } as const;
    const small = ops.levels({ brightness: 0.3 });
    expect([...applyOps(image, [small]).data]).toEqual([100]);
    expect([...applyOps(image, [small, small]).data]).toEqual([101]);
  });

  test('opacity is not coloured, blurred it is', () => {
    const image = picture(5, 5, 4);
    const opacity = (data: Pixels['data']): number[] =>
      Array.from({ length: 25 }, (_, i) => data[4 * i + 3]!);
    for (const op of [
      ops.adjustContrast({ factor: 3 }),
      ops.noise({ stddev: 1, seed: 1 }),
      ops.adjustHue({ delta: 0.2 }),
    ]) {
      expect(opacity(applyOps(image, [op]).data)).toEqual(opacity(image.data));
    }
    expect(opacity(applyOps(image, [ops.blur({ sigma: 2 })]).data)).not.toEqual(opacity(image.data));
  });

  test('noise has the mean and deviation that it says, and is the same for the same seed', () => {
    const flat = {
      dtype: 'float32',
      data: new Float32Array(30_000).fill(0.5),
      height: 100,
      width: 300,
      channels: 1,
    } as const;
    const data = applyOps(flat, [ops.noise({ stddev: 0.1, seed: 7 })]).data as Float32Array;
    const mean = data.reduce((sum, level) => sum + level, 0) / data.length;
    const variance = data.reduce((sum, level) => sum + (level - mean) ** 2, 0) / data.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(4 * (0.1 / Math.sqrt(30_000)));
    expect(Math.abs(Math.sqrt(variance) - 0.1)).toBeLessThan(0.002);
    expect(applyOps(flat, [ops.noise({ stddev: 0.1, seed: 7 })]).data).toEqual(data);
    expect(applyOps(flat, [ops.noise({ stddev: 0.1, seed: 8 })]).data).not.toEqual(data);
  });

  test('erasing fills its box and nothing else', () => {
    const image = picture(4, 4, 1);
    const { data } = applyOps(image, [
      ops.erase({ top: 0.25, left: 0.5, height: 0.5, width: 0.5, value: 1 }),
    ]);
    const boxed = [6, 7, 10, 11];
    expect([...data]).toEqual(Array.from(image.data, (level, i) => (boxed.includes(i) ? 255 : level)));
  });

  test('white margins go, white within and dark noise at the edge do not matter', () => {
    const image = picture(10, 12, 1);
    const data = image.data.map((level, i) => {
      const [y, x] = [Math.floor(i / 12), i % 12];
      if (y < 3 || y >= 9 || x < 2) return 252;
      return x === 6 ? 255 : Math.min(level, 200);
    });
    const trimmed = applyOps({ ...image, data }, [ops.trimMargins()]);
    expect([trimmed.height, trimmed.width]).toEqual([6, 10]);
    expect(trimmed.data[0]).toBe(data[3 * 12 + 2]);
    const spotted = data.with(5, 0);
    expect(applyOps({ ...image, data: spotted }, [ops.trimMargins()]).height).toBe(9);
    expect(applyOps({ ...image, data: spotted }, [ops.trimMargins({ share: 0.9 })]).height).toBe(6);
    const white = { ...image, data: new Uint8Array(120).fill(255) };
    expect(applyOps(white, [ops.trimMargins()])).toEqual(white);
  });
});
