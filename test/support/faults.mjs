/**
 * Makes the file system fail as it does on a full disk or in a foreign folder, for root too: a preload for a child process,
 * `node --import ./test/support/faults.mjs`. FOVEA_FAULT says which call fails, with which code, on which paths:
 * `rename EACCES my-run`. `open ENOSPC name` opens files of that name for writing, and refuses every byte.
 */
import { promises } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [call, code, part] = process.env.FOVEA_FAULT.split(' ');
const original = promises[call];

promises[call] = async (path, ...rest) => {
  if (!String(path).includes(part)) return original(path, ...rest);
  if (call === 'open') {
    if (rest[0] !== 'w') return original(path, ...rest);
    if (code === 'ENOSPC') {
      await (await original(path, 'w')).close();
      return original('/dev/full', 'w');
    }
  }
  throw Object.assign(new Error(`${code}: injected, ${call} '${path}'`), { code, path, syscall: call });
};
syncBuiltinESMExports();
