import { inspect } from 'node:util';
import { CommanderError } from 'commander';
import { errorMessage, FoveaError } from '../core/errors.ts';
import { printable } from './text.ts';

/** What to tell of a failure, and the exit status. */
export interface Failure {
  readonly status: number;
  /** `undefined` where commander has answered already, with the help or the version. */
  readonly message: string | undefined;
}

/**
 * Makes one line of whatever was thrown.
 *
 * @param debug whether the stack follows it
 */
export function describeFailure(error: unknown, debug: boolean): Failure {
  const stack = debug ? `\n${inspect(error)}` : '';
  const told = (status: number, words: string): Failure => ({
    status,
    message: `fovea: ${printable(words)}${stack}`,
  });
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return { status: 0, message: undefined };
    if (error.code === 'commander.help') return { status: 2, message: undefined };
    return told(2, error.message.replace(/^error: /, '').replace('\n', ' '));
  }
  if (error instanceof FoveaError) return told(error.exitStatus, error.message);
  const advice = debug ? '' : '; please report it, with what FOVEA_DEBUG=1 shows';
  return told(1, `a fault of the program: ${errorMessage(error)}${advice}`);
}
