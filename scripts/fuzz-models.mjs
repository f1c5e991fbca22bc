// Random models against Keras, `npm run fuzz:models [count]`: 300 unless told otherwise. Keras makes them in a file of a
// temporary folder, and test/keras-models.test.ts, which has 60 of its own, runs on them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { python } from '../bench/python-env.mjs';

const folder = mkdtempSync(join(tmpdir(), 'fovea-models-'));
const stem = join(folder, 'models');

function run(command, args, env = {}) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  if (status !== 0) process.exitCode = status ?? 1;
  return status === 0;
}

try {
  if (run(python(), ['test/goldens/make_models.py', process.argv[2] ?? '300', stem]))
    run('npx', ['vitest', 'run', 'test/keras-models.test.ts'], { FOVEA_MODELS: stem });
} finally {
  rmSync(folder, { recursive: true, force: true });
}
