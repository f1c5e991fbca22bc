import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DataError, UsageError } from '../core/errors.ts';
import { type ColumnSpecs, type CsvOptions, csv } from './csv.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-csv-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read<S extends ColumnSpecs>(content: string | Uint8Array, options: CsvOptions<S>) {
  const path = join(folder, 'm.csv');
  await writeFile(path, content);
  return csv(path, options).toArray();
}

const columns = { path: 'string', label: 'integer' } as const;

test('columns are found by name behind a byte order mark, in any order, in their types', async () => {
  const content = '\ufefflabel,score,ok,path\r\n1,0.5,TRUE,"a,b.png"\n\n2,-1e3,0,"say ""x"""\r\n';
  const rows = await read(content, { columns: { ...columns, score: 'number', ok: 'boolean' } });
  const first: { path: string; label: number; score: number; ok: boolean } = rows[0]!;
  expect(first).toEqual({ path: 'a,b.png', label: 1, score: 0.5, ok: true });
  expect(rows[1]).toEqual({ path: 'say "x"', label: 2, score: -1000, ok: false });
});

test('without a header columns come in their order; files follow one another', async () => {
  const [a, b] = [join(folder, 'a.csv'), join(folder, 'b.csv')];
  await writeFile(a, 'x.png;1');
  await writeFile(b, 'y.png;2\n');
  const rows = csv([a, b], { columns, header: false, delimiter: ';' });
  expect(await rows.toArray()).toEqual([
    { path: 'x.png', label: 1 },
    { path: 'y.png', label: 2 },
  ]);
});

test('what is written as RFC 4180 says is read as it was', async () => {
  const fields = fc.array(
    fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', 'é', ' ') }), {
      minLength: 3,
      maxLength: 3,
    }),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(fields, fc.boolean(), async (rows, crlf) => {
      const quoted = rows.map((row) => row.map((field) => `"${field.replaceAll('"', '""')}"`).join(','));
      const content = quoted.join(crlf ? '\r\n' : '\n');
      const found = await read(content, {
        columns: { a: 'string', b: 'string', c: 'string' },
        header: false,
      });
      expect(found.map(({ a, b, c }) => [a, b, c])).toEqual(rows);
    }),
    { numRuns: 60 },
  );
});

test('a row is whole wherever its file is cut into pieces', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ path: `folder "é"/${i}, x.png`, label: i }));
  const lines = rows.map(({ path, label }) => `"${path.replaceAll('"', '""')}",${label}`);
  expect(await read(`path,label\r\n${lines.join('\r\n')}`, { columns })).toEqual(rows);
});

describe('refuses', () => {
  test.each([
    [
      'a row with too few fields',
      'path,label\na,1\n\nb\n',
      'm.csv line 4: the row has 1 field, and 2 are expected',
    ],
    [
      'a row with too many fields',
      'path,label\n"a\nb",1\nb,2,3\n',
      'm.csv line 4: the row has 3 fields, and 2 are expected',
    ],
    ['a missing column', 'file,label\na,1', "has no column 'path'; its first line names file, label"],
    ['a column twice', 'path,label,path\n', "has two columns 'path'"],
    [
      'a value of another type',
      'path,label\na,1.5',
      `m.csv line 2, column 'label': a whole number is expected, got "1.5"`,
    ],
    ['an empty value', 'path,label\na,', "line 2, column 'label': a whole number is expected, got nothing"],
    ['a quote that is never closed', 'path,label\na,1\n"b,2\nc,3\n', 'm.csv line 3: a quote is never closed'],
    ['a quote in the middle', 'path,label\na"b",1', 'm.csv line 2: a quote within a field without quotes'],
    ['what follows a quote', 'path,label\n"a"b,1', "m.csv line 2: 'b' behind a closing quote"],
    ['an empty file', '', 'is empty: its first line must name the columns'],
    ['what is no UTF-8', Buffer.from('path,label\n\xe9,1\n', 'latin1'), 'the text is no UTF-8'],
  ])('%s', async (_, content, message) => {
    await expect(read(content, { columns })).rejects.toThrow(DataError);
    await expect(read(content, { columns })).rejects.toThrow(message);
  });

  test('a file that is gone, by name', async () => {
    await expect(csv(join(folder, 'gone.csv'), { columns }).toArray()).rejects.toThrow(
      'gone.csv: there is no such file',
    );
  });

  test.each([
    ['name at least one column', { columns: {} }],
    ['the delimiter must be one character', { columns, delimiter: ', ' }],
    ['the delimiter must be one character', { columns, delimiter: '"' }],
    [
      "column 'path' must be one of string, number, integer, boolean, got text",
      { columns: { path: 'text' as never } },
    ],
  ])('what cannot be meant: %s', (message, options) => {
    expect(() => csv('m.csv', options)).toThrow(UsageError);
    expect(() => csv('m.csv', options)).toThrow(message);
  });
});
