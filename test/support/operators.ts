import { readdirSync } from 'node:fs';
import type { Operator } from '../../src/graph/value.ts';

const folder = new URL('../../src/ops/', import.meta.url);

/** Every operator that a module of `src/ops` exports, by the name under which it does. */
export async function exportedOperators(): Promise<Map<string, Operator>> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'));
  const modules = await Promise.all(files.map((name) => import(new URL(name, folder).href)));
  const exports = modules.flatMap((module: Record<string, unknown>) => Object.entries(module));
  return new Map(
    exports.flatMap(([name, value]) =>
      typeof value === 'function' && 'op' in value ? [[name, value.op as Operator] as const] : [],
    ),
  );
}
