import { type ImageOp, ops } from './ops.ts';

/** Random operations that suit a kind of image, to stand before or after `resize`. */
export const policies = {
  /**
   * Retinal OCT scans: mirrored left to right, as right and left eyes are; shifted by up to 5 percent, turned by up to
   * 10 degrees, contrast and brightness changed a little. Never upside down: the retina has an up and a down.
   */
  oct: [
    ops.randomFlipLeftRight(),
    ops.randomAffine({ degrees: [-10, 10], down: [-0.05, 0.05], right: [-0.05, 0.05] }),
    ops.randomContrast({ factor: [0.8, 1.2] }),
    ops.randomBrightness({ maxDelta: 0.06 }),
  ],
  /** Photographs: mirrored, turned, shifted and zoomed a little, colours changed. Never upside down. */
  photo: [
    ops.randomFlipLeftRight(),
    ops.randomAffine({
      degrees: [-10, 10],
      down: [-0.1, 0.1],
      right: [-0.1, 0.1],
      zoom: [0.9, 1.1],
      fillMode: 'reflect',
    }),
    ops.randomContrast({ factor: [0.8, 1.2] }),
    ops.randomBrightness({ maxDelta: 0.1 }),
    ops.randomSaturation({ factor: [0.8, 1.2] }),
    ops.randomHue({ maxDelta: 0.02 }),
  ],
} as const satisfies Readonly<Record<string, readonly ImageOp[]>>;
