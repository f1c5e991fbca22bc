import type { Listener } from '../oct/events.ts';
import { describeFailure } from './failure.ts';
import { awaitInterruption } from './interruption.ts';
import { jsonView } from './json-view.ts';
import { openStandardStreams, readerIsGone, type StandardStreams } from './output.ts';
import { type Call, commandNames, parseCommandLine } from './parse.ts';
import { commandName, personView } from './person-view.ts';
import type { View } from './view.ts';

/**
 * Runs a command line, and says with which status the process should end: 0 done, 1 failure, 2 wrong call or wrong
 * data, 130 after Ctrl-C, 143 after SIGTERM.
 *
 * @param args without the names of Node and the script
 * @param debug whether failures come with their stacks
 */
export async function runCommandLine(args: readonly string[], debug: boolean): Promise<number> {
  let call: Call;
  try {
    call = parseCommandLine(args);
  } catch (error) {
    const { status, message } = describeFailure(error, debug);
    if (message) process.stderr.write(`${message} (see ${helpFor(args)})\n`);
    return status;
  }
  return runCall(call, args, debug);
}

function helpFor([command]: readonly string[]): string {
  return commandNames.some((name) => name === command) ? `fovea ${command} --help` : 'fovea --help';
}

async function runCall(call: Call, args: readonly string[], debug: boolean): Promise<number> {
  const streams = openStandardStreams(() => interruption.stop());
  const view = await openView(call, args, streams);
  const interruption = awaitInterruption(
    () => {
      view.rest();
      streams.message('Stopping after this step; Ctrl-C again ends at once.');
    },
    () => view.rest(),
  );
  let saved = false;
  let failure: unknown;
  try {
    const listen: Listener = (event) => {
      saved ||= event.event === 'saved';
      view.show(event);
    };
    await start(call, listen, interruption.signal);
  } catch (error) {
    failure = error;
  }
  view.end();
  view.rest();
  interruption.dispose();
  await streams.flush();

  const { signal, exitStatus } = interruption;
  if (failure !== undefined && !(signal.aborted && failure === signal.reason)) {
    const { status, message } = describeFailure(failure, debug);
    if (message) streams.message(message);
    return status;
  }
  if (exitStatus !== undefined) {
    if ((call.command === 'train' || call.command === 'fashion-mnist') && !saved) {
      streams.message('Stopped before anything was learned; nothing is saved.');
    }
    return exitStatus;
  }
  if (streams.failure && !readerIsGone(streams.failure)) {
    streams.message(`fovea: cannot write to standard output: ${streams.failure.message}`);
    return 1;
  }
  return 0;
}

/** The engine is loaded only now, so that `--help` answers at once. */
async function start(call: Call, listen: Listener, signal: AbortSignal): Promise<unknown> {
  const withSignal = { ...call.options, signal };
  switch (call.command) {
    case 'train':
      return (await import('../oct/train.ts')).train(call.data, withSignal, listen);
    case 'fashion-mnist':
      return (await import('../tutorial/fashion-mnist.ts')).trainFashionMnist(withSignal, listen);
    case 'evaluate':
      return (await import('../oct/apply.ts')).evaluate(call.run, call.data, withSignal, listen);
    case 'predict':
      return (await import('../oct/apply.ts')).predict(call.run, call.paths, withSignal, listen);
    case 'checkpoints':
      return (await import('../oct/listings.ts')).listCheckpoints(call.folder, listen);
    case 'runs':
      return (await import('../oct/listings.ts')).listRuns(call.folder, listen);
  }
}

async function openView({ json }: Call, args: readonly string[], streams: StandardStreams): Promise<View> {
  if (json) return jsonView(streams);
  const bar = process.stderr.isTTY && (await import('./progress-bar.ts')).progressBar(process.stderr);
  const command = commandName(process.argv[1]!, process.cwd(), process.env);
  return personView(streams, bar || undefined, command, args);
}
