import { ShapeError } from '../core/errors.ts';
import { type ConfigOf, type Kind, type OptionsOf, required, resolveOptions } from '../core/options.ts';
import { deriveKey, type Key } from '../core/random.ts';
import { formatShape, sameShape } from '../core/shape.ts';
import { type Spec, type SpecName, specKind, specOf } from '../core/specs.ts';
import type { Tensor } from '../core/tensor.ts';
import { stftFromKeras } from './stft.ts';
import { initializerTable } from './table.ts';

export { initializerTable } from './table.ts';
export { computeFans } from './variance-scaling.ts';

type Table = typeof initializerTable;

/** An initializer of one's own: its weight's shape and a key of its own in, float32 values of that shape out. */
export type InitializerFunction = (shape: readonly number[], key: Key) => Tensor<'float32'>;
export type InitializerName = Exclude<SpecName<Table>, 'sTFT'> | 'stft';
/** How a weight begins: `'heNormal'`, `initializers.heNormal({ seed: 1 })`, or a function. */
export type Initializer = InitializerName | Spec | InitializerFunction;

const specs = specKind<Table, InitializerFunction>(
  initializerTable,
  'initializer',
  'keras.initializers',
) as Kind<Initializer, Spec | InitializerFunction>;

/** Names of classes in files of Keras' earlier versions. */
const formerNames: Readonly<Record<string, keyof Table>> = {
  IdentityInitializer: 'Identity',
  OrthogonalInitializer: 'Orthogonal',
  STFTInitializer: 'STFT',
};

/** The option that takes an initializer. */
export const initializerKind: Kind<Initializer, Spec | InitializerFunction> = {
  ...specs,
  fromKeras: (json) => {
    const { class_name: name, config } = (json ?? {}) as {
      class_name?: string;
      config?: Record<string, unknown>;
    };
    if (typeof name !== 'string') return json;
    const className = Object.hasOwn(formerNames, name) ? formerNames[name] : name;
    return specs.fromKeras!({
      class_name: className,
      config: className === 'STFT' ? stftFromKeras(config ?? {}) : config,
    });
  },
};

const option = { initializer: required(initializerKind) };

/**
 * The first values of a weight. One whose initializer has a `seed` gets them from that seed and its shape alone.
 *
 * @param key a key of the weight's own; not used by an initializer that has a seed
 * @throws {ShapeError} when the initializer has no values for this shape
 * @throws {UsageError} when there is no such initializer
 * @example drawInitial('heNormal', [3, 3, 64, 128], deriveKey(seed, 'initializer', 'conv1/kernel'));
 */
export function drawInitial(initializer: Initializer, shape: readonly number[], key: Key): Tensor<'float32'> {
  const { initializer: held } = resolveOptions(option, { initializer }, 'drawInitial');
  if (typeof held === 'function') {
    const value = held(shape, key);
    if (value?.dtype === 'float32' && sameShape(value.shape, shape)) return value;
    throw new ShapeError(
      `initializer ${held.name || 'function'}: a float32 tensor of the shape ${formatShape(shape)} is needed, got ${
        value?.shape ? `${value.dtype}${formatShape(value.shape)}` : value
      }`,
    );
  }
  const { seed } = held.config as { readonly seed?: number };
  const { draw } = initializerTable[held.className as keyof Table];
  return draw(held.config as never, shape, seed === undefined ? key : deriveKey(seed, 'initializer'));
}

function named<Name extends keyof Table>(className: Name) {
  type Options = Table[Name]['options'];
  return (config: ConfigOf<Options> = {} as ConfigOf<Options>): Spec<Name, OptionsOf<Options>> =>
    specOf(initializerTable, className, config, `initializer ${className}`);
}

/**
 * Initializers with options, as plain data: https://keras.io/api/layers/initializers/
 *
 * Random ones take a `seed`, a whole number, which makes their values depend on that and the weight's shape alone.
 * Without it, each weight has random numbers of its own from the seed of the model.
 *
 * @throws {UsageError} names an option that is unknown or out of range
 * @example layers.dense({ units: 4, kernelInitializer: initializers.heNormal({ seed: 1 }) });
 */
export const initializers = {
  zeros: named('Zeros'),
  ones: named('Ones'),
  /** `value` (default 0) throughout. */
  constant: named('Constant'),
  /** A matrix with `gain` (default 1) on its diagonal and zeros elsewhere. */
  identity: named('Identity'),
  /** Normal with `mean` (default 0) and `stddev` (default 0.05). */
  randomNormal: named('RandomNormal'),
  /** Uniform from `minval` (default −0.05) to `maxval` (default 0.05), which is not reached. */
  randomUniform: named('RandomUniform'),
  /** As `randomNormal`, but numbers more than two standard deviations from the mean are drawn again. */
  truncatedNormal: named('TruncatedNormal'),
  /**
   * Numbers around zero of the variance `scale` (default 1) / n, where n is the fan in, the fan out, or their average
   * (`mode`: `'fanIn'`, the default, `'fanOut'`, `'fanAvg'`). `distribution`: `'truncatedNormal'` (default),
   * `'untruncatedNormal'` or `'uniform'`. `inputAxes` and `outputAxes`, together, say which axes the fans are counted
   * along; default as of the kernels of dense and convolutional layers.
   */
  varianceScaling: named('VarianceScaling'),
  /** Truncated normal of the variance 2 / (fan in + fan out): Glorot and Bengio, AISTATS 2010. */
  glorotNormal: named('GlorotNormal'),
  /** Uniform within ±√(6 / (fan in + fan out)): Glorot and Bengio, AISTATS 2010. */
  glorotUniform: named('GlorotUniform'),
  /** Truncated normal of the variance 2 / fan in: He et al., ICCV 2015. */
  heNormal: named('HeNormal'),
  /** Uniform within ±√(6 / fan in): He et al., ICCV 2015. */
  heUniform: named('HeUniform'),
  /** Truncated normal of the variance 1 / fan in: LeCun et al., Efficient BackProp, 1998. */
  lecunNormal: named('LecunNormal'),
  /** Uniform within ±√(3 / fan in): LeCun et al., Efficient BackProp, 1998. */
  lecunUniform: named('LecunUniform'),
  /**
   * `gain` (default 1) times a random orthogonal matrix, all axes but the last being one: Saxe, McClelland and Ganguli,
   * ICLR 2014. It takes rows · columns · the fewer of both steps.
   */
  orthogonal: named('Orthogonal'),
  /**
   * Kernels [frame, 1, frequencies] of a short-time Fourier transform: its `side` `'real'` (default) or `'imag'`, a
   * `window` by name (default `'hann'`), by its values, or `'none'`, `scaling` by its power (`'density'`, the default),
   * its sum (`'spectrum'`) or `'none'`, and whether the window is `periodic` (default false).
   */
  stft: named('STFT'),
};
