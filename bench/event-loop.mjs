/** How long the main thread was blocked at most during the main job: `node bench/event-loop.mjs`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { train } from '../dist/modules/oct/train.js';

const folder = mkdtempSync(join(tmpdir(), 'fovea-'));
const resolution = 5;
const delay = monitorEventLoopDelay({ resolution });
const longest = {};
let stage = 'start';
const note = () => {
  longest[stage] = Math.max(longest[stage] ?? 0, Math.round(delay.max / 1e6) - resolution);
  delay.reset();
};
delay.enable();
await train('sample', { out: join(folder, 'run'), views: 2, headEpochs: 50 }, (event) => {
  if (event.event === 'progress' && event.stage !== stage) {
    note();
    stage = event.stage;
  }
});
note();
console.log(
  `longest blocks of the main thread, ms, by the stage in which they ended: ${JSON.stringify(longest)}`,
);
rmSync(folder, { recursive: true });
