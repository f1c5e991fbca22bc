import { errorMessage, FoveaError, UsageError } from '../core/errors.ts';

/** A step failed on one element. `cause` is what a function threw, where one did. */
export class ElementError extends FoveaError {
  readonly exitStatus = 1;
  /** Which element of the dataset before the step, counted from 0 in the order of this pass. */
  readonly element: number;
  /** What the element is of: its text, or its `path`, `file` or `name`. */
  readonly subject: string | undefined;

  constructor(step: string, element: number, cause: unknown, value?: unknown) {
    const subject = subjectOf(value);
    const where = subject === undefined ? `element ${element}` : `element ${element} (${subject})`;
    super(`${step}: ${where}: ${errorMessage(cause)}`, { cause });
    this.element = element;
    this.subject = subject;
  }
}

/** A failure on one element as it is told. The project's own errors say where they happened, and pass; so does an abort. */
export function elementError(step: string, element: number, cause: unknown, value?: unknown): Error {
  if (cause instanceof FoveaError || isAbort(cause)) return cause;
  return new ElementError(step, element, cause, value);
}

export function isAbort(error: unknown): error is Error {
  return error instanceof Error && error.name === 'AbortError';
}

const longestSubject = 300;

function subjectOf(value: unknown): string | undefined {
  const candidates =
    typeof value === 'object' && value !== null
      ? Array.isArray(value)
        ? value
        : ['path', 'file', 'name'].map((key) => (value as Record<string, unknown>)[key])
      : [value];
  const text = candidates.find((candidate) => typeof candidate === 'string');
  return text === undefined || text.length > longestSubject ? undefined : text;
}

/**
 * What `ignoreErrors` left out, over all passes that were given this.
 *
 * @example
 * const ignored = new IgnoredErrors();
 * await images.ignoreErrors({ into: ignored }).forEach(show);
 * console.log(ignored.count, ignored.errors.map(String));
 */
export class IgnoredErrors {
  /** How many elements failed. */
  count = 0;
  /** The first of the failures; each names its element. */
  readonly errors: unknown[] = [];
  readonly #most: number;

  /** @param most how many failures are kept; all are counted. Default: 1000 */
  constructor(most = 1000) {
    if (!Number.isSafeInteger(most) || most < 0) {
      throw new UsageError(`IgnoredErrors: most must be a whole number from 0 on, got ${most}`);
    }
    this.#most = most;
  }

  add(error: unknown): void {
    this.count++;
    if (this.errors.length < this.#most) this.errors.push(error);
  }
}
