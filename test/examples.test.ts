import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import ts from 'typescript';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('..', import.meta.url));
const examples = join(repository, 'examples');

/** Within the package, so that its own name leads to it. */
let folder: string;
beforeAll(async () => {
  await mkdir(join(repository, 'runs'), { recursive: true });
  folder = await mkdtemp(join(repository, 'runs', 'examples-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What an example prints, run as a user runs it: on the built package, in a process of its own. */
async function printed(name: string): Promise<string> {
  const source = await readFile(join(examples, name), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: {
      module: ts.ModuleKind.ESNext,
      target: ts.ScriptTarget.ES2023,
      verbatimModuleSyntax: true,
    },
  });
  const file = join(folder, name.replace(/ts$/, 'js'));
  await writeFile(file, outputText);
  return (await run(process.execPath, [file])).stdout;
}

const expected: Record<string, string> = {
  'custom-layer.ts': 'accuracy 1\nthe same when it is loaded true\n',
  'custom-operator.ts': 'accuracy 1\nscales have moved true\n',
};

test('every example is here', async () => {
  expect((await readdir(examples)).filter((name) => name.endsWith('.ts'))).toEqual(
    Object.keys(expected).sort(),
  );
});

test.each(Object.entries(expected))('%s', async (name, output) => {
  expect(await printed(name)).toBe(output);
});
