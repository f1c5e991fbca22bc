/**
 * Where a worker thread's built file is. Node 20 runs no TypeScript, so a worker that source under `src/` starts
 * (as tests do) is taken from `dist/`; a module under `dist/` finds its own neighbour.
 *
 * @example new Worker(workerUrl(import.meta.url, './worker.js'))
 * @param importMetaUrl the caller's `import.meta.url`
 * @param relative the worker's built file, relative to the caller
 */
export function workerUrl(importMetaUrl: string, relative: string): URL {
  const url = new URL(relative, importMetaUrl);
  if (importMetaUrl.endsWith('.ts')) url.pathname = url.pathname.replace(/\/src\/(?!.*\/src\/)/, '/dist/');
  return url;
}
