import { UsageError } from '../../core/errors.ts';
import { exponential, fixed, shortest } from './number-text.ts';

/** How a number is written, after Python's format strings. */
interface Format {
  readonly fill: string;
  readonly align: string;
  readonly sign: string;
  readonly width: number;
  readonly precision: number;
  readonly type: string;
}

type Part = string | { readonly name: string; readonly format: Format };

/** A path with `{epoch:02d}` and `{val_loss:.2f}` in it, into which numbers are put by their names. */
export interface FilePath {
  /** @throws {UsageError} when a name has no number */
  fill(numbers: Readonly<Record<string, number>>): string;
}

const counted = ['epoch', 'batch'];
const help = 'for instance {epoch:02d}, {val_loss:.2f}, {val_loss:.3e} or {val_accuracy:.1%}';

/**
 * @param where what errors call the owner
 * @throws {UsageError} when what stands in braces is no name with a format
 */
export function parseFilePath(path: string, where: string): FilePath {
  const refuse = (what: string): never => {
    throw new UsageError(`${where}: filepath '${path}': ${what}`);
  };
  const parts = [...path.matchAll(/\{\{|\}\}|\{([^{}:]*):?([^{}]*)\}|[{}]|[^{}]+/g)].map(
    ([text, name, spec]): Part => {
      if (text === '{{' || text === '}}') return text[0]!;
      if (text === '{' || text === '}')
        return refuse(`a lone ${text}; braces hold a name, ${help}; double them for themselves`);
      if (name === undefined) return text;
      const format = parseFormat(spec!, counted.includes(name));
      if (name === '' || !format) return refuse(`cannot put a number into ${text}; ${help}`);
      return { name, format };
    },
  );
  return {
    fill: (numbers) =>
      parts
        .map((part) => {
          if (typeof part === 'string') return part;
          if (Object.hasOwn(numbers, part.name))
            return formatted(numbers[part.name]!, part.format, counted.includes(part.name));
          return refuse(`there is no number '${part.name}'; there are ${Object.keys(numbers).join(', ')}`);
        })
        .join(''),
  };
}

/** @returns undefined when it is none, or none for such a number */
function parseFormat(spec: string, isWhole: boolean): Format | undefined {
  const found = /^(?:(.)?([<>=^]))?([-+ ]?)(0?)(\d{0,2})(?:\.(\d{1,2}))?([dfFeE%]?)$/u.exec(spec);
  if (!found) return undefined;
  const [, fill, align, sign, zero, width, precision, type] = found;
  if (precision !== undefined && (type === '' || type === 'd')) return undefined;
  if (type === 'd' && !isWhole) return undefined;
  return {
    fill: fill ?? (zero || ' '),
    align: align ?? (zero ? '=' : '>'),
    sign: sign!,
    width: Number(width),
    precision: Number(precision ?? 6),
    type: type!,
  };
}

function formatted(value: number, { fill, align, sign, width, precision, type }: Format, isWhole: boolean) {
  const isNegative = value < 0 || Object.is(value, -0);
  const size = Math.abs(value);
  const lead = isNegative ? '-' : sign.replace('-', '');
  const digits = digitsOf(size, type.toLowerCase(), precision, isWhole);
  const body = type === 'E' || type === 'F' ? digits.toUpperCase() : digits;
  const padding = Math.max(0, width - lead.length - body.length);
  if (align === '=') return lead + fill.repeat(padding) + body;
  const before = { '<': 0, '^': Math.floor(padding / 2) }[align] ?? padding;
  return fill.repeat(before) + lead + body + fill.repeat(padding - before);
}

function digitsOf(size: number, type: string, precision: number, isWhole: boolean): string {
  if (type === 'f') return fixed(size, precision);
  if (type === 'e') return exponential(size, precision);
  if (type === '%') return `${fixed(size * 100, precision)}%`;
  return isWhole ? String(size) : shortest(size);
}
