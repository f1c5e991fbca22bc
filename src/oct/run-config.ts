import { z } from 'zod';
import { DataError } from '../core/errors.ts';
import { resizeMethods } from '../images/resize.ts';
import type { RunConfig } from './run-folder.ts';

const format = 1 satisfies RunConfig['format'];

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits');
const pixels = z.int().positive();
const configSchema: z.ZodType<RunConfig> = z.object({
  format: z.literal(format),
  fovea: z.string(),
  backbone: z.string(),
  recipe: z.string(),
  classNames: z
    .array(z.string())
    .min(2)
    .refine((names) => new Set(names).size === names.length, 'class names must differ'),
  imageSize: z.tuple([pixels, pixels]),
  resize: z.enum(resizeMethods),
  channels: z.union([z.literal(1), z.literal(3)], { error: 'expected 1 or 3' }),
  settings: z.record(z.string(), z.unknown()),
  checksums: z.object({ 'weights.safetensors': sha256, 'model.json': sha256 }),
});

/**
 * `config.json` of a run folder, checked. The checks need a while to be loaded, so `readRun` loads them when it runs.
 *
 * @param where what errors call the file
 * @throws {DataError} names the first field that is wrong, and what it should be
 */
export function checkedConfig(value: unknown, where: string): RunConfig {
  const { format: version } = checked(z.looseObject({ format: z.int() }), value, where);
  if (version > format) {
    throw new DataError(
      `${where}: the run has format ${version}, and this fovea reads up to ${format}; install a newer fovea`,
    );
  }
  return checked(configSchema, value, where);
}

function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new DataError(`${where}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`);
}
