/**
 * Writes the package's JavaScript, after tsc has written its declarations and, to `dist/modules/`, its modules one by one:
 * `node scripts/build.mjs`. Node takes half a millisecond for every file that it imports, so the library is one file, and what
 * is needed of it without the rest is two more: by the command line, and by the threads that read images.
 *
 * Files that stay the same are not written again, and none is ever seen half written, since other processes may run them.
 */
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');

const { bin, exports } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
const entries = {
  library: Object.values(exports).flatMap((target) => target.default ?? []),
  images: ['./dist/images/worker.js'],
  common: [...Object.values(bin), './dist/runtime/worker.js'],
};
const nameOf = (built) => /^\.\/dist\/(.+)\.js$/.exec(built)[1];
const sourceOf = (built) => join(root, 'src', `${nameOf(built)}.ts`);

const outputs = await bundle();
for (const { fileName, code, source } of outputs) await writeIfNew(join(dist, fileName), code ?? source);
await removeOthers(outputs.map(({ fileName }) => fileName));

async function bundle() {
  const reached = {};
  const build = await rolldown({
    cwd: root,
    input: Object.fromEntries(
      Object.values(entries).flatMap((paths) => paths.map((path) => [nameOf(path), sourceOf(path)])),
    ),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !isAbsolute(id),
    plugins: [
      {
        name: 'reached',
        buildEnd() {
          const importsOf = (id) => this.getModuleInfo(id)?.importedIds ?? [];
          for (const [kind, paths] of Object.entries(entries))
            reached[kind] = reachable(paths.map(sourceOf), importsOf);
        },
      },
    ],
    onLog(level, { message }) {
      if (level === 'warn') throw new Error(message);
    },
  });
  const { output } = await build.generate({
    entryFileNames: '[name].js',
    chunkFileNames: 'chunks/[name].js',
    sourcemap: true,
    keepNames: true, // what an error is called is its class's name
    codeSplitting: {
      groups: ['common', 'images', 'library'].map((name) => ({
        name,
        test: (id) => reached.library.has(id) && reached[name].has(id),
      })),
    },
  });
  return output;
}

/** The modules that are loaded with these, `import()` aside. */
function reachable(ids, importsOf) {
  const found = new Set(ids);
  for (const id of found) for (const imported of importsOf(id)) found.add(imported);
  return found;
}

async function writeIfNew(path, text) {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, text);
  await rename(`${path}.new`, path);
}

/** Removes what an earlier build wrote and this one does not. */
async function removeOthers(bundled) {
  const sources = await readdir(join(root, 'src'), { recursive: true });
  const names = sources.filter((path) => path.endsWith('.ts')).map((path) => path.slice(0, -'.ts'.length));
  const written = names.flatMap((name) => [`${name}.d.ts`, `modules/${name}.js`, `modules/${name}.js.map`]);
  const kept = new Set([...bundled, ...written].map((path) => join(dist, path)));
  for (const name of await readdir(dist, { recursive: true })) {
    const path = join(dist, name);
    if (/\.(js|js\.map|d\.ts)$/.test(path) && !kept.has(path)) await rm(path, { force: true });
  }
}
