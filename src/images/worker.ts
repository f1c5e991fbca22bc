import { parentPort } from 'node:worker_threads';
// Both decoders are loaded at once, so that a missing binary fails the worker and not each image.
import '@julusian/jpeg-turbo';
import 'sharp';
import { DataError, errorMessage } from '../core/errors.ts';
import { runOps } from './apply.ts';
import { type DecodedImage, decodeBytes, probeImage } from './decode.ts';
import { checkDecodeOptions } from './decode-options.ts';
import { RecycledMemory } from './memory.ts';
import type { Reply, Task, TaskResult } from './protocol.ts';
import { type ImageSource, nameOf, readSource } from './source.ts';

const port = parentPort;
if (!port) throw new Error('images/worker.js runs as a worker thread only');

const memory = new RecycledMemory();
const defaults = checkDecodeOptions({}, 'decodeImage');

/**
 * Decodes an image and uses its pixels. Between the two no other task has its turn where the pixels lie in memory that
 * is used again: a JPEG's are there at once, and only what libvips decodes, in memory of its own, is waited for.
 */
async function decoded<T>(
  source: ImageSource,
  options = defaults,
  use: (image: DecodedImage) => T,
): Promise<T> {
  const bytes = await readSource(source);
  const image = decodeBytes(nameOf(source), bytes, options, memory);
  return use(image instanceof Promise ? await image : image);
}

async function perform(task: Task): Promise<TaskResult> {
  const { source } = task;
  if (task.kind === 'run') {
    const { ops, draw } = task;
    if (typeof source === 'object' && 'dtype' in source) return runOps('image', source, ops, draw, memory);
    const options = ops[0]?.op === 'decodeImage' ? ops[0] : undefined;
    return decoded(source, options, ({ pixels }) => runOps(nameOf(source), pixels, ops, draw, memory));
  }
  if (task.kind === 'probe') return probeImage(task.source);
  return decoded(task.source, undefined, ({ pixels, info }) => {
    memory.free(pixels.data);
    return info;
  });
}

port.on('message', ({ id, task }: { id: number; task: Task }) => {
  perform(task).then(
    (result) => {
      const reply: Reply = { id, result };
      port.postMessage(reply, 'data' in result ? [result.data.buffer as ArrayBuffer] : []);
    },
    (error: unknown) => {
      const reply: Reply = { id, error: { data: error instanceof DataError, message: errorMessage(error) } };
      port.postMessage(reply);
    },
  );
});
