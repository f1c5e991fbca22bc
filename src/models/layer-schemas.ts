import { z } from 'zod';
import { activations } from '../activations/activations.ts';
import { arrayTypes } from '../core/dtype.ts';
import { initializers } from '../initializers/initializers.ts';
import { pixelScales } from '../layers/preprocessing.ts';

const oneOf = <K extends string>(table: Readonly<Record<K, unknown>>) =>
  z.enum(Object.keys(table) as [K, ...K[]]);

const count = z.int().positive();
const size = z.union([count, z.tuple([count, count])], {
  error: 'expected a whole number above 0, or two of them',
});
const padding = z.enum(['valid', 'same']);
const symbol = z.string().regex(/^[a-z_]\w*$/i, 'the name of an open size is letters, digits and _');
const activation = oneOf(activations);
const initializer = oneOf(initializers);

const base = { name: z.string().min(1), trainable: z.boolean().optional() };
const pooling = z.strictObject({
  ...base,
  poolSize: size.optional(),
  strides: size.optional(),
  padding: padding.optional(),
});
const plain = z.strictObject(base);

/** What a file may say of each class of layer: its constructor's options, the name included. */
export const layerSchemas: Readonly<Record<string, z.ZodType<object>>> = {
  InputLayer: z.strictObject({
    ...base,
    shape: z.array(z.union([count, symbol])),
    dtype: oneOf(arrayTypes).optional(),
  }),
  Conv2D: z.strictObject({
    ...base,
    filters: count,
    kernelSize: size,
    strides: size.optional(),
    padding: padding.optional(),
    dilationRate: size.optional(),
    groups: count.optional(),
    activation: activation.optional(),
    useBias: z.boolean().optional(),
    kernelInitializer: initializer.optional(),
  }),
  MaxPooling2D: pooling,
  AveragePooling2D: pooling,
  GlobalAveragePooling2D: plain,
  Concatenate: z.strictObject({ ...base, axis: z.int().optional() }),
  Normalization: plain,
  Logarithm: z.strictObject({ ...base, offset: z.number().positive().optional() }),
  Flatten: plain,
  Dense: z.strictObject({
    ...base,
    units: count,
    activation: activation.optional(),
    useBias: z.boolean().optional(),
    kernelInitializer: initializer.optional(),
    kernelRegularizer: z.strictObject({ l2: z.number().nonnegative() }).optional(),
  }),
  Dropout: z.strictObject({ ...base, rate: z.number().min(0).lt(1) }),
  Activation: z.strictObject({ ...base, activation }),
  Preprocessing: z.strictObject({ ...base, mode: oneOf(pixelScales) }),
};
