import { expect, test } from 'vitest';
import { workerUrl } from './workers.ts';

test('source starts the built worker; built code starts its neighbour', () => {
  const built = 'file:///home/src/fovea/dist/images/worker.js';
  expect(workerUrl('file:///home/src/fovea/src/images/pool.ts', './worker.js').href).toBe(built);
  expect(workerUrl('file:///home/src/fovea/dist/images/pool.js', './worker.js').href).toBe(built);
});
