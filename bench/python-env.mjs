import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** The Python of `.python`, which is made with bench/requirements.txt where it is missing. */
export function python() {
  const path = `${root}.python/bin/python`;
  if (!existsSync(path)) {
    console.error('making a Python environment in .python (a few minutes, about 2 GB)');
    execFileSync('python3', ['-m', 'venv', `${root}.python`], { stdio: 'inherit' });
    execFileSync(path, ['-m', 'pip', 'install', '-q', '-r', `${root}bench/requirements.txt`], {
      stdio: 'inherit',
    });
  }
  return path;
}
