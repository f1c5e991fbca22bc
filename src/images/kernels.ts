/** How much a pixel counts at a distance, in pixels; nothing from `radius` on. */
export interface Kernel {
  readonly radius: number;
  at(distance: number): number;
}

/** sinc(x) · sinc(x / radius) */
function lanczos(radius: number): Kernel {
  const sinc = (x: number): number => (x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x));
  return { radius, at: (x) => (x < radius ? sinc(x) * sinc(x / radius) : 0) };
}

export function gaussian(radius: number, sigma: number): Kernel {
  return { radius, at: (x) => (x < radius ? Math.exp((-x * x) / (2 * sigma * sigma)) : 0) };
}

/** The kernels of `tf.image.resize`. */
export const kernels = {
  bilinear: { radius: 1, at: (x: number): number => Math.max(0, 1 - x) },
  /** R. Keys, "Cubic convolution interpolation for digital image processing", 1981, with a = −1/2. */
  bicubic: {
    radius: 2,
    at: (x: number): number => {
      if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
      return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
    },
  },
  lanczos3: lanczos(3),
  lanczos5: lanczos(5),
  gaussian: gaussian(1.5, 0.5),
  /** D. Mitchell and A. Netravali, "Reconstruction filters in computer graphics", 1988, with B = C = 1/3. */
  mitchellcubic: {
    radius: 2,
    at: (x: number): number => {
      if (x < 1) return (7 / 6) * x * x * x - 2 * x * x + 8 / 9;
      return x < 2 ? ((-7 / 18) * x + 2) * x * x - (10 / 3) * x + 16 / 9 : 0;
    },
  },
} satisfies Readonly<Record<string, Kernel>>;
