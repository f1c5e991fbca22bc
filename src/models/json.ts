import { DataError } from '../core/errors.ts';

/** Readers of parsed JSON from outside. Each error names the place and what was found there. */
export type JsonObject = Readonly<Record<string, unknown>>;

function found(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return value === undefined ? 'missing' : JSON.stringify(value);
}

const refused = (value: unknown, what: string, where: string) =>
  new DataError(`${where} should be ${what}, and is ${found(value)}`);

export function objectAt(value: unknown, where: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw refused(value, 'an object', where);
}

export function listAt(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw refused(value, 'a list', where);
}

export function textAt(value: unknown, where: string): string {
  if (typeof value === 'string') return value;
  throw refused(value, 'a text', where);
}

export function flagAt(value: unknown, where: string): boolean {
  if (typeof value === 'boolean') return value;
  throw refused(value, 'true or false', where);
}

/** A text as JSON. */
export function parsedJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new DataError(`${where} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}
