import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { JobEvent } from '../../src/oct/events.ts';

/** The built command line. */
export const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const faults = new URL('./faults.mjs', import.meta.url).href;

/** What a person has of a command that ended. */
export interface Outcome {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A fault for `faults.mjs`. */
  readonly fault?: string;
}

/** A command that runs. */
export interface Command {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<Outcome>;
  /** Resolves when standard output or standard error has this text; rejects when the command ends without it. */
  saying(text: string): Promise<void>;
}

/** Starts the built command line as a user does, in a process of its own. */
export function startFovea(args: readonly string[], options: CommandOptions = {}): Command {
  const { cwd, env, fault } = options;
  const preload = fault === undefined ? [] : ['--import', faults];
  const child = spawn(process.execPath, [...preload, main, ...args], {
    ...(cwd !== undefined && { cwd }),
    env: { ...process.env, FOVEA_DEBUG: '', ...(fault !== undefined && { FOVEA_FAULT: fault }), ...env },
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => resolve({ status, signal, stdout, stderr }));
  });
  const saying = (text: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (stdout.includes(text) || stderr.includes(text)) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('close', () => reject(new Error(`it never said '${text}', but: ${stdout}${stderr}`)));
      look();
    });
  return { child, ended, saying };
}

/** Runs the built command line to its end. */
export function fovea(args: readonly string[], options?: CommandOptions): Promise<Outcome> {
  return startFovea(args, options).ended;
}

/** The events of `--json`: every line of standard output is one. */
export function eventsOf({ stdout }: Outcome): JobEvent[] {
  return stdout
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as JobEvent);
}

/** The only event of its kind. */
export function eventOf<K extends JobEvent['event']>(
  outcome: Outcome,
  kind: K,
): Extract<JobEvent, { event: K }> {
  const found = eventsOf(outcome).filter(({ event }) => event === kind);
  if (found.length !== 1)
    throw new Error(`${found.length} events '${kind}': ${outcome.stdout}${outcome.stderr}`);
  return found[0] as Extract<JobEvent, { event: K }>;
}

/** The smallest training there is: seconds. */
export const small = [
  '--image-size',
  '32',
  '--head-only',
  '--views',
  '1',
  '--head-epochs',
  '5',
  '--threads',
  '2',
];
