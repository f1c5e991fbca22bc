import { errorCode } from '../core/errors.ts';

/** Where a job's results and messages go. */
export interface Output {
  /** A line of standard output. */
  result(line: string): void;
  /** A line of standard error. */
  message(line: string): void;
}

/** Standard output and standard error, and what became of them. */
export interface StandardStreams extends Output {
  /** Why standard output takes no more, once that is so. */
  readonly failure: Error | undefined;
  /** Waits until all that was written is out, or has failed. */
  flush(): Promise<void>;
}

/**
 * Opens the standard streams.
 *
 * @param onFailure called once, when standard output fails: its reader is gone (`EPIPE`), or a disk is full
 */
export function openStandardStreams(onFailure: () => void): StandardStreams {
  let failure: Error | undefined;
  const fail = (error: Error): void => {
    if (failure) return;
    failure = error;
    onFailure();
  };
  process.stdout.on('error', fail);
  process.stderr.on('error', () => {}); // there is nobody left to tell
  return {
    result(line) {
      if (!failure) process.stdout.write(`${line}\n`);
    },
    message(line) {
      process.stderr.write(`${line}\n`);
    },
    get failure() {
      return failure;
    },
    async flush() {
      if (failure) return;
      const error = await new Promise<Error | null | undefined>((resolve) =>
        process.stdout.write('', resolve),
      );
      if (error) fail(error);
    },
  };
}

/** Whether a stream failed because its reader has seen enough, as `head` has: no failure of ours. */
export function readerIsGone(failure: Error): boolean {
  return errorCode(failure) === 'EPIPE';
}
