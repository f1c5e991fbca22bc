// Mutated image files, `npm run fuzz:images [count]`. test/images-mutated.test.ts, which has
// 240 of its own, makes and reads them in a temporary folder: each must give the shape that it declares, or an error that
// names it. Whatever Pillow refuses of JPEG, PNG, TIFF and WebP must be among the errors.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { python } from '../bench/python-env.mjs';

const folder = mkdtempSync(join(tmpdir(), 'fovea-mutated-'));
const count = process.argv[2] ?? '3000'; // of which 2,100 are JPEG, PNG or TIFF

function run(command, args, options) {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 26, ...options });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with status ${status}`);
  return stdout;
}

try {
  run('npx', ['vitest', 'run', 'test/images-mutated.test.ts'], {
    stdio: 'inherit',
    env: { ...process.env, FOVEA_MUTATED_COUNT: count, FOVEA_MUTATED_FOLDER: folder },
  });
  const ours = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8'));
  const theirs = JSON.parse(
    run(python(), ['scripts/pillow_reads.py', folder], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  const decoded = (path) => /^\d+×\d+$/.test(ours[path]);
  const files = Object.keys(ours).filter((path) => /\.(jpg|png|tiff|webp)$/.test(path));
  const missed = files.filter((path) => theirs[path] !== null && decoded(path));
  const stricter = files.filter((path) => theirs[path] === null && !decoded(path));
  console.log(
    `${files.length} files: ${files.filter((path) => !decoded(path)).length} refused by fovea, ` +
      `${files.filter((path) => theirs[path] !== null).length} by Pillow, ${stricter.length} by fovea alone, ${missed.length} by Pillow alone`,
  );
  for (const path of missed) console.log(`Pillow alone refuses ${path}: ${theirs[path]}`);
  if (missed.length > 0) process.exitCode = 1;
} finally {
  if (!process.exitCode) rmSync(folder, { recursive: true, force: true });
}
