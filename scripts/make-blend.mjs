// Assembles src/images/blend.wat into src/images/blend-wasm.ts: `node scripts/make-blend.mjs`. The assembler, wabt, is
// fetched by npx.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const source = fileURLToPath(new URL('../src/images/blend.wat', import.meta.url));
const target = fileURLToPath(new URL('../src/images/blend-wasm.ts', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fovea-blend-'));
try {
  const binary = join(folder, 'blend.wasm');
  execFileSync('npx', ['--yes', '--package', 'wabt@1.0.39', 'wat2wasm', source, '-o', binary], {
    stdio: 'inherit',
  });
  const lines = readFileSync(binary)
    .toString('base64')
    .match(/.{1,100}/g);
  const text = lines.map((line) => `  '${line}',`).join('\n');
  writeFileSync(
    target,
    `/** blend.wat, assembled by scripts/make-blend.mjs. */\nexport const blendWasm = [\n${text}\n].join('');\n`,
  );
} finally {
  rmSync(folder, { recursive: true });
}
