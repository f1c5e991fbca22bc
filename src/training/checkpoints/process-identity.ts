import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { errorCode } from '../../core/errors.ts';

/** One process among all hosts and times. What the system does not tell is null. */
export interface ProcessIdentity {
  readonly host: string;
  /** Of the host's running system, new at each start. */
  readonly boot: string | null;
  /** Where the process ID counts: containers of one host count apart. */
  readonly namespace: string | null;
  readonly pid: number;
  /** When the process was started, in ticks since the boot: process IDs are used again. */
  readonly started: string | null;
}

export async function thisProcess(): Promise<ProcessIdentity> {
  const [boot, namespace, status] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => null),
    readlink('/proc/self/ns/pid').catch(() => null),
    statusOf(process.pid),
  ]);
  return {
    host: hostname(),
    boot: boot?.trim() ?? null,
    namespace,
    pid: process.pid,
    started: status?.started ?? null,
  };
}

/** Whether the IDs of both count in the same table of processes. */
export function areNeighbours(a: ProcessIdentity, b: ProcessIdentity): boolean {
  return a.host === b.host && a.boot === b.boot && a.namespace === b.namespace;
}

/**
 * Whether a neighbour still runs.
 *
 * @returns undefined where only its ID is known to be in use, perhaps by another process
 */
export async function isRunning({ pid, started }: ProcessIdentity): Promise<boolean | undefined> {
  if (started === null) return exists(pid) ? undefined : false;
  const status = await statusOf(pid);
  // A zombie is dead, and waits for its parent to take note.
  return status?.started === started && !'ZX'.includes(status.state);
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** From /proc/PID/stat, see proc_pid_stat(5): fields 3 and 22. The second is a name in brackets, with anything in it. */
async function statusOf(pid: number): Promise<{ state: string; started: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, started] = [fields?.[0], fields?.[19]];
  return state !== undefined && started !== undefined ? { state, started } : undefined;
}
