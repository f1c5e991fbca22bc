import { UsageError } from '../../core/errors.ts';

/** What JSON holds, and all numbers. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** Deeper than any state; a value that holds itself comes here. */
const maxDepth = 500;

/**
 * JSON that gives every number back as it was: `{"$number":"NaN"}` stands for NaN, and so on for Infinity, -Infinity
 * and -0; names that begin with `$` get another in front.
 *
 * @param where what errors call the value
 * @throws {UsageError} names what is no plain JSON
 */
export function toExactJson(value: JsonValue, where: string): string {
  return JSON.stringify(escaped(value, where, 0));
}

export function parseExactJson(text: string): JsonValue {
  return restored(JSON.parse(text) as JsonValue);
}

function escaped(value: unknown, where: string, depth: number): unknown {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') {
    if (Object.is(value, -0)) return { $number: '-0' };
    return Number.isFinite(value) ? value : { $number: String(value) };
  }
  if (depth > maxDepth) {
    throw new UsageError(`${where.slice(0, 80)}…: is nested too deeply, or holds itself`);
  }
  if (Array.isArray(value)) return Array.from(value, (each, i) => escaped(each, `${where}[${i}]`, depth + 1));
  if (!isPlainObject(value)) throw new UsageError(`${where}: must be plain JSON, got ${kindOf(value)}`);
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined) // as JSON does
      .map(([name, each]) => [
        name.startsWith('$') ? `$${name}` : name,
        escaped(each, `${where}.${name}`, depth + 1),
      ]),
  );
}

function restored(value: JsonValue): JsonValue {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(restored);
  const entries = Object.entries(value);
  const [first] = entries;
  if (first?.[0] === '$number') return Number(first[1]);
  return Object.fromEntries(
    entries.map(([name, each]) => [name.startsWith('$') ? name.slice(1) : name, restored(each)]),
  );
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function kindOf(value: unknown): string {
  return typeof value === 'object' ? `a ${value?.constructor.name}` : `a value of type ${typeof value}`;
}
