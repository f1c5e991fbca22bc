/**
 * Makes the file system fail as it does on a full disk or in a foreign folder, for root too: a preload for a child process,
 * `node --import ./test/support/faults.mjs`. FOVEA_FAULT holds faults, separated by `;`, each `CALL CODE PATH [WHICH]`:
 * the call of node:fs/promises that fails, with which code, on paths that match the regular expression, and which of these
 * calls: `3` the third alone, `3+` from the third on, all without it.
 *
 * - `rename EACCES my-run`: renaming that run is refused
 * - `open ENOSPC name`: files of that name open for writing, and refuse every byte
 * - `sync EIO model.ckpt 2`: the second fsync of such a file fails (`sync EIO /runs/1$`: of the folder)
 * - `rename SIGKILL model.ckpt 5`: kills the process where it would rename such a file for the fifth time
 */
import { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const forWriting = ['w', 'wx', 'a', 'ax'];
const faults = process.env.FOVEA_FAULT.split(';').map((text) => {
  const [call, code, pattern, which = '1+'] = text.trim().split(' ');
  return {
    call,
    code,
    path: new RegExp(pattern),
    nth: Number.parseInt(which, 10),
    on: which.endsWith('+'),
    count: 0,
  };
});

/** The fault that this call meets. */
function met(call, path) {
  return faults
    .filter((fault) => fault.call === call && fault.path.test(String(path)))
    .find((fault) => {
      fault.count++;
      return fault.on ? fault.count >= fault.nth : fault.count === fault.nth;
    });
}

async function fail({ call, code }, path) {
  if (code.startsWith('SIG')) {
    process.kill(process.pid, code);
    await new Promise(() => {}); // never goes on
  }
  throw Object.assign(new Error(`${code}: injected, ${call} '${path}'`), { code, path, syscall: call });
}

const { open } = promises;
promises.open = async (path, flags, ...rest) => {
  const fault = forWriting.includes(flags) ? met('open', path) : undefined;
  if (fault && fault.code !== 'ENOSPC') await fail(fault, path);
  const handle = await open(path, flags, ...rest);
  if (fault) {
    await handle.close();
    return open('/dev/full', 'w');
  }
  const { sync } = handle;
  handle.sync = async () => {
    const failing = met('sync', path);
    if (failing) await fail(failing, path);
    return sync.call(handle);
  };
  return handle;
};

for (const call of new Set(faults.map((fault) => fault.call))) {
  if (call === 'open' || call === 'sync') continue;
  const original = promises[call];
  promises[call] = async (path, ...rest) => {
    const fault = met(call, path);
    if (fault) await fail(fault, path);
    return original(path, ...rest);
  };
}
syncBuiltinESMExports();
