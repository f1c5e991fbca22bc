import { readFile } from 'node:fs/promises';
import { DataError, errorCode, errorMessage } from '../../core/errors.ts';
import { makeParentFolder, writeFileWhole } from '../../core/files.ts';
import {
  type ConfigOf,
  flag,
  type Kind,
  listOf,
  type OptionsOf,
  optional,
  required,
  resolveOptions,
  text,
} from '../../core/options.ts';
import type { Logs } from '../trainable.ts';
import { RememberingCallback } from './base.ts';
import { csvLine, firstCsvLine } from './csv.ts';
import { shortest } from './number-text.ts';

const separatorKind: Kind<string> = {
  expected: 'a single character, no quotation mark and no end of line',
  check: (value) => (typeof value === 'string' && /^[^"\r\n]$/.test(value) ? value : undefined),
};

const options = {
  filename: required(text),
  /** Between fields. Default a comma. */
  separator: optional(separatorKind, ','),
  /** Goes on with a file that is there. Default false: it is replaced. */
  append: optional(flag, false),
};

const memory = { columns: optional(listOf(text)), written: optional(text, '') };

export type CSVLoggerOptions = ConfigOf<typeof options>;

/**
 * Writes the logs of each epoch as a line of a CSV file. https://keras.io/api/callbacks/csv_logger/
 *
 * The columns are `epoch`, from 0 on, and what the first epoch's logs have, by name; or, with `append`, those that the
 * file has. What an epoch lacks is `NA`. The file is written whole after each epoch, and can be read at any time.
 *
 * @example new CSVLogger({ filename: 'runs/training.csv', append: true })
 */
export class CSVLogger extends RememberingCallback<typeof memory> {
  readonly #options: OptionsOf<typeof options>;

  /** @throws {UsageError} names the option that is wrong */
  constructor(config: CSVLoggerOptions) {
    super('CSVLogger', memory);
    this.#options = resolveOptions(options, config, this.where);
  }

  /**
   * Before any work is lost.
   *
   * @throws {DataError} when the file to append to is no log of epochs
   * @throws {SystemError} when the file cannot be written
   */
  protected override async begin(): Promise<void> {
    const { filename, separator, append } = this.#options;
    const before = append ? await readText(filename) : '';
    if (before !== '') {
      const [first, ...columns] = firstCsvLine(before, separator);
      if (first !== 'epoch') {
        throw new DataError(
          `CSVLogger: cannot append to ${filename}: its first column should be 'epoch', and is '${first}'; choose another file or separator, or append: false`,
        );
      }
      this.memory.columns = columns;
    }
    await makeParentFolder(filename);
    await this.#write(before === '' || before.endsWith('\n') ? before : `${before}\r\n`);
  }

  /** @throws {SystemError} when the file cannot be written */
  async onEpochEnd(epoch: number, logs: Logs): Promise<void> {
    const { separator } = this.#options;
    const { columns = columnsOf(logs), written } = this.memory;
    this.memory.columns = columns;
    const header = written === '' ? csvLine(['epoch', ...columns], separator) : '';
    const fields = columns.map((name) => (Object.hasOwn(logs, name) ? shortest(logs[name]!) : 'NA'));
    await this.#write(written + header + csvLine([String(epoch), ...fields], separator));
  }

  async #write(content: string): Promise<void> {
    await writeFileWhole(this.#options.filename, content);
    this.memory.written = content;
  }
}

/** As in Keras, the columns have room for validation that comes later. */
function columnsOf(logs: Logs): string[] {
  const names = Object.keys(logs).sort();
  return names.some((name) => name.startsWith('val_'))
    ? names
    : [...names, ...names.map((name) => `val_${name}`)];
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw new DataError(`CSVLogger: cannot append to ${path}: ${errorMessage(error)}`, { cause: error });
  }
}
