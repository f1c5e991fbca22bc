import { ShapeError } from '../core/errors.ts';
import { finite, type Kind, optional, seed } from '../core/options.ts';
import { formatShape } from '../core/shape.ts';
import { drawn, filled, row, truncatedNormal } from './draw.ts';
import { orthogonalMatrix } from './orthogonal.ts';
import { stftRow } from './stft.ts';
import { scalingRow, varianceScalingRow } from './variance-scaling.ts';

const normal = { seed: optional(seed), mean: optional(finite, 0), stddev: optional(finite, 0.05) };

/** Keras 3 reads the gain of an identity but writes none, so one of 1 is not written either. */
const identityGain: Kind<number> = { ...finite, toKeras: (gain) => (gain === 1 ? undefined : gain) };

/** Initializers by Keras' class names, https://keras.io/api/layers/initializers/ */
export const initializerTable = {
  Zeros: row({}, (_, shape) => filled(shape, 0)),
  Ones: row({}, (_, shape) => filled(shape, 1)),
  Constant: row({ value: optional(finite, 0) }, ({ value }, shape) => filled(shape, value)),
  Identity: row({ gain: optional(identityGain, 1) }, ({ gain }, shape) => {
    const [rows, columns] = shape;
    if (shape.length !== 2) {
      throw new ShapeError(`initializer Identity: a matrix is needed, got the shape ${formatShape(shape)}`);
    }
    const matrix = filled(shape, 0);
    for (let i = 0; i < Math.min(rows!, columns!); i++) matrix.data[i * columns! + i] = gain;
    return matrix;
  }),
  RandomNormal: row(normal, ({ mean, stddev }, shape, key) =>
    drawn(shape, key, (stream) => mean + stddev * stream.normal()),
  ),
  RandomUniform: row(
    { seed: optional(seed), minval: optional(finite, -0.05), maxval: optional(finite, 0.05) },
    ({ minval, maxval }, shape, key) => drawn(shape, key, (stream) => stream.uniform(minval, maxval)),
  ),
  TruncatedNormal: row(normal, ({ mean, stddev }, shape, key) =>
    drawn(shape, key, (stream) => mean + stddev * truncatedNormal(stream)),
  ),
  VarianceScaling: varianceScalingRow,
  GlorotNormal: scalingRow(1, 'fanAvg', 'truncatedNormal'),
  GlorotUniform: scalingRow(1, 'fanAvg', 'uniform'),
  HeNormal: scalingRow(2, 'fanIn', 'truncatedNormal'),
  HeUniform: scalingRow(2, 'fanIn', 'uniform'),
  LecunNormal: scalingRow(1, 'fanIn', 'truncatedNormal'),
  LecunUniform: scalingRow(1, 'fanIn', 'uniform'),
  Orthogonal: row({ seed: optional(seed), gain: optional(finite, 1) }, ({ gain }, shape, key) =>
    orthogonalMatrix(gain, shape, key),
  ),
  STFT: stftRow,
};
