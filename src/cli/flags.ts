import { UsageError } from '../core/errors.ts';

/** What the command line checks of a flag's text. Each returns a parser, which throws a `UsageError`. */

type Parser<T> = (text: string) => T;

/** A whole number in decimal digits, from `least` to `most`. */
export function wholeNumber(flag: string, least: number, most: number): Parser<number> {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw refused(flag, `a whole number from ${least} to ${most}`, text);
  };
}

/** A decimal number, such as `0.001` or `1e-3`, that `accepts` takes; `range` says which. */
export function decimal(flag: string, range: string, accepts: (value: number) => boolean): Parser<number> {
  return (text) => {
    const value = /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (Number.isFinite(value) && accepts(value)) return value;
    throw refused(flag, `a number ${range}`, text);
  };
}

/** The name of a file or folder. An empty one would stand for the folder one is in, which nobody means. */
export function path(what: string): Parser<string> {
  return (text) => {
    if (text !== '' && !text.includes('\0')) return text;
    throw refused(what, 'a name', text);
  };
}

function refused(flag: string, expected: string, text: string): UsageError {
  return new UsageError(`${flag} must be ${expected}, got '${text}'`);
}
