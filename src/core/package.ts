import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

/** Node finds a package by its own name from within: the same folder from `src/`, from `dist/` and where it is installed. */
const require = createRequire(import.meta.url);

/**
 * A file of this package. Worker threads are started from their built files, also by source under test: Node 20 runs no
 * TypeScript.
 *
 * @param path relative to the package's root
 * @example new Worker(packageFile('dist/images/worker.js'))
 */
export function packageFile(path: string): URL {
  return new URL(path, pathToFileURL(require.resolve('fovea/package.json')));
}

/** This package's version. */
export function packageVersion(): string {
  return (require('fovea/package.json') as { version: string }).version;
}
