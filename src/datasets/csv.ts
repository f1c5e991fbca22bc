import { readCsv } from '../codecs/csv.ts';
import { DataError, UsageError } from '../core/errors.ts';
import { asList } from '../core/lists.ts';
import { plural } from '../core/text.ts';
import { Dataset } from '../data/dataset.ts';

interface TypeOf {
  readonly string: string;
  readonly number: number;
  readonly integer: number;
  readonly boolean: boolean;
}

export type ColumnType = keyof TypeOf;

/** How a column is read: its type alone, or with what stands for an empty field. */
export type ColumnSpec =
  | ColumnType
  | { [Type in ColumnType]: { readonly type: Type; readonly default: TypeOf[Type] } }[ColumnType];

export type ColumnSpecs = Readonly<Record<string, ColumnSpec>>;

type ColumnOf<S> = S extends ColumnType
  ? TypeOf[S]
  : S extends { readonly type: infer Type extends ColumnType }
    ? TypeOf[Type]
    : never;

/** A row: its fields by their columns' names. */
export type RowOf<S extends ColumnSpecs> = { -readonly [K in keyof S]: ColumnOf<S[K]> };

export interface CsvOptions<S extends ColumnSpecs> {
  /** The columns to read, by name. Others in the file are passed over. */
  readonly columns: S;
  /** Whether the first line names the columns (the default). Without it, `columns` are all columns in their order. */
  readonly header?: boolean | undefined;
  /** One character; `','` by default. */
  readonly delimiter?: string | undefined;
}

interface Kind<T> {
  readonly expected: string;
  readonly read: (text: string) => T | undefined;
}

const number = (text: string): number | undefined => {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) ? undefined : value;
};

const kinds: { readonly [Type in ColumnType]: Kind<TypeOf[Type]> } = {
  string: { expected: 'a text', read: (text) => text },
  number: { expected: 'a number', read: number },
  integer: {
    expected: 'a whole number',
    read: (text) => {
      const value = number(text);
      return Number.isSafeInteger(value) ? value : undefined;
    },
  },
  boolean: {
    expected: 'true or false',
    read: (text) => ({ true: true, false: false, 1: true, 0: false })[text.trim().toLowerCase()],
  },
};

/**
 * The rows of CSV files, such as a list of images and their labels, one file after another, read as they are asked for.
 * https://www.tensorflow.org/api_docs/python/tf/data/experimental/CsvDataset
 *
 * @throws {UsageError} when no columns are asked for, or the delimiter is not one character
 * @throws {DataError} while reading; it names file, line and column of a missing or wrong value, and the line of a row
 *   with too few or too many fields
 * @example csv('manifest.csv', { columns: { path: 'string', label: { type: 'integer', default: -1 } } })
 */
export function csv<const S extends ColumnSpecs>(
  files: string | readonly string[],
  { columns, header = true, delimiter = ',' }: CsvOptions<S>,
): Dataset<RowOf<S>> {
  const paths = asList(files);
  const names = Object.keys(columns);
  if (names.length === 0) throw new UsageError('csv: name at least one column');
  if ([...delimiter].length !== 1 || /["\r\n]/.test(delimiter)) {
    throw new UsageError(`csv: the delimiter must be one character, got ${JSON.stringify(delimiter)}`);
  }
  const readers = names.map((name) => [name, fieldReader(name, columns[name]!)] as const);
  return Dataset.fromGenerator(async function* () {
    for (const path of paths) {
      let places = header ? undefined : names.map((_, i) => i);
      let width = header ? 0 : names.length;
      for await (const { line, fields } of readCsv(path, delimiter)) {
        if (!places) {
          places = placesOf(names, fields, path);
          width = fields.length;
          continue;
        }
        if (fields.length !== width) {
          throw new DataError(
            `${path} line ${line}: the row has ${plural(fields.length, 'field')}, and ${width} are expected`,
          );
        }
        yield Object.fromEntries(
          readers.map(([name, read], i) => [name, read(fields[places![i]!]!, path, line)]),
        ) as RowOf<S>;
      }
      if (!places) throw new DataError(`${path} is empty: its first line must name the columns`);
    }
  });
}

function placesOf(names: readonly string[], header: readonly string[], path: string): number[] {
  return names.map((name) => {
    const place = header.indexOf(name);
    if (place < 0) {
      throw new DataError(`${path} has no column '${name}'; its first line names ${header.join(', ')}`);
    }
    if (header.lastIndexOf(name) > place) throw new DataError(`${path} has two columns '${name}'`);
    return place;
  });
}

function fieldReader(column: string, spec: ColumnSpec) {
  const { type, default: standIn } = typeof spec === 'string' ? { type: spec, default: undefined } : spec;
  if (!Object.hasOwn(kinds, type)) {
    throw new UsageError(
      `csv: column '${column}' must be one of ${Object.keys(kinds).join(', ')}, got ${String(type)}`,
    );
  }
  const { expected, read } = kinds[type];
  return (text: string, path: string, line: number): unknown => {
    if (text === '' && standIn !== undefined) return standIn;
    const value = read(text);
    if (value !== undefined) return value;
    const got = text === '' ? 'nothing: give the column a default' : JSON.stringify(text);
    throw new DataError(`${path} line ${line}, column '${column}': ${expected} is expected, got ${got}`);
  };
}
