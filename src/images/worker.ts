import { parentPort } from 'node:worker_threads';
import { DataError, errorMessage } from '../core/errors.ts';
import { decodeImage, probeImage } from './decode.ts';
import type { Reply, Task, TaskResult } from './protocol.ts';
import { render } from './render.ts';

const port = parentPort;
if (!port) throw new Error('images/worker.js runs as a worker thread only');

async function perform(task: Task): Promise<TaskResult> {
  switch (task.kind) {
    case 'probe':
      return await probeImage(task.path);
    case 'check':
      return (await decodeImage(task.path)).info;
    case 'read':
      return render((await decodeImage(task.path, task.channels)).pixels, task);
  }
}

port.on('message', ({ id, task }: { id: number; task: Task }) => {
  perform(task).then(
    (result) => {
      const reply: Reply = { id, result };
      port.postMessage(reply, result instanceof Uint8Array ? [result.buffer] : []);
    },
    (error: unknown) => {
      const reply: Reply = { id, error: { data: error instanceof DataError, message: errorMessage(error) } };
      port.postMessage(reply);
    },
  );
});
