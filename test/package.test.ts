import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('..', import.meta.url));

/** Without what npm tells the scripts that it runs, so that a test run by npm sees what a person's shell has. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));

let folder: string;
let app: string;
let files: string[];

/** Runs a command in the folder where the package is installed. */
const inApp = async (command: string, ...args: string[]): Promise<string> =>
  (await run(command, args, { cwd: app, env })).stdout;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fovea-package-'));
  app = join(folder, 'app');
  await mkdir(app);
  await run('npm', ['run', 'build'], { cwd: repository, env }); // npm packs what is there
  const pack = ['pack', '--json', '--pack-destination', folder];
  const { stdout } = await run('npm', pack, { cwd: repository, env, maxBuffer: 2 ** 24 });
  const [packed] = JSON.parse(stdout) as [{ filename: string; files: { path: string }[] }];
  files = packed.files.map(({ path }) => path);
  await writeFile(join(app, 'package.json'), '{ "name": "app", "private": true, "type": "module" }');
  const install = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund'];
  await inApp('npm', ...install, join(folder, packed.filename));
}, 300_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

it('holds what it needs, and nothing else', () => {
  const tops = new Set(files.map((path) => path.split('/')[0]));
  expect([...tops].sort()).toEqual([
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'dist',
    'package.json',
    'samples',
    'weights',
  ]);
  expect(files.filter((path) => /\.test\.|\.map$|tsbuildinfo|^dist\/modules/.test(path))).toEqual([]);
  expect(files).toContain('weights/vgg16-imagenet-notop.safetensors');
  expect(files).toContain('samples/oct/LICENSE');
});

it('has a command', async () => {
  expect(await inApp('npx', '--no-install', 'fovea', '--help')).toContain('Usage: fovea');
});

it('trains the sample', async () => {
  const small = ['--image-size', '32', '--head-only', '--views', '1', '--json', '--out', 'my-run'];
  const stdout = await inApp('npx', '--no-install', 'fovea', 'train', 'sample', ...small);
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string });
  expect(events.at(-1)).toEqual({ event: 'saved', run: 'my-run', interrupted: false });
  expect(events.at(-2)).toMatchObject({ event: 'evaluation', images: 101 });
});

it('has every path that it exports', async () => {
  const { exports } = JSON.parse(await readFile(join(repository, 'package.json'), 'utf8')) as {
    exports: Record<string, { types: string; default: string } | string>;
  };
  const paths = Object.keys(exports).filter((path) => path !== './package.json');
  await writeFile(
    join(app, 'paths.mjs'),
    `for (const path of process.argv.slice(2)) if (Object.keys(await import('fovea' + path)).length === 0) throw path;`,
  );
  await inApp('node', 'paths.mjs', ...paths.map((path) => path.slice(1)));
  for (const target of Object.values(exports)) {
    if (typeof target === 'string') continue;
    expect(files).toContain(target.types.slice(2));
    expect(files).toContain(target.default.slice(2));
  }
});

it('has one instance of each class, whichever path it comes from', async () => {
  await writeFile(
    join(app, 'same.mjs'),
    `import { layers, Model, optimizers, UsageError } from 'fovea';
     import * as errors from 'fovea/errors';
     import { Layer, dense, input } from 'fovea/layers';
     import { Functional, Model as SameModel } from 'fovea/models';
     const x = input({ shape: [2] });
     const model = new Functional({ inputs: x, outputs: layers.dense({ units: 1 }).apply(x) });
     let thrown;
     try {
       dense({ units: -1 });
     } catch (error) {
       thrown = error;
     }
     console.log(
       JSON.stringify([
         model instanceof Model, Model === SameModel, model.layers.every((layer) => layer instanceof Layer),
         layers.dense === dense, errors.UsageError === UsageError, thrown instanceof errors.FoveaError, thrown.name,
       ]),
     );`,
  );
  expect(JSON.parse(await inApp('node', 'same.mjs'))).toEqual([
    true,
    true,
    true,
    true,
    true,
    true,
    'UsageError',
  ]);
});

/** What Node loads together with a file: files of the package, and other packages. */
async function loadedWith(file: string): Promise<{ own: string[]; others: string[] }> {
  const own = new Set([file]);
  const others = new Set<string>();
  for (const path of own) {
    const code = await readFile(join(repository, path), 'utf8');
    for (const [, to] of code.matchAll(/^(?:import|export)\b[^"\n]*"([^"\n]+)";$/gm)) {
      if (to!.startsWith('.')) own.add(join(dirname(path), to!));
      else if (!to!.startsWith('node:')) others.add(to!);
    }
  }
  return { own: [...own], others: [...others].sort() };
}

const library = 'dist/chunks/library.js';

it('is few files, and needs no other package to begin with', async () => {
  const { own, others } = await loadedWith('dist/index.js');
  expect(own).toContain(library);
  expect(own.length).toBeLessThan(6);
  expect(others).toEqual([]);
});

it.each([
  ['dist/cli/main.js', ['commander']],
  ['dist/images/worker.js', ['@julusian/jpeg-turbo', 'sharp']],
  ['dist/runtime/worker.js', ['onnxruntime-node']],
])('starts %s without the library', async (file, packages) => {
  const { own, others } = await loadedWith(file);
  expect(own).not.toContain(library);
  expect(others).toEqual(packages);
});

it('is typed, and the program in the README trains', async () => {
  const readme = await readFile(join(repository, 'README.md'), 'utf8');
  const program = /```ts\n([\s\S]*?)```/.exec(readme)![1]!;
  const wrong = "// @ts-expect-error a number\nexport const wrong = () => layers.dense({ units: 'four' });\n";
  await writeFile(join(app, 'program.ts'), program + wrong);
  const options = {
    strict: true,
    module: 'nodenext',
    target: 'es2023',
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(repository, 'node_modules/@types')],
  };
  await writeFile(
    join(app, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, files: ['program.ts'] }),
  );
  const checked = inApp('node', join(repository, 'node_modules/typescript/bin/tsc'), '-p', '.');
  await expect(checked.catch(({ stdout }: { stdout: string }) => stdout)).resolves.toBe('');
  expect(await inApp('node', 'program.js')).toMatch(/^\[ [\d.]+, [\d.]+ \]\n$/);
});
