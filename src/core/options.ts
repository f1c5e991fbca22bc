import { DataError, UsageError } from './errors.ts';

/** What an option may be: how it is checked, and how Keras writes it in a config. */
export interface Kind<Given, Held = Given> {
  /** What errors say is expected: `a whole number above 0`. */
  readonly expected: string;
  /** The value as the code behind it takes it; undefined when it is no such value. */
  readonly check: (value: unknown) => Held | undefined;
  /** As JSON. Default: as it is. */
  readonly toKeras?: (held: Held) => unknown;
  /** From JSON to what `check` takes. Default: as it is. */
  readonly fromKeras?: (json: unknown) => unknown;
  /** Never there but in the type: what the option takes. */
  readonly given?: Given;
}

/** A kind with what stands where the option is left out. */
export interface Option<Given, Held, Required extends boolean = boolean> {
  readonly kind: Kind<Given, Exclude<Held, undefined>>;
  readonly required: Required;
  readonly fallback: Held | undefined;
  /** Keras writes it only where it is given. */
  readonly silent?: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: options of every type meet in a table
export type OptionTable = Readonly<Record<string, Option<any, any>>>;

type GivenOf<O> = O extends Option<infer Given, infer _> ? Given : never;
type HeldBy<O> = O extends Option<infer _, infer Held> ? Held : never;

/** What a constructor takes, from its table of options. */
export type ConfigOf<T extends OptionTable> = {
  readonly [K in keyof T as T[K]['required'] extends true ? K : never]: GivenOf<T[K]>;
} & {
  readonly [K in keyof T as T[K]['required'] extends true ? never : K]?: GivenOf<T[K]> | undefined;
};

/** What it holds then: every option, checked, defaults filled in. */
export type OptionsOf<T extends OptionTable> = { readonly [K in keyof T]: HeldBy<T[K]> };

export function required<Given, Held>(kind: Kind<Given, Held>): Option<Given, Held, true> {
  return { kind: kind as Kind<Given, Exclude<Held, undefined>>, required: true, fallback: undefined };
}

/** @param fallback what is meant when the option is left out; without it, undefined */
export function optional<Given, Held>(kind: Kind<Given, Held>): Option<Given, Held | undefined, false>;
export function optional<Given, Held>(kind: Kind<Given, Held>, fallback: Given): Option<Given, Held, false>;
export function optional<Given, Held>(
  kind: Kind<Given, Held>,
  fallback?: Given,
): Option<Given, Held | undefined, false> {
  return {
    kind: kind as Kind<Given, Exclude<Held, undefined>>,
    required: false,
    fallback: fallback === undefined ? undefined : kind.check(fallback),
  };
}

/** An option without a default that Keras' config has only where it is given. */
export function whenGiven<Given, Held>(kind: Kind<Given, Held>): Option<Given, Held | undefined, false> {
  return { ...optional(kind), silent: true };
}

const shown = (value: unknown): string =>
  typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value));

/**
 * What was given, checked, with the defaults of what was not.
 *
 * @param where what errors call the owner: `layer 'conv1'`
 * @param others further names that `config` may hold
 * @throws {UsageError} names the option that is unknown, missing or wrong
 */
export function resolveOptions<T extends OptionTable>(
  table: T,
  config: object,
  where: string,
  others: readonly string[] = [],
): OptionsOf<T> {
  for (const name of Object.keys(config)) {
    if (Object.hasOwn(table, name) || others.includes(name)) continue;
    throw new UsageError(
      `${where}: there is no option '${name}'; there are ${[...Object.keys(table), ...others].join(', ')}`,
    );
  }
  const given = config as Readonly<Record<string, unknown>>;
  const entries = Object.entries(table).map(([name, { kind, required, fallback }]) => {
    const value = given[name];
    if (value === undefined || (value === null && !required)) {
      if (required) throw new UsageError(`${where}: ${name} is missing; it must be ${kind.expected}`);
      return [name, fallback];
    }
    const held = kind.check(value);
    if (held === undefined)
      throw new UsageError(`${where}: ${name} must be ${kind.expected}, got ${shown(value)}`);
    return [name, held];
  });
  return Object.fromEntries(entries) as OptionsOf<T>;
}

/** `kernelSize` → `kernel_size` */
export const snakeCase = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** `kernel_size` → `kernelSize` */
export const camelCase = (name: string): string =>
  name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

/** Options as Keras writes them. */
export function toKerasConfig<T extends OptionTable>(
  table: T,
  options: OptionsOf<T>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([name, option]) => kerasEntry(name, options[name], option)),
  );
}

/** One option as Keras writes it; none where it says nothing. Without a kind, the value as it is. */
export function kerasEntry(
  name: string,
  held: unknown,
  option: OptionTable[string] | undefined,
): [string, unknown][] {
  if (held === undefined) return option?.silent ? [] : [[snakeCase(name), null]];
  const toKeras = option?.kind.toKeras;
  return [[snakeCase(name), toKeras ? toKeras(held) : held]];
}

/**
 * Options as a constructor takes them, from Keras' config.
 *
 * @throws {DataError} names what this table has no option for
 */
export function fromKerasConfig(
  table: OptionTable,
  config: Readonly<Record<string, unknown>>,
  where: string,
): Record<string, unknown> {
  const byKerasName = new Map(Object.keys(table).map((name) => [snakeCase(name), name]));
  return Object.fromEntries(
    Object.entries(config).map(([kerasName, json]) => {
      const name = byKerasName.get(kerasName);
      if (name === undefined) throw new DataError(`${where}: there is no option '${kerasName}'`);
      const { fromKeras } = table[name]!.kind;
      return [name, json === null ? undefined : fromKeras ? fromKeras(json) : json];
    }),
  );
}

function kindOf<T>(expected: string, holds: (value: unknown) => boolean): Kind<T> {
  return { expected, check: (value) => (holds(value) ? (value as T) : undefined) };
}

/** Sizes, counts of channels. */
export const count = kindOf<number>('a whole number above 0', (v) => Number.isInteger(v) && Number(v) > 0);
export const wholeNumber = kindOf<number>(
  'a whole number from 0 on',
  (v) => Number.isInteger(v) && Number(v) >= 0,
);
export const integer = kindOf<number>('a whole number', Number.isInteger);
export const flag = kindOf<boolean>('true or false', (v) => typeof v === 'boolean');
export const text = kindOf<string>('a text', (v) => typeof v === 'string');
export const seed = kindOf<number>(
  'a whole number from 0 to 2⁵³ − 1',
  (v) => Number.isSafeInteger(v) && Number(v) >= 0,
);
export const finite = kindOf<number>('a finite number', Number.isFinite);

/** A number within bounds, `real({ from: 0, below: 1 })`. */
export function real({
  from,
  above,
  to,
  below,
}: {
  from?: number;
  above?: number;
  to?: number;
  below?: number;
}): Kind<number> {
  const bounds = [
    from !== undefined && `from ${from} on`,
    above !== undefined && `above ${above}`,
    to !== undefined && `up to ${to}`,
    below !== undefined && `below ${below}`,
  ].filter(Boolean);
  return kindOf(
    `a number ${bounds.join(' and ')}`,
    (v) =>
      typeof v === 'number' &&
      Number.isFinite(v) &&
      v >= (from ?? -Infinity) &&
      v > (above ?? -Infinity) &&
      v <= (to ?? Infinity) &&
      v < (below ?? Infinity),
  );
}

/** One of some names; Keras writes `fan_in` for `fanIn`. */
export function oneOf<const Name extends string>(names: readonly Name[]): Kind<Name> {
  return {
    expected: `one of ${names.join(', ')}`,
    check: (value) => (names.includes(value as Name) ? (value as Name) : undefined),
    toKeras: snakeCase,
    fromKeras: (json) => (typeof json === 'string' ? camelCase(json) : json),
  };
}

/** What Keras leaves open and fovea does not: the one value that is taken. */
export function only<const T extends string | number | boolean>(value: T, toKeras: unknown = value): Kind<T> {
  return {
    expected: `${JSON.stringify(value)}, the only one there is`,
    check: (given) => (given === value ? value : undefined),
    toKeras: () => toKeras,
    fromKeras: (json) => (JSON.stringify(json) === JSON.stringify(toKeras) ? value : json),
  };
}

export type Pair<T = number> = readonly [T, T];

/** One for both, or [height, width]. */
export function pairOf<Given, Held>(kind: Kind<Given, Held>): Kind<Given | Pair<Given>, Pair<Held>> {
  return {
    expected: `${kind.expected}, or two of them`,
    check: (value) => {
      const both = (Array.isArray(value) ? value : [value, value]).map(kind.check);
      return both.length === 2 && !both.includes(undefined) ? (both as unknown as Pair<Held>) : undefined;
    },
  };
}

export function listOf<Given, Held>(kind: Kind<Given, Held>): Kind<readonly Given[], readonly Held[]> {
  return {
    expected: `a list, each ${kind.expected}`,
    check: (value) => {
      if (!Array.isArray(value)) return undefined;
      const all = value.map(kind.check);
      return all.includes(undefined) ? undefined : (all as Held[]);
    },
    toKeras: (held) => held.map((each) => (kind.toKeras ? kind.toKeras(each) : each)),
    fromKeras: (json) => (Array.isArray(json) && kind.fromKeras ? json.map(kind.fromKeras) : json),
  };
}

/** Either kind, the first that fits. */
export function either<G1, H1, G2, H2>(a: Kind<G1, H1>, b: Kind<G2, H2>): Kind<G1 | G2, H1 | H2> {
  const kindFor = (held: H1 | H2): Kind<unknown, unknown> =>
    (a.check(held) !== undefined ? a : b) as Kind<unknown, unknown>;
  return {
    expected: `${a.expected}, or ${b.expected}`,
    check: (value) => a.check(value) ?? b.check(value),
    toKeras: (held) => {
      const { toKeras } = kindFor(held);
      return toKeras ? toKeras(held) : held;
    },
    fromKeras: (json) => {
      const first = a.fromKeras ? a.fromKeras(json) : json;
      return a.check(first) !== undefined ? first : b.fromKeras ? b.fromKeras(json) : json;
    },
  };
}
