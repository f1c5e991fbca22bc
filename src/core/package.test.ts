import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { packageFile, packageVersion } from './package.ts';

const root = new URL('../../', import.meta.url);

test('finds a file of the package', () => {
  expect(packageFile('dist/images/worker.js').href).toBe(`${root.href}dist/images/worker.js`);
});

test('tells the version', () => {
  const manifest = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { version: string };
  expect(packageVersion()).toBe(manifest.version);
});
