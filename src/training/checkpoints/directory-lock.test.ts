import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bundled, startScript } from '../../../test/support/child.ts';
import { SystemError, UsageError } from '../../core/errors.ts';
import { lockDirectory } from './directory-lock.ts';
import { thisProcess } from './process-identity.ts';

let scratch: string;
let modules: string;
let folder: string;
let path: string;
beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'fovea-lock-'));
  modules = await bundled(scratch, ['training/checkpoints/directory-lock.ts']);
});
beforeEach(async () => {
  folder = await mkdtemp(join(scratch, 'run-'));
  path = join(folder, 'training.lock');
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const lock = () => lockDirectory(folder, { what: 'training' });

/** A script that takes the lock, says so, and does this. */
const holding = (then: string): string => `
  const { lockDirectory } = await import(${JSON.stringify(modules)});
  try {
    const lock = await lockDirectory(${JSON.stringify(folder)}, { what: 'training' });
    console.log('locked');
    ${then}
  } catch (error) { console.log(error.name + ': ' + error.message); }`;
const forever = 'setInterval(() => {}, 1000);';

/** A lock file with this holder, touched so many seconds ago. */
async function leave(content: object | string, secondsAgo: number): Promise<void> {
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  const then = new Date(Date.now() - secondsAgo * 1000);
  await utimes(path, then, then);
}

describe('lockDirectory', () => {
  it('refuses a second one in the same process until the first is released', async () => {
    const first = await lock();
    await expect(lock()).rejects.toThrow(UsageError);
    await expect(lock()).rejects.toThrow(
      new RegExp(
        `^${folder}: training is under way here since \\S+Z, by this process on host ${hostname()}; wait until it has ended, stop it, or choose another directory$`,
      ),
    );
    const other = await lockDirectory(folder, { what: 'export' });
    await first.assertHeld();
    await first.release();
    await first.release();
    await expect(first.assertHeld()).rejects.toThrow(SystemError);
    await (await lock()).release();
    await other.release();
    expect(await readdir(folder)).toEqual([]);
  });

  it('makes the directory, and says why where it cannot', async () => {
    const held = await lockDirectory(join(folder, 'a', 'b'), { what: 'training' });
    await held.release();
    await writeFile(join(folder, 'file'), '');
    await expect(lockDirectory(join(folder, 'file'), { what: 'training' })).rejects.toThrow(SystemError);
  });

  it('refuses while another process has it, also one that stands still, and not after kill -9', async () => {
    const child = startScript(holding(forever));
    await child.saying('locked');
    await expect(lock()).rejects.toThrow(`by process ${child.process.pid} on host ${hostname()};`);
    child.process.kill('SIGSTOP');
    await utimes(path, new Date(0), new Date(0));
    await expect(lock()).rejects.toThrow(UsageError);
    child.process.kill('SIGKILL');
    await child.ended;
    await (await lock()).release();
    expect(await readdir(folder)).toEqual([]);
  });

  it.runIf(existsSync('/proc/self/stat'))('takes a zombie for dead', async () => {
    // The shell becomes `sleep`, which never takes note that its child has died.
    const script = holding("process.kill(process.pid, 'SIGKILL');");
    const command = '"$0" --input-type=module --eval "$1" & exec sleep 60';
    const parent = spawn('sh', ['-c', command, process.execPath, script], { stdio: 'ignore' });
    try {
      const state = async () => {
        const { pid } = JSON.parse(await readFile(path, 'utf8')) as { pid: number };
        return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ')[2];
      };
      await expect.poll(state, { timeout: 30_000 }).toBe('Z');
      await (await lock()).release();
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('does not keep the process alive', async () => {
    const { output, status } = await startScript(holding('')).ended;
    expect({ output, status }).toEqual({ output: 'locked\n', status: 0 });
    await (await lock()).release();
  });

  it('lets one of many take over a dead one, time and again', async () => {
    const me = await thisProcess();
    for (let round = 0; round < 20; round++) {
      await leave({ ...me, started: '1', since: 'long ago', token: `${round}` }, 0);
      if (round % 2) await writeFile(`${path}.takeover`, await readFile(path)); // who took over died as well
      const tries = await Promise.allSettled(Array.from({ length: 8 }, lock));
      const held = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
      expect(held).toHaveLength(1);
      await held[0]!.assertHeld();
      await held[0]!.release();
      expect(await readdir(folder)).toEqual([]);
    }
  });

  it('lets one of many processes take over a dead one', async () => {
    await leave({ ...(await thisProcess()), started: '1', since: 'long ago', token: 'a' }, 0);
    const children = Array.from({ length: 4 }, () => startScript(holding(forever)));
    await Promise.all(
      children.map((child) => Promise.race([child.saying('locked'), child.saying('UsageError: ')])),
    );
    for (const child of children) child.process.kill('SIGKILL');
    const outputs = await Promise.all(children.map(async (child) => (await child.ended).output));
    expect(outputs.filter((output) => output === 'locked\n')).toHaveLength(1);
    expect(outputs.filter((output) => output.startsWith('UsageError: '))).toHaveLength(3);
  });

  it('goes by the heartbeat of another host, another container, another boot, and of a torn file', async () => {
    const me = { ...(await thisProcess()), since: '2026-01-01T00:00:00.000Z', token: 'a' };
    const others: (object | string)[] = [
      { ...me, host: 'elsewhere' },
      { ...me, namespace: 'pid:[1]' },
      { ...me, boot: 'another' },
      '',
      '{"host": "elsew',
      'null',
    ];
    for (const other of others) {
      await leave(other, 50);
      await expect(lock()).rejects.toThrow(/its heartbeat is 5\d s old, and it counts as dead after 60 s/);
      await leave(other, 61);
      await (await lock()).release();
    }
    expect(await readdir(folder)).toEqual([]);
  });

  it('does not take another process with the same ID for the holder', async () => {
    const me = { ...(await thisProcess()), since: 'today', token: 'a' };
    await leave({ ...me, started: `${me.started}0` }, 0);
    await (await lock()).release();
    // Where the system does not tell when a process was started, the heartbeat decides.
    await leave({ ...me, started: null }, 50);
    await expect(lock()).rejects.toThrow('its heartbeat is 5');
    await leave({ ...me, started: null }, 61);
    await (await lock()).release();
  });

  it('notices when it was lost, and leaves the lock of whoever has it now', async () => {
    const first = await lock();
    await rm(path);
    await expect(first.assertHeld()).rejects.toThrow(`${path} is no longer this process's`);
    const second = await lock();
    await expect(first.assertHeld()).rejects.toThrow(SystemError);
    await first.release();
    await second.assertHeld();
    await second.release();
  });

  it.skipIf(!existsSync('/dev/full'))('leaves no empty file where the disk is full', async () => {
    const { output } = await startScript(holding(forever), 'open ENOSPC training.lock').ended;
    expect(output).toContain(`SystemError: cannot write ${path}: the disk is full`);
    expect(await readdir(folder)).toEqual([]);
  });
});
