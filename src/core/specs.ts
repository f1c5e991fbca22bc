import { customName, customObject } from './custom-objects.ts';
import { DataError, UsageError } from './errors.ts';
import {
  fromKerasConfig,
  type Kind,
  type OptionsOf,
  type OptionTable,
  resolveOptions,
  toKerasConfig,
} from './options.ts';

/** A function with options as plain data, such as an initializer: `{ className: 'HeNormal', config: { seed: 1 } }`. */
export interface Spec<Name extends string = string, Config extends object = object> {
  readonly className: Name;
  readonly config: Config;
}

/** The rows that specs name, by Keras' class. */
export type SpecTable = Readonly<Record<string, { readonly options: OptionTable }>>;

/** `'heNormal'` for `HeNormal`. */
export type SpecName<T extends SpecTable> = Uncapitalize<keyof T & string>;

/** A spec of one row, its options checked. */
export function specOf<T extends SpecTable, Name extends keyof T & string>(
  table: T,
  className: Name,
  config: object,
  where: string,
): Spec<Name, OptionsOf<T[Name]['options']>> {
  return { className, config: resolveOptions(table[className]!.options, config, where) };
}

const plain = (name: string) => name.replaceAll('_', '').toLowerCase();

/**
 * The option that takes a row's name (`'heNormal'`), a spec, or a function of one's own.
 *
 * @param what `initializer`
 * @param module Keras' module, `keras.initializers`
 */
export function specKind<T extends SpecTable, Custom extends (...args: never[]) => unknown>(
  table: T,
  what: string,
  module: string,
): Kind<SpecName<T> | Spec | Custom, Spec | Custom> {
  const classNames = new Map(Object.keys(table).map((name) => [plain(name), name]));
  return {
    expected: `${what}: one of ${Object.keys(table)
      .map((name) => name[0]!.toLowerCase() + name.slice(1))
      .join(', ')}, or what a function of that name gives`,
    check: (value) => {
      if (typeof value === 'function') return value as Custom;
      if (typeof value === 'string') {
        const custom = customObject(value);
        if (custom) return custom as unknown as Custom;
        const className = classNames.get(plain(value));
        return className === undefined ? undefined : specOf(table, className, {}, `${what} '${value}'`);
      }
      const { className, config } = (value ?? {}) as Partial<Spec>;
      if (typeof className !== 'string' || !Object.hasOwn(table, className)) return undefined;
      return specOf(table, className, config ?? {}, `${what} ${className}`);
    },
    toKeras: (held) => {
      if (typeof held === 'function') {
        const name = customName(held);
        if (name !== undefined)
          return { module: 'builtins', class_name: 'function', config: name, registered_name: name };
        throw new UsageError(
          `${what}: a function of one’s own can be saved once it has a name: registerCustomObjects({ name: function })`,
        );
      }
      const { className, config } = held as Spec;
      return {
        module,
        class_name: className,
        config: toKerasConfig(table[className]!.options, config as never),
        registered_name: null,
      };
    },
    fromKeras: (json) => {
      if (typeof json !== 'object' || json === null) return json;
      const { class_name: className, config } = json as { class_name?: unknown; config?: unknown };
      if (className === 'function') return config;
      if (typeof className !== 'string' || !Object.hasOwn(table, className)) {
        throw new DataError(`there is no ${what} '${className}'; there are ${Object.keys(table).join(', ')}`);
      }
      return {
        className,
        config: fromKerasConfig(table[className]!.options, (config ?? {}) as Record<string, unknown>, what),
      };
    },
  };
}
