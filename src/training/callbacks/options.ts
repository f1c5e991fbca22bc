import { clearLine, cursorTo } from 'node:readline';
import { type Kind, type OptionsOf, oneOf, optional, text } from '../../core/options.ts';

/** Takes a line for a person, without its end. */
export type Print = (line: string) => void;

/** The option that takes a function. */
export function functionKind<F extends (...args: never[]) => unknown>(of: string): Kind<F> {
  return {
    expected: `a function ${of}`,
    check: (value) => (typeof value === 'function' ? (value as F) : undefined),
  };
}

/** Any number, also NaN and the infinite ones, which JSON has as texts. */
export const anyNumber: Kind<number> = {
  expected: 'a number',
  check: (value) => {
    if (typeof value === 'number') return value;
    return ['NaN', 'Infinity', '-Infinity'].includes(value as string) ? Number(value) : undefined;
  },
};

const verbosity: Kind<0 | 1> = {
  expected: '0 or 1',
  check: (value) => (value === 0 || value === 1 ? value : undefined),
};

const toStandardError: Print = (line) => {
  if (process.stderr.isTTY) {
    // Where a progress bar may stand.
    cursorTo(process.stderr, 0);
    clearLine(process.stderr, 0);
  }
  process.stderr.write(`${line}\n`);
};

/** What callbacks that say what they do have in common. */
export const speaking = {
  /** 1: say what is done. Default 0: warnings alone. */
  verbose: optional(verbosity, 0),
  /** Takes what is said, line by line. Default: to standard error. */
  print: optional(functionKind<Print>('(line) => void'), toStandardError),
};

/** What callbacks that follow a number of the logs have in common. */
export const monitoring = {
  /** The name in the logs. Default `val_loss`. */
  monitor: optional(text, 'val_loss'),
  /** Whether it is to fall (`min`) or to rise (`max`). Default `auto`: by its name, for losses and metrics of Keras. */
  mode: optional(oneOf(['auto', 'min', 'max']), 'auto'),
  ...speaking,
};

export type Monitoring = OptionsOf<typeof monitoring>;
