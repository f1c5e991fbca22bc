import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Answer, serves, stalls, startMirror, type TestMirror } from './support/mirror.ts';

const content = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 7919) >> 3);

/** Downloads in a process of its own, which must end by itself: nothing may be left that keeps it alive. */
const program = `
  const { download } = await import(process.argv[1]);
  const signal = AbortSignal.timeout(60_000);
  const onProgress = (received) => process.stdout.write(received + '\\n');
  await download({ ...JSON.parse(process.argv[2]), signal, onProgress });
`;

let folder: string;
let mirror: TestMirror | undefined;
let children: ChildProcess[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-downloads-'));
  children = [];
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await mirror?.close();
  await rm(folder, { recursive: true, force: true });
});

function start(url: string): ChildProcess & { stdout: NonNullable<ChildProcess['stdout']> } {
  const options = {
    urls: [url],
    path: join(folder, 'file.gz'),
    bytes: content.length,
    sha256: createHash('sha256').update(content).digest('hex'),
    instead: '',
  };
  const module = new URL('../dist/modules/datasets/download.js', import.meta.url).href;
  const args = ['--input-type=module', '--eval', program, module, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  return child;
}

const ended = async (child: ChildProcess) => (await once(child, 'exit'))[0] as number | null;

it('lets processes at the same time each have the file', async () => {
  /** Holds every answer back in the middle until all have asked. */
  const waiting: (() => void)[] = [];
  const together: Answer = (_, response) => {
    response.writeHead(200, { 'Content-Length': content.length });
    response.write(content.subarray(0, 100_000));
    waiting.push(() => response.end(content.subarray(100_000)));
    if (waiting.length === 3) for (const goOn of waiting) goOn();
  };
  mirror = await startMirror(together);
  const processes = [start(mirror.url), start(mirror.url), start(mirror.url)];
  expect(await Promise.all(processes.map(ended))).toEqual([0, 0, 0]);
  expect(await readdir(folder)).toEqual(['file.gz']);
  expect(Buffer.compare(await readFile(join(folder, 'file.gz')), content)).toBe(0);
});

it('goes on where a process was killed', async () => {
  mirror = await startMirror(stalls(content, 100_000), serves(content));
  const killed = start(mirror.url);
  for await (const lines of killed.stdout) if (/^100000$/m.test(String(lines))) break;
  killed.kill('SIGKILL');
  if (killed.exitCode === null && killed.signalCode === null) await once(killed, 'exit');
  expect(await readdir(folder)).toEqual([expect.stringMatching(/^file\.gz\..+\.partial$/)]);
  expect(await ended(start(mirror.url))).toBe(0);
  expect(mirror.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-']);
  expect(await readdir(folder)).toEqual(['file.gz']);
  expect(Buffer.compare(await readFile(join(folder, 'file.gz')), content)).toBe(0);
});
