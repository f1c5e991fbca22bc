import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const faults = new URL('./faults.mjs', import.meta.url).href;

/**
 * Modules of `src/` as one file that a child process can import, as Node 20 takes no TypeScript.
 *
 * @param sources paths from `src/` on
 * @returns the file's URL
 */
export async function bundled(folder: string, sources: readonly string[]): Promise<string> {
  const entry = join(folder, 'entry.ts');
  const path = (source: string): string => fileURLToPath(new URL(`../../src/${source}`, import.meta.url));
  await writeFile(
    entry,
    sources.map((source) => `export * from ${JSON.stringify(path(source))};\n`).join(''),
  );
  const file = join(folder, 'bundle.mjs');
  const build = await rolldown({ input: entry, platform: 'node' });
  await build.write({ file, format: 'esm', keepNames: true, codeSplitting: false });
  await build.close();
  return pathToFileURL(file).href;
}

/** A script that runs in a process of its own. */
export interface Child {
  readonly process: ChildProcessWithoutNullStreams;
  /** What it wrote to standard output and standard error until it ended, and how it ended. */
  readonly ended: Promise<{ output: string; status: number | null; signal: NodeJS.Signals | null }>;
  /** Resolves when its output has this text; rejects when it ends without it. */
  saying(text: string): Promise<void>;
}

/** @param fault for `faults.mjs` */
export function startScript(script: string, fault?: string): Child {
  const preload = fault === undefined ? [] : ['--import', faults];
  const child = spawn(process.execPath, [...preload, '--input-type=module', '--eval', script], {
    env: { ...process.env, ...(fault !== undefined && { FOVEA_FAULT: fault }) },
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const ended = new Promise<Awaited<Child['ended']>>((done, fail) => {
    child.once('error', fail);
    child.once('close', (status, signal) => done({ output, status, signal }));
  });
  const saying = (text: string): Promise<void> =>
    new Promise((done, fail) => {
      const look = (): void => {
        if (output.includes(text)) done();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      child.once('close', () => fail(new Error(`it never said '${text}', but: ${output}`)));
      look();
    });
  return { process: child, ended, saying };
}
