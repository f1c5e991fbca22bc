import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DataError } from '../src/core/errors.ts';
import { ops } from '../src/images/ops.ts';
import { ImagePool } from '../src/images/pool.ts';
import { mutate } from './support/mutator.ts';

const goldens = new URL('goldens/images/', import.meta.url);
const sources = readdirSync(goldens).filter(
  (name) => /\.(jpg|png|tiff|webp|gif|bmp)$/.test(name) && name !== 'float.tiff',
);

// `npm run fuzz:images` asks for more, in a folder that it compares with Pillow; see scripts/fuzz-images.mjs.
const count = Number(process.env.FOVEA_MUTATED_COUNT ?? 240);
const wanted = process.env.FOVEA_MUTATED_FOLDER;
const folder = wanted ?? mkdtempSync(join(tmpdir(), 'fovea-mutated-'));
const pool = new ImagePool({ threads: 2 });
afterAll(async () => {
  await pool.close();
  if (!wanted) rmSync(folder, { recursive: true });
});

const files = Array.from({ length: count }, (_, i) => {
  const source = sources[i % sources.length]!;
  const path = join(folder, `${String(i).padStart(5, '0')}-${source}`);
  writeFileSync(path, mutate(readFileSync(new URL(source, goldens)), 7, i));
  return path;
});

/** What a promise comes to: a DataError counts, any other failure does not. */
async function outcome<T>(work: Promise<T>): Promise<T | DataError> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

test(`${count} mutated files give the declared shape or an error that names them`, {
  timeout: 60_000 + 50 * count,
}, async () => {
  const results = await Promise.all(
    files.map(async (path) => {
      const [declared, pixels, accurate] = await Promise.all([
        outcome(pool.probe(path)),
        outcome(pool.run(path, [])),
        outcome(pool.run(path, [ops.decodeImage({ dctMethod: 'integerAccurate', channels: 4 })])),
      ]);
      for (const result of [declared, pixels, accurate]) {
        if (result instanceof DataError) expect(result.message).toContain(path);
      }
      if (!(pixels instanceof DataError)) {
        expect(declared, `${path} was decoded`).not.toBeInstanceOf(DataError);
        const { height, width, channels } = pixels;
        expect(declared).toMatchObject({ height, width, channels });
        expect(pixels.data.length).toBe(height * width * channels);
      }
      return [path, pixels instanceof DataError ? pixels.message : `${pixels.height}×${pixels.width}`];
    }),
  );
  // Damage that no decoder can see is rare, and so is a mutation that leaves nothing whole.
  const refused = results.filter(([, result]) => result!.includes(folder)).length;
  expect(refused).toBeGreaterThan(count / 4);
  expect(refused).toBeLessThan(count);
  if (wanted) writeFileSync(join(folder, 'results.json'), JSON.stringify(Object.fromEntries(results)));
});
