import { CommanderError } from 'commander';
import { expect, it } from 'vitest';
import { ComputeError, DataError } from '../core/errors.ts';
import { describeFailure } from './failure.ts';

it('says the project’s own errors as they are, with their status', () => {
  expect(describeFailure(new DataError('a\nb.png: damaged'), false)).toEqual({
    status: 2,
    message: 'fovea: a\\nb.png: damaged',
  });
  expect(describeFailure(new ComputeError('the loss is NaN'), false).status).toBe(1);
});

it('calls anything else a fault of the program, in one line', () => {
  for (const thrown of [new TypeError('x is not a function'), 'x is not a function']) {
    expect(describeFailure(thrown, false)).toEqual({
      status: 1,
      message:
        'fovea: a fault of the program: x is not a function; please report it, with what FOVEA_DEBUG=1 shows',
    });
  }
});

it('adds the stack, and what caused it, on demand', () => {
  const { message } = describeFailure(new DataError('no', { cause: new Error('inner') }), true);
  expect(message).toMatch(/^fovea: no\nDataError: no\n {4}at [\s\S]*cause[\s\S]*Error: inner/);
});

it('is silent about help and version, and takes commander’s words for a wrong call', () => {
  expect(describeFailure(new CommanderError(0, 'commander.version', '1'), false)).toEqual({
    status: 0,
    message: undefined,
  });
  expect(describeFailure(new CommanderError(1, 'commander.help', '(outputHelp)'), false)).toEqual({
    status: 2,
    message: undefined,
  });
  const wrong = new CommanderError(
    1,
    'commander.unknownOption',
    "error: unknown option '-x'\n(Did you mean -y?)",
  );
  expect(describeFailure(wrong, false)).toEqual({
    status: 2,
    message: "fovea: unknown option '-x' (Did you mean -y?)",
  });
});
