import { ShapeError } from '../core/errors.ts';
import {
  type ConfigOf,
  count,
  type Kind,
  listOf,
  oneOf,
  optional,
  type Pair,
  pairOf,
  required,
  wholeNumber,
} from '../core/options.ts';
import { type Dim, divideDims, formatShape, sizeOf } from '../core/shape.ts';
import type { Value } from '../graph/value.ts';
import { expandDims, tile } from '../ops/rearranging.ts';
import { pad, reshape, slice, transpose } from '../ops/shaping.ts';
import { knownSize, Layer, type LayerConfig } from './layer.ts';
import { resizeImages, resizeMethods } from './resize.ts';
import { checkImages, dataFormat, sizeKind } from './window.ts';

export type FlattenConfig = ConfigOf<typeof dataFormat> & LayerConfig;

/** [batch, …] → [batch, size]. https://keras.io/api/layers/reshaping_layers/flatten/ */
export class Flatten extends Layer<typeof dataFormat> {
  static override readonly className: string = 'Flatten';
  static override readonly options = dataFormat;

  call([x]: readonly [Value]): Value {
    return reshape(x, { shape: [x.shape[0] as Dim, sizeOf(x.shape.slice(1))] });
  }
}

const anySizes = listOf(count);
const targetShapeKind: Kind<readonly number[]> = {
  expected: 'a list of whole numbers above 0, with −1 at most once',
  check: (value) => {
    if (!Array.isArray(value) || value.filter((size) => size === -1).length > 1) return undefined;
    return anySizes.check(value.filter((size) => size !== -1)) && value;
  },
};

const reshapeOptions = {
  /** Without the batch; −1 stands for what is left over. */
  targetShape: required(targetShapeKind),
};

export type ReshapeConfig = ConfigOf<typeof reshapeOptions> & LayerConfig;

/** The same elements in another shape, [batch, …] → [batch, …targetShape]. https://keras.io/api/layers/reshaping_layers/reshape/ */
export class Reshape extends Layer<typeof reshapeOptions> {
  static override readonly className: string = 'Reshape';
  static override readonly options = reshapeOptions;

  call([x]: readonly [Value]): Value {
    const { targetShape } = this.options;
    const size = sizeOf(x.shape.slice(1));
    const rest = divideDims(size, sizeOf(targetShape.filter((dim) => dim !== -1)));
    if (rest === undefined || (rest !== 1 && !targetShape.includes(-1)))
      throw new ShapeError(`${size} elements cannot take the shape ${formatShape(targetShape)}`);
    return reshape(x, { shape: [x.shape[0]!, ...targetShape.map((dim) => (dim === -1 ? rest : dim))] });
  }
}

const permutationKind: Kind<readonly number[]> = {
  expected: 'a list of the axes from 1 on, each once, such as [2, 1, 3]',
  check: (value) => {
    const isOrder = Array.isArray(value) && value.every((_, i) => value.includes(i + 1));
    return isOrder ? value : undefined;
  },
};

const permuteOptions = {
  /** Which axis of the input, counted from 1 behind the batch, stands at each place of the output. */
  dims: required(permutationKind),
};

export type PermuteConfig = ConfigOf<typeof permuteOptions> & LayerConfig;

/** Axes in another order, the batch in its place. https://keras.io/api/layers/reshaping_layers/permute/ */
export class Permute extends Layer<typeof permuteOptions> {
  static override readonly className: string = 'Permute';
  static override readonly options = permuteOptions;

  call([x]: readonly [Value]): Value {
    const { dims } = this.options;
    if (x.rank !== dims.length + 1)
      throw new ShapeError(`dims ${formatShape(dims)} are for ${dims.length} axes behind the batch`);
    return transpose(x, { perm: [0, ...dims] });
  }
}

const repeatVectorOptions = {
  /** How many times. */
  n: required(count),
};

export type RepeatVectorConfig = ConfigOf<typeof repeatVectorOptions> & LayerConfig;

/** [batch, size] → [batch, n, size]. https://keras.io/api/layers/reshaping_layers/repeat_vector/ */
export class RepeatVector extends Layer<typeof repeatVectorOptions> {
  static override readonly className: string = 'RepeatVector';
  static override readonly options = repeatVectorOptions;

  call([x]: readonly [Value]): Value {
    if (x.rank !== 2) throw new ShapeError('vectors [batch, size] are needed');
    return tile(expandDims(x, { axis: 1 }), { repeats: [1, this.options.n, 1] });
  }
}

type Margins = number | Pair<number | Pair>;

/** Held as [[top, bottom], [left, right]]. */
const marginsKind: Kind<Margins, Pair<Pair>> = {
  expected: 'a whole number from 0 on, [height, width] of them, or [[top, bottom], [left, right]] of them',
  check: pairOf(pairOf(wholeNumber)).check,
};

const zeroPaddingOptions = {
  /** One number for every side, [height, width], or [[top, bottom], [left, right]]. Default 1. */
  padding: optional(marginsKind, 1),
  ...dataFormat,
};

export type ZeroPadding2DConfig = ConfigOf<typeof zeroPaddingOptions> & LayerConfig;

/** Zeros around images. https://keras.io/api/layers/reshaping_layers/zero_padding2d/ */
export class ZeroPadding2D extends Layer<typeof zeroPaddingOptions> {
  static override readonly className: string = 'ZeroPadding2D';
  static override readonly options = zeroPaddingOptions;

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    const [[top, bottom], [left, right]] = this.options.padding;
    return pad(x, { before: [0, top, left, 0], after: [0, bottom, right, 0] });
  }
}

const croppingOptions = {
  /** One number for every side, [height, width], or [[top, bottom], [left, right]]. Default 0. */
  cropping: optional(marginsKind, 0),
  ...dataFormat,
};

export type Cropping2DConfig = ConfigOf<typeof croppingOptions> & LayerConfig;

/** Images without their margins. https://keras.io/api/layers/reshaping_layers/cropping2d/ */
export class Cropping2D extends Layer<typeof croppingOptions> {
  static override readonly className: string = 'Cropping2D';
  static override readonly options = croppingOptions;

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    const { cropping } = this.options;
    const ends = cropping.map(([before, after], i) => {
      const size = knownSize(x.shape, i + 1, 'height and width');
      if (before + after >= size)
        throw new ShapeError(
          `cropping ${before} and ${after} leaves nothing of the ${i === 0 ? 'height' : 'width'} ${size}`,
        );
      return size - after;
    });
    return slice(x, { starts: cropping.map(([before]) => before), ends, axes: [1, 2] });
  }
}

const upSamplingOptions = {
  /** How many times larger: one number for both, or [height, width]. Default 2. */
  size: optional(sizeKind, 2),
  ...dataFormat,
  /** Default 'nearest', which repeats rows and columns. */
  interpolation: optional(oneOf(resizeMethods.filter((method) => method !== 'area')), 'nearest'),
};

export type UpSampling2DConfig = ConfigOf<typeof upSamplingOptions> & LayerConfig;

/** Images made larger by whole factors. https://keras.io/api/layers/reshaping_layers/up_sampling2d/ */
export class UpSampling2D extends Layer<typeof upSamplingOptions> {
  static override readonly className: string = 'UpSampling2D';
  static override readonly options = upSamplingOptions;

  call([x]: readonly [Value]): Value {
    checkImages(x.shape);
    const { size, interpolation } = this.options;
    const [height, width] = size.map((by, i) => by * knownSize(x.shape, i + 1, 'height and width')) as [
      number,
      number,
    ];
    return resizeImages(x, [height, width], { method: interpolation });
  }
}
