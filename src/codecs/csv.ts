import { DataError } from '../core/errors.ts';
import { fileChunks, regularFile } from './file-chunks.ts';

/** Fields of a row, and the line that it begins on, counted from 1. */
export interface CsvRow {
  readonly line: number;
  readonly fields: readonly string[];
}

/** A row beyond this has a quote that was never closed. */
const longestRow = 2 ** 24;

/**
 * The rows of a CSV file as RFC 4180 has them: fields in quotes may hold delimiters, line breaks, and quotes, doubled.
 * Lines end in LF or CRLF; empty lines are passed over; a byte order mark is too.
 *
 * @throws {DataError} names the file and the line where a quote is misplaced or never closed, or text is no UTF-8
 */
export async function* readCsv(path: string, delimiter = ','): AsyncGenerator<CsvRow> {
  await regularFile(path);
  const parser = new CsvParser(path, delimiter);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const text = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch (error) {
      throw new DataError(
        `${path}: about line ${parser.line}: the text is no UTF-8: save the file as UTF-8`,
        {
          cause: error,
        },
      );
    }
  };
  for await (const chunk of fileChunks(path, 'none')) yield* parser.parse(text(chunk));
  yield* parser.parse(text());
  yield* parser.end();
}

type Place = 'field start' | 'plain' | 'quoted' | 'behind quote';

class CsvParser {
  readonly #path: string;
  readonly #delimiter: string;
  #fields: string[] = [];
  #field = '';
  #place: Place = 'field start';
  #length = 0;
  /** The line that is being read, and the one where its row begins. */
  line = 1;
  #rowLine = 1;

  constructor(path: string, delimiter: string) {
    this.#path = path;
    this.#delimiter = delimiter;
  }

  *parse(text: string): Generator<CsvRow> {
    let from = 0; // of the part of the field that is not in #field yet
    for (let i = 0; i < text.length; i++) {
      const character = text[i]!;
      if (++this.#length > longestRow)
        throw this.#fail(this.#rowLine, 'the row does not end: is a quote open?');
      if (this.#place === 'quoted') {
        if (character === '\n') this.line++;
        if (character !== '"') continue;
        this.#field += text.slice(from, i);
        this.#place = 'behind quote';
        from = i + 1;
      } else if (character === '"') {
        if (this.#place === 'plain') throw this.#fail(this.line, 'a quote within a field without quotes');
        if (this.#place === 'behind quote') this.#field += '"'; // the second of two
        this.#place = 'quoted';
        from = i + 1;
      } else if (character === this.#delimiter) {
        this.#endField(text.slice(from, i));
        from = i + 1;
      } else if (character === '\n') {
        this.#endField(text.slice(from, i), true);
        from = i + 1;
        yield* this.#endRow();
      } else if (this.#place === 'field start') {
        this.#place = 'plain';
      } else if (this.#place === 'behind quote') {
        if (character !== '\r') throw this.#fail(this.line, `'${character}' behind a closing quote`);
        from = i + 1;
      }
    }
    this.#field += text.slice(from);
  }

  *end(): Generator<CsvRow> {
    if (this.#place === 'quoted') throw this.#fail(this.#rowLine, 'a quote is never closed');
    if (this.#place === 'field start' && this.#fields.length === 0) return;
    this.#endField('', true);
    yield* this.#endRow();
  }

  #endField(rest: string, endsLine = false): void {
    const field = this.#field + rest;
    const crlf = endsLine && this.#place === 'plain' && field.endsWith('\r');
    this.#fields.push(crlf ? field.slice(0, -1) : field);
    this.#field = '';
    this.#place = 'field start';
  }

  *#endRow(): Generator<CsvRow> {
    const [fields, line] = [this.#fields, this.#rowLine];
    this.#fields = [];
    this.#length = 0;
    this.#rowLine = ++this.line;
    if (fields.length > 1 || fields[0] !== '') yield { line, fields };
  }

  #fail(line: number, why: string): DataError {
    return new DataError(`${this.#path} line ${line}: ${why}`);
  }
}
