import type { z } from 'zod';
import { DataError } from '../core/errors.ts';

/**
 * What was read from outside, checked.
 *
 * @param where what errors call it, such as a file's path
 * @throws {DataError} names the first field that is wrong, and what it should be
 */
export function checked<T>(schema: z.ZodType<T>, value: unknown, where: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw new DataError(`${where}: ${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`);
}
